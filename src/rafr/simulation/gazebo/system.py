"""The system Gazebo loads: the plant's forces before each physics step, the room's state after each tick.

A tick (10 ms) begins when the plant outside asks for it. When nobody asks for two seconds the arm and the
base are stopped and time goes on by itself, so that the room can be looked at and the server ended.

gz_ros2_control updates its controllers in every tenth step, by the clock that ROS has brought them. Where it
moves the arm, that step is a tick's first and not its last, and its time is published while the tick is
waited for: then the clock has arrived, and once per tick is enough.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import time
from typing import Any

from rafr.errors import RafrError
from rafr.room import OperatingRoom
from rafr.simulation.arrangement import arrange_case
from rafr.simulation.engine import TIME_STEP
from rafr.simulation.gazebo.engine import GazeboEngine
from rafr.simulation.gazebo.names import CLOCK, REPLIES, REQUESTS, TICK_MS
from rafr.simulation.gazebo.wire import call, error_of, state_of
from rafr.simulation.gazebo.world import gazebo_urdf
from rafr.simulation.plant import Plant, PlantError

_LOST = 2.0  # s without a request


class PlantSystem:
    """One world's plant; the methods are those Gazebo calls."""

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._plant: Plant | None = None
        self._tick: int | None = None  # id of the request that asked for the present tick
        self._alone = False
        self._parent = os.getppid()

    def configure(self, entity: int, sdf: Any, ecm: Any, event_mgr: Any) -> None:
        from gz.msgs10.clock_pb2 import Clock
        from gz.msgs10.stringmsg_pb2 import StringMsg
        from gz.sim8 import World
        from gz.transport13 import Node

        given = {key: sdf.get_string(key) for key in ("case", "seed", "arm", "room", "arm_driver")}
        room = OperatingRoom.from_yaml(given["room"])
        self._arrangement = arrange_case(given["case"], int(given["seed"]), given["arm"], room)
        self._world = World(entity)
        a = self._arrangement
        self._own_drive = given["arm_driver"] == "rafr"
        self._first = 1 if self._own_drive else 0  # which of ten steps begins a tick
        starts = {n: (T.rotation, T.apply(a.inertias[n].centroid)) for n, T in a.poses.items()}
        self._engine = GazeboEngine(gazebo_urdf(a.urdf), starts, drives_arm=self._own_drive)
        self._message = StringMsg
        self._node = Node()
        self._replies = self._node.advertise(REPLIES, StringMsg)
        self._clock, self._clocks = Clock, self._node.advertise(CLOCK, Clock)
        self._node.subscribe(StringMsg, REQUESTS, lambda m: self._requests.put(json.loads(m.data)))

    def pre_update(self, info: Any, ecm: Any) -> None:
        if info.iterations == 1:  # the models are there only now
            self._engine.bind(self._world, ecm, self._arrangement.parked_arm)
            return
        self._engine.attach(ecm)
        if self._plant is None:
            self._plant = Plant(self._arrangement, self._engine)
        if info.paused:
            self._answer_while_paused(self._plant, info)
            return
        if abs(info.dt.total_seconds() - TIME_STEP) > 1e-9:
            raise PlantError(f"the world steps by {info.dt.total_seconds()} s, expected {TIME_STEP} s")
        if info.iterations % TICK_MS == self._first:
            if not self._own_drive:
                self._publish_clock(info)
            self._await_tick(self._plant, info)
        self._plant.act()

    def post_update(self, info: Any, ecm: Any) -> None:
        if self._plant is None or info.paused or (info.iterations + 1) % TICK_MS != self._first:
            return
        self._engine.attach(ecm)
        try:
            self._plant.notice(TICK_MS)
        except RafrError as error:
            self._reply(self._tick, {"error": error_of(error)})
        else:
            self._reply(self._tick, self._state(self._plant, info))
        self._tick = None

    def _await_tick(self, plant: Plant, info: Any) -> None:
        """Serve requests until one asks for time to pass."""
        while self._tick is None:
            try:
                request = self._requests.get(timeout=0.01 if self._alone else _LOST)
            except queue.Empty:
                plant.stop_arm()
                plant.command_base(0.0, 0.0)
                self._alone = True
                if os.getppid() != self._parent:  # who started this server was killed
                    os.kill(os.getpid(), signal.SIGTERM)
                return
            self._serve(plant, request, info)

    def _publish_clock(self, info: Any) -> None:
        message, ms = self._clock(), round(1e3 * info.sim_time.total_seconds())
        message.sim.sec, message.sim.nsec = ms // 1000, ms % 1000 * 1_000_000
        self._clocks.publish(message)

    def _answer_while_paused(self, plant: Plant, info: Any) -> None:
        while not self._requests.empty():
            request = self._requests.get()
            self._serve(plant, request, info)
            if self._tick is not None:
                self._reply(self._tick, {"paused": True})
                self._tick = None
        time.sleep(0.01)

    def _serve(self, plant: Plant, request: dict[str, Any], info: Any) -> None:
        self._alone = bool(request.get("leave"))
        try:
            answers = [call(plant, name, arguments) for name, arguments in request.get("calls", [])]
        except RafrError as error:
            self._reply(request["id"], {"error": error_of(error)})
            return
        if request.get("tick"):
            self._tick = request["id"]
        else:
            self._reply(request["id"], {"answers": answers, **self._state(plant, info)})

    def _state(self, plant: Plant, info: Any) -> dict[str, Any]:
        return {"state": state_of(plant, round(1e3 * info.sim_time.total_seconds()))}

    def _reply(self, number: int | None, content: dict[str, Any]) -> None:
        if number is not None:
            self._replies.publish(self._message(data=json.dumps({"id": number, **content})))
