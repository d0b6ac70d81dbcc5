"""The embedded operating room: plant, sensors and devices behind the drivers' topics and services.

Each 10 ms tick is stepped and published and, while the arm controller streams, answered during the next one
(lockstep): the answer takes effect one tick later, whenever it came, as in a driver with a cycle of its own.
Arm commands older than 50 ms of simulated time stop the arm.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import TwistStamped
from rafr_msgs.srv import AcquireCbct, FixBody, SetClamp, SetTraction
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from std_msgs.msg import String
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from rafr.config import option
from rafr.control.traction import TractionWatch
from rafr.errors import InputError, RafrError, one_line
from rafr.nodes.convert import seconds, time_message
from rafr.nodes.domain import stay_on_this_machine
from rafr.nodes.or_outputs import DeviceOutputs, Outputs
from rafr.nodes.or_pins import PinService
from rafr.nodes.runtime import LATCHED, OK, RELIABLE, WARN, RafrNode
from rafr.nodes.work import case_of
from rafr.nodes.worker import WorkerError, run_in_process
from rafr.simulation.arm_line import COMMAND_AGE, TICK, ArmLine
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.c_arm import expose, write_cbct
from rafr.simulation.embedded import EmbeddedPlant
from rafr.simulation.live import LivePlant
from rafr.simulation.room import open_room

_STEPS = 10
_STREAMING = 0.5  # s, wall time since the last command: the controller is alive
# s; always the same: rclpy starts its round of ready callbacks anew when the timeout changes, and a service
# that awaits something would then be the only one ever served
_SPIN = 0.002
_PAUSED_SPIN = 0.02  # s
_HAND_RATE = 1.0  # simulated s per wall s while a hand drills: it has a pace of its own
_ODOM_TICKS, _TRUTH_TICKS, _EMG_TICKS = 2, 5, 10


@dataclass(frozen=True, slots=True)
class OrSimulatorConfig:
    case: str = option("", "case folder")
    arm: str = option("ur16e", "robot arm of the description")
    seed: int = option(0, "of everything drawn by lot", lower=0)
    rate: float = option(
        0.0, "simulated seconds per wall second; 0 = as fast as possible", lower=0.0, upper=1000.0
    )
    # below 1, because a quiet room at full rate would take a core from registration and planning
    idle_rate: float = option(0.25, "the same while nothing moves", lower=0.1, upper=20.0)
    faults: str = option("", "names of faults to inject, comma-separated")
    drill: bool = option(False, "pins are drilled for, with a tracked drill, before they are in")
    lockstep_timeout: float = option(
        0.1, "longest wait for the command that answers a tick (wall time)", unit="s", lower=0.0, upper=5.0
    )


class OrSimulator(RafrNode):
    """The room on the embedded plant; a subclass may have another engine carry it."""

    outputs: type[DeviceOutputs] = Outputs

    def __init__(self) -> None:
        super().__init__("or_simulator")
        self._config = self.config(OrSimulatorConfig)
        self._case = case_of(self._config.case)
        c = self._config
        self._plant, self._sensors = open_room(self._case, c.seed, c.arm, c.faults, self.carry, drill=c.drill)
        self._outputs = self.outputs(self, self._plant.joint_names)
        self._ticks, self._cbcts, self._paused = 0, 0, False
        self._arm_line, self._winch = ArmLine(), TractionWatch()
        self._command_wall = -np.inf
        self._velocity_t = -np.inf
        self._next_wall = time.monotonic()
        self._subscribe()
        self._serve()
        self._open()

    def carry(self, arrangement: Arrangement) -> LivePlant:
        """What the arrangement lives on."""
        return EmbeddedPlant(arrangement)

    def _open(self) -> None:
        self.set_ready()

    def _subscribe(self) -> None:
        self.create_subscription(
            JointTrajectory, "joint_trajectory_controller/joint_trajectory", self._take_command, RELIABLE
        )
        self.create_subscription(TwistStamped, "cmd_vel", self._take_velocity, RELIABLE)

    def _serve(self) -> None:
        plant = self._plant
        self._clamp_states = self.create_publisher(String, "clamp/state", LATCHED)
        self._clamp_states.publish(String(data=""))
        self.create_service(SetClamp, "clamp", self._clamp)
        self.create_service(SetBool, "holding_device", self._switch(plant.set_holding))
        self.create_service(SetBool, "base/brakes", self._switch(plant.set_brakes))
        self.create_service(SetTraction, "traction", self._traction)
        self.create_service(SetBool, "simulation/pause", self._pause)
        self.create_service(FixBody, "fix_body", self._for_body(plant.fix_body))
        self._pins = PinService(self, plant, self._sensors.hand, self._outputs)
        # a group of its own: while it waits for the image it would keep every other callback of its group out
        own = MutuallyExclusiveCallbackGroup()
        self.create_service(AcquireCbct, "acquire_cbct", self._acquire, callback_group=own)

    def close(self) -> None:
        """End what carries the plant."""
        self._plant.close()

    # -- time ----------------------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        """Simulated time, s."""
        return self._ticks * TICK

    def _may_go_on(self) -> bool:
        """Whether the tick before this one is answered, or nobody streams commands at all."""
        return not self._streaming or self._arm_line.answered >= self._now - TICK - 1e-6

    def tick(self, executor: SingleThreadedExecutor) -> None:
        """One tick: physics, sensors, messages, answer, pace."""
        plant, now = self._plant, self._now
        self._arm_line.watch(now, plant)
        if now - self._velocity_t > COMMAND_AGE:
            plant.command_base(0.0, 0.0)
        if not plant.step(0 if self._paused else _STEPS):
            executor.spin_once(timeout_sec=_PAUSED_SPIN)
            return
        self._ticks += 1
        now = self._now
        self._pins.tick(now)
        for name in self._sensors.faults.update(now, plant):
            self.diagnose(WARN, f"injected fault: {name}")
        self._publish(now)
        self._await_answer(executor)
        self._obey(now - TICK)
        self._pace(executor)

    def _publish(self, now: float) -> None:
        sensors, out = self._sensors, self._outputs
        out.clock(now)
        for item in sensors.tracker_frames(now, self._plant):
            out.tracker(item.frame, item.unseen_is_valid)
        if self._ticks % _ODOM_TICKS == 0:
            out.odometry(now, *sensors.odometry(self._plant))
            tension = sensors.traction(self._plant)
            out.traction(tension, self._winch.complaint(tension, now))
        if self._ticks % _TRUTH_TICKS == 0:
            out.truth(now, self._plant.truth(), sensors.faults.active)
        out.tissue(self._plant.cords)
        if self._ticks % _EMG_TICKS == 0:
            block = _EMG_TICKS * TICK
            start = now - block
            out.emg(start, sensors.emg(start, block, self._plant), sensors.emg_config)
            out.assistant(*sensors.lifting(block))
        out.imu(now, sensors.motion(TICK, self._plant))
        if sensors.faults.arm_connected:
            for reading in sensors.arm(now, self._plant):
                out.arm(reading)

    def _await_answer(self, executor: SingleThreadedExecutor) -> None:
        """Wait for the command that the next tick needs."""
        executor.spin_once(timeout_sec=_SPIN)
        deadline = time.monotonic() + self._config.lockstep_timeout
        while not self._may_go_on() and time.monotonic() < deadline and rclpy.ok():
            executor.spin_once(timeout_sec=_SPIN)

    @property
    def _streaming(self) -> bool:
        connected = self._sensors.faults.arm_connected
        return connected and time.monotonic() - self._command_wall < _STREAMING

    def _pace(self, executor: SingleThreadedExecutor) -> None:
        """Hold the simulated clock to the rate asked for (never faster than `idle_rate` at rest)."""
        idle = self._plant.resting or not self._streaming
        rate = self._config.idle_rate if idle else self._config.rate
        if self._pins.busy:
            rate = _HAND_RATE
        if self._config.rate > 0:
            rate = min(rate, self._config.rate)
        if rate == 0:
            self._next_wall = time.monotonic()
            return
        self._next_wall = max(self._next_wall + TICK / rate, time.monotonic() - TICK)
        while time.monotonic() < self._next_wall and rclpy.ok():
            executor.spin_once(timeout_sec=_SPIN)

    # -- commands ------------------------------------------------------------------------------------

    def _take_command(self, message: JointTrajectory) -> None:
        now, stamp = self._now, seconds(message.header.stamp)
        if not self._sensors.faults.arm_connected:
            return
        if tuple(message.joint_names) != self._plant.joint_names or len(message.points) != 1:
            self.diagnose(WARN, "arm command refused: other joints, or not exactly one point")
            return
        if self._arm_line.take(stamp, np.array(message.points[0].positions), now):
            self._command_wall = time.monotonic()

    def _obey(self, tick: float) -> None:
        """The commands that answer a tick or an earlier one take effect."""
        for refusal in self._arm_line.obey(tick, self._sensors.faults, self._plant):
            self.diagnose(WARN, f"arm command refused: {refusal}")

    def _take_velocity(self, message: TwistStamped) -> None:
        self._velocity_t = self._now
        self._plant.command_base(message.twist.linear.x, message.twist.angular.z)

    # -- services ------------------------------------------------------------------------------------

    def _clamp(self, request: Any, response: Any) -> Any:
        response.success, said = self._plant.set_clamp(request.closed, request.body)
        response.message = one_line(said)
        self._clamp_states.publish(String(data=self._plant.clamped or ""))
        return response

    def _switch(self, device: Any) -> Any:
        def serve(request: Any, response: Any) -> Any:
            device(bool(request.data))
            response.success, response.message = True, "on" if request.data else "off"
            return response

        return serve

    def _pause(self, request: Any, response: Any) -> Any:
        """The room's time stands still, and with it /clock and everything that goes by it."""
        self._paused = bool(request.data)
        self._command_wall = -np.inf  # nobody is asked to answer a tick that does not come
        response.success, response.message = True, "paused" if self._paused else "goes on"
        return response

    def _traction(self, request: Any, response: Any) -> Any:
        response.success = self._plant.set_traction(request.tension)
        if response.success:
            self._winch.ask(request.tension)
        response.message = "" if response.success else "no leg to pull at, or not a finite tension"
        return response

    def _for_body(self, act: Any) -> Any:
        def serve(request: Any, response: Any) -> Any:
            try:
                act(request.body)
                response.success, response.message = True, "done"
            except RafrError as error:
                response.success, response.message = False, str(error)
            return response

        return serve

    async def _acquire(self, request: Any, response: Any) -> Any:
        """The image is that of the moment it was asked for; computing it takes wall time only."""
        path = Path(request.path)
        if not path.is_absolute() or not _is_folder(path.parent):
            response.message = one_line(f"{path} is not an absolute path in a folder")
            return response
        response.stamp = time_message(self._now)
        exposure = expose(
            self._plant, self._sensors.markers, self._case.folder, self._config.seed, self._cbcts
        )
        self._cbcts += 1
        try:
            await run_in_process(self, write_cbct, exposure, path)
            response.success, response.message = True, str(path)
        except WorkerError as error:
            response.success, response.message = False, f"no CBCT: {error}"
            self.diagnose(WARN, response.message)
        else:
            self.diagnose(OK, f"CBCT {self._cbcts} written")
        return response


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long
        return False


def main() -> None:
    sys.exit(run_simulator(OrSimulator))


def run_simulator(room: type[OrSimulator], argv: list[str] | None = None) -> int:
    """Simulate until told to end; exit code as `rafr.nodes.runtime.run_node`."""
    stay_on_this_machine()
    rclpy.init(args=argv)
    node: OrSimulator | None = None
    try:
        node = room()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while rclpy.ok():
            node.tick(executor)
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except InputError as error:
        print(f"rafr: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return 2
    except RafrError as error:  # the plant has failed: a defect, or somebody ended the simulator
        print(f"rafr: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return 1
    finally:
        if node is not None:
            with suppress(Exception):
                node.close()
            with suppress(Exception):
                node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    main()
