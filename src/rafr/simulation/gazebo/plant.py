"""The plant as this process sees it: every command and step goes to Gazebo, every state comes from there."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from typing import Any

import numpy as np

from rafr.cases.case import SchantzPin
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.cords import Cords
from rafr.simulation.gazebo.names import REPLIES, REQUESTS, TICK_MS, WRIST
from rafr.simulation.gazebo.server import GazeboServer, require_gazebo
from rafr.simulation.gazebo.wire import RoomState, error_from, state_from
from rafr.simulation.gazebo.wrist import ToolWeight
from rafr.simulation.plant import PlantError, PlantTruth

_START, _PATIENCE, _HELLO = 180.0, 60.0, 0.5  # s: until the first answer, any other; between two hellos
_WRENCH_WAIT = 0.5  # s for the sensor's reading of a tick that has passed
_SETTLE_MS = 5000
_REST = 1e-4


class GazeboPlant:
    """Robot and patient in Gazebo (`rafr.simulation.live.LivePlant`)."""

    def __init__(self, arrangement: Arrangement, *, ros2_control: bool = False) -> None:
        """Starts Gazebo on the arrangement's world and waits until it answers.

        Args:
            ros2_control: gz_ros2_control moves the arm; joint commands given here reach nobody.

        Raises:
            InputError: Gazebo or its Python bindings are not here, or cannot load this world.
        """
        require_gazebo("Gazebo")
        from gz.msgs10.stringmsg_pb2 import StringMsg
        from gz.msgs10.wrench_pb2 import Wrench
        from gz.transport13 import Node

        self.arrangement = arrangement
        arm = ArmModel(arrangement.urdf)
        self._names = arm.joint_names
        self._tool = ToolWeight(arrangement.urdf)
        self._calls: list[tuple[str, list[Any]]] = []
        self._number = 0
        self._answer: dict[str, Any] | None = None
        self._wrenches: dict[int, FloatArray] = {}
        self._changed = threading.Condition()
        self._server = GazeboServer(arrangement, ros2_control=ros2_control)
        self._message = StringMsg
        try:
            self._node = Node()
            self._node.subscribe(StringMsg, REPLIES, self._take_reply)
            self._node.subscribe(Wrench, WRIST, self._take_wrench)
            self._requests = self._node.advertise(REQUESTS, StringMsg)
            self._state = self._greet()
        except BaseException:
            self._server.stop()
            raise
        self._measured = np.zeros(6)

    # ---- talking to Gazebo --------------------------------------------------------------------

    def _take_reply(self, message: Any) -> None:
        reply = json.loads(message.data)
        with self._changed:
            if reply["id"] == self._number:
                self._answer = reply
                self._changed.notify()

    def _take_wrench(self, message: Any) -> None:
        f, t, stamp = message.force, message.torque, message.header.stamp
        with self._changed:
            self._wrenches[1000 * stamp.sec + stamp.nsec // 1_000_000] = np.array(
                [f.x, f.y, f.z, t.x, t.y, t.z]
            )
            for old in sorted(self._wrenches)[:-20]:
                del self._wrenches[old]
            self._changed.notify()

    def _greet(self) -> RoomState:
        """Ask again until the system has built its plant: early messages find no listener."""
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline:
            reply = self._ask({}, _HELLO)
            if reply is not None:
                return state_from(reply["state"])
        raise InputError("Gazebo", f"does not answer after {_START:.0f} s", self._server.advice())

    def _ask(self, request: dict[str, Any], patience: float = _PATIENCE) -> dict[str, Any] | None:
        """Send a request with the calls gathered so far; None when no answer came.

        Raises:
            PlantError: Gazebo has ended, or its state is no longer physically possible.
        """
        with self._changed:
            self._number += 1
            self._answer = None
            content = {"id": self._number, "calls": self._calls, **request}
            self._calls = []
            self._requests.publish(self._message(data=json.dumps(content)))
            deadline = time.monotonic() + patience
            while self._answer is None and time.monotonic() < deadline:
                if not self._changed.wait(0.1):
                    self._server.check()
            reply = self._answer
        if reply is not None and "error" in reply:
            raise error_from(reply["error"])
        return reply

    def _do(self, name: str, *arguments: Any) -> Any:
        """A call whose answer matters now."""
        self._calls.append((name, list(arguments)))
        reply = self._ask({})
        if reply is None:
            raise PlantError(f"Gazebo did not answer {name} within {_PATIENCE:.0f} s")
        self._state = state_from(reply["state"])
        return reply["answers"][-1]

    def _later(self, name: str, *arguments: Any) -> None:
        """A call that goes with the next step."""
        self._calls.append((name, list(arguments)))

    # ---- time ---------------------------------------------------------------------------------

    def step(self, n: int = 1) -> int:
        """Let `n` ms pass, in ticks of 10; returns how many did (none while Gazebo is paused).

        Asked for none, Gazebo is told that it is not alone: time stands still.

        Raises:
            PlantError: Gazebo has ended, does not answer, or its state is not physically possible.
        """
        if n == 0:
            self._ask({})
        for done in range(0, n, TICK_MS):
            reply = self._ask({"tick": True})
            if reply is None:
                raise PlantError(f"Gazebo did not answer within {_PATIENCE:.0f} s")
            if reply.get("paused"):
                time.sleep(0.05)
                return done
            self._state = state_from(reply["state"])
            self._measured = self._await_wrench(self._state.stamp_ms // TICK_MS * TICK_MS)
        return n

    def _await_wrench(self, stamp_ms: int) -> FloatArray:
        """The sensor's reading of that moment, free of the tool's weight; NaN when none comes."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: stamp_ms in self._wrenches, _WRENCH_WAIT)
            reading = self._wrenches[stamp_ms] if arrived else np.full(6, np.nan)
        return self._tool.compensate(reading, self._state.links["clamp"].rotation)

    def settle(self) -> None:
        """Let the patient lie until nothing moves; the clock starts after that."""
        for _ in range(0, _SETTLE_MS, 10 * TICK_MS):
            self.step(10 * TICK_MS)
            if np.abs(self._state.qd).max() < _REST and self._state.resting:
                return

    @property
    def time(self) -> float:
        """Gazebo's clock at the last answer, s."""
        return 1e-3 * self._state.stamp_ms

    def complaints(self) -> list[str]:
        """What Gazebo has called an error so far."""
        return self._server.errors()

    def close(self) -> None:
        """End Gazebo."""
        with suppress(PlantError):
            self._ask({"leave": True}, patience=1.0)
        self._server.stop()

    # ---- commands -----------------------------------------------------------------------------

    def command_joints(self, q: FloatArray) -> None:
        q = np.asarray(q, dtype=float)
        if q.shape != (len(self._names),) or not np.isfinite(q).all():
            raise InputError("joint command", f"{q}", f"{len(self._names)} finite joint positions")
        self._later("command_joints", q.tolist())

    def stop_arm(self) -> None:
        self._later("stop_arm")

    def command_base(self, v: float, omega: float) -> None:
        finite = bool(np.isfinite(v) and np.isfinite(omega))
        self._later("command_base", v if finite else 0.0, omega if finite else 0.0)

    def set_brakes(self, engaged: bool) -> None:
        self._later("set_brakes", engaged)

    def set_holding(self, on: bool) -> None:
        self._later("set_holding", on)

    def set_traction(self, tension: float) -> bool:
        return bool(np.isfinite(tension) and self._do("set_traction", tension))

    def set_clamp(self, closed: bool, body: str = "") -> tuple[bool, str]:
        done, why = self._do("set_clamp", closed, body)
        return bool(done), str(why)

    def fix_body(self, body: str) -> None:
        self._do("fix_body", body)

    def insert_pins(self, body: str) -> None:
        self._do("insert_pins", body)

    def break_traction(self) -> None:
        self._later("break_traction")

    def slip_traction(self) -> None:
        self._later("slip_traction")

    def stick_joint(self, index: int) -> None:
        self._later("stick_joint", index)

    def loosen_pins(self, body: str) -> None:
        self._later("loosen_pins", body)

    def break_pin(self, body: str) -> None:
        self._later("break_pin", body)

    def surge_traction(self) -> None:
        self._later("surge_traction")

    def stiffen_tissue(self, body: str) -> None:
        self._later("stiffen_tissue", body)

    def tether(self, body: str) -> None:
        self._later("tether", body)

    def slip_base(self) -> None:
        self._later("slip_base")

    # ---- state --------------------------------------------------------------------------------

    @property
    def joint_names(self) -> tuple[str, ...]:
        return self._names

    @property
    def resting(self) -> bool:
        return self._state.resting

    @property
    def clamped(self) -> str | None:
        return self._state.clamped

    def joint_state(self) -> tuple[FloatArray, FloatArray]:
        return self._state.q.copy(), self._state.qd.copy()

    def base_state(self) -> tuple[FloatArray, float, float]:
        return self._state.base.copy(), self._state.v, self._state.omega

    def wrench(self) -> FloatArray:
        """(6,) that the wrist's sensor in Gazebo feels, clamp frame, without the tool's weight."""
        return self._measured.copy()

    def world_from_ct(self, body: str) -> RigidTransform:
        return self._state.bodies[body]

    def world_from(self, link: str) -> RigidTransform:
        if link not in self._state.links:
            raise InputError("link", f"{link!r} is not reported", f"one of {', '.join(self._state.links)}")
        return self._state.links[link]

    def steel_pins(self) -> dict[str, tuple[SchantzPin, ...]]:
        return self._state.pins

    def truth(self) -> PlantTruth:
        return self._state.truth

    def cords(self) -> dict[str, Cords]:
        found = self._do("cords")
        return {kind: Cords(np.array(lines), np.array(pull)) for kind, (lines, pull) in found.items()}
