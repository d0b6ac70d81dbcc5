"""A case brought into the simulated operating room: its plant and all its sensors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from rafr.cases.case import Case, SchantzPin
from rafr.errors import InfeasibleError
from rafr.fixation.implants.catalogue import Catalogue
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.physiology import ImuConfig
from rafr.robot.sight import LineOfSight
from rafr.room import OperatingRoom, TrackerStand
from rafr.simulation.arrangement import Arrangement, arrange_case
from rafr.simulation.assistant import AssistantConfig, AssistantSensors
from rafr.simulation.config import PlantConfig
from rafr.simulation.drill import DrillingHand, true_drill
from rafr.simulation.embedded import EmbeddedPlant
from rafr.simulation.faults import FaultConfig, FaultInjector, parse_faults
from rafr.simulation.faults.fault import Delivered
from rafr.simulation.live import LivePlant
from rafr.simulation.markers import Markers, mount_markers
from rafr.simulation.sensors import (
    ArmReading,
    ImuSensor,
    JointSensor,
    JointSensorConfig,
    TrackerConfig,
    TrackerSensor,
    WrenchSensor,
    WrenchSensorConfig,
)
from rafr.simulation.wearables import EmgConfig, EmgSensor
from rafr.tracking.tools import DRILL_TOOL
from rafr.units import METRES_PER_MM

_ODOMETRY_NOISE = np.array([1e-4, 1e-4, 1e-4])  # m, m, rad

_TENSION_NOISE = 0.5  # N


@dataclass(slots=True, eq=False)
class SensorSuite:
    """Every sensor of the room, with the faults between them and their readers."""

    markers: Markers
    faults: FaultInjector
    joints: JointSensor
    wrist: WrenchSensor
    tracker: TrackerSensor
    sight: LineOfSight
    muscles: EmgSensor
    imu: ImuSensor
    imu_mount: tuple[str, RigidTransform]
    """Body that carries the inertial sensor, and `T_ct_imu` (m)."""
    emg_config: EmgConfig
    assistant: AssistantSensors
    wheels: np.random.Generator
    hand: DrillingHand | None = None
    """With the tracked drill; None: there is none in the room."""

    def arm(self, now: float, plant: LivePlant) -> list[ArmReading]:
        """What the arm's driver reports now, joint positions, velocities and wrench."""
        q, qd = self.joints.read(*plant.joint_state())
        wrench = self.faults.wrench(self.wrist.read(plant.wrench()), now)
        return self.faults.readings([ArmReading(now, q, qd, now, wrench)], now)

    def tracker_frames(self, now: float, plant: LivePlant) -> list[Delivered]:
        """Frames delivered now."""
        if self.tracker.due(now):
            tools = self.markers.in_world(plant) | self._drill(plant)
            places = {name: T.translation for name, T in tools.items()}
            eye = self.tracker.T_world_tracker.translation
            in_sight = self.sight.seen(eye, places, plant.base_state()[0], plant.joint_state()[0])
            if self.hand is not None and self.hand.T_ct_drill is None:
                in_sight -= {DRILL_TOOL}
            self.tracker.expose(now, tools, in_sight)
        return self.faults.frames(self.tracker.delivered(now), now)

    def _drill(self, plant: LivePlant) -> dict[str, RigidTransform]:
        """`T_world_marker` (m) of the drill, if there is one; anywhere while it lies out of sight."""
        if self.hand is None:
            return {}
        T_ct_drill = self.hand.T_ct_drill
        away = RigidTransform.identity()
        return {DRILL_TOOL: away if T_ct_drill is None else plant.world_from_ct(self.hand.body) @ T_ct_drill}

    def odometry(self, plant: LivePlant) -> tuple[FloatArray, float, float]:
        pose, v, omega = plant.base_state()
        return pose + _ODOMETRY_NOISE * self.wheels.standard_normal(3), v, omega

    def traction(self, plant: LivePlant) -> float:
        """N, by the winch's load cell."""
        return plant.truth().traction + _TENSION_NOISE * float(self.wheels.standard_normal())

    def emg(self, start: float, duration: float, plant: LivePlant) -> FloatArray:
        """(channels, n) V of the patient's muscles in the last `duration` s, from `start` on."""
        load = float(np.linalg.norm(plant.wrench()[:3]))
        return self.muscles.read(start, duration, load, self.faults.muscles)

    def lifting(self, duration: float) -> tuple[tuple[float, FloatArray], tuple[float, FloatArray]]:
        """What the assistant wears: begin and samples of EMG, begin and samples of inertial sensors."""
        return self.assistant.read(duration, self.faults.lifting)

    def motion(self, period: float, plant: LivePlant) -> FloatArray:
        """Specific force and angular rate (6,) of the body with the inertial sensor."""
        body, T_ct_imu = self.imu_mount
        return self.imu.read(period, plant.world_from_ct(body) @ T_ct_imu)


def open_room(
    case: Case,
    seed: int,
    arm: str,
    faults: str = "",
    carry: Callable[[Arrangement], LivePlant] = EmbeddedPlant,
    *,
    room: OperatingRoom | None = None,
    tracker: TrackerStand | None = None,
    config: PlantConfig | None = None,
    drill: bool = False,
) -> tuple[LivePlant, SensorSuite]:
    """Build plant and sensors of a case; `carry` brings an arrangement to life in an engine.

    `room` and the plant's `config` are the standard ones by default. `tracker`: where it was moved after the
    tools had been mounted so as to be seen from its place in the room. `drill`: there is a tracked drill, and
    a hand that drills with it (`SensorSuite.hand`).

    Raises:
        InputError: unusable labels or truth, or an unknown fault.
    """
    names = parse_faults(faults)
    arrangement = arrange_case(case, seed, arm, room, config)
    plant = carry(arrangement)
    plant.settle()
    pins: dict[str, tuple[SchantzPin, ...]] = {}
    for body in case.moving:
        with suppress(InfeasibleError):  # said when the surgeon asks for that body's pins
            pins[body.name] = arrangement.plan_pins(body.name)
    eye = arrangement.room.tracker.T_world_tracker.translation
    eye_mm = {name: T.inverse().apply(eye) / METRES_PER_MM for name, T in arrangement.poses.items()}
    streams = [np.random.default_rng([seed, 3, k]) for k in range(8)]
    emg_config, moving = EmgConfig(), case.moving[0].name
    over_bone = RigidTransform.from_translation(arrangement.inertias[moving].centroid)
    return plant, SensorSuite(
        markers=mount_markers(
            case, arrangement.meshes, arrangement.room.T_base_marker, pins, eye_mm, streams[0]
        ),
        faults=FaultInjector(names, FaultConfig(), streams[1]),
        joints=JointSensor(JointSensorConfig(), streams[2]),
        wrist=WrenchSensor(WrenchSensorConfig(), streams[3]),
        tracker=TrackerSensor(
            TrackerConfig(), (tracker or arrangement.room.tracker).T_world_tracker, streams[4]
        ),
        sight=LineOfSight(arrangement.urdf, plant.joint_names),
        muscles=EmgSensor(emg_config, streams[5]),
        imu=ImuSensor(ImuConfig(), streams[7]),
        imu_mount=(moving, over_bone),
        emg_config=emg_config,
        assistant=AssistantSensors(AssistantConfig(), np.random.default_rng([seed, 3, 9])),
        wheels=streams[6],
        hand=_hand(seed) if drill else None,
    )


def _hand(seed: int) -> DrillingHand:
    rng = np.random.default_rng([seed, 3, 8])
    return DrillingHand(true_drill(Catalogue.read().drill, rng), rng)
