"""The operating room: table, patient on it, obstacles, where the base waits and the tracker stands.

Everything is in `world` (on the floor below the table's centre, x towards the patient's head, y to the
patient's right, z up) and SI.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rafr.cases.case import Case
from rafr.errors import InputError
from rafr.files import written_whole
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.resources import resource_path
from rafr.strict import read_dataclass
from rafr.units import METRES_PER_MM, to_metres

# LPS in `world` for a supine patient: x (left) = -y, y (posterior) = -z, z (superior) = +x
R_WORLD_SUPINE = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
_MEANT = 0.2  # m: a tracker no farther from a place than this was meant to stand there


@dataclass(frozen=True, slots=True)
class Disc:
    """A round obstacle on the floor, m."""

    name: str
    x: float
    y: float
    radius: float

    def __post_init__(self) -> None:
        _require_positive(radius=self.radius)

    @property
    def reach(self) -> float:
        """Of its farthest point from its centre, m."""
        return self.radius

    def distance(self, points: ArrayLike) -> FloatArray:
        """Distances (n,) of floor points (n, 2) to it, negative inside."""
        offset = np.asarray(points, dtype=float) - (self.x, self.y)
        distance: FloatArray = np.linalg.norm(offset, axis=-1) - self.radius
        return distance


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangular obstacle on the floor, m; `angle_deg` turns its length from the x axis."""

    name: str
    x: float
    y: float
    angle_deg: float
    length: float
    width: float

    def __post_init__(self) -> None:
        _require_positive(length=self.length, width=self.width)

    @property
    def reach(self) -> float:
        """Of its farthest point from its centre, m."""
        return math.hypot(self.length, self.width) / 2

    def distance(self, points: ArrayLike) -> FloatArray:
        """Distances (n,) of floor points (n, 2) to it, negative inside."""
        offset = np.asarray(points, dtype=float) - (self.x, self.y)
        c, s = math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))
        local = np.stack(
            [c * offset[..., 0] + s * offset[..., 1], c * offset[..., 1] - s * offset[..., 0]], -1
        )
        beyond = np.abs(local) - (self.length / 2, self.width / 2)
        outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=-1)
        distance: FloatArray = outside + np.minimum(beyond.max(axis=-1), 0.0)
        return distance


Obstacle = Disc | Box


@dataclass(frozen=True, slots=True)
class Table:
    """The table top: its centre is above the origin of `world`; `height` is that of its upper surface."""

    length: float
    width: float
    height: float
    thickness: float

    def __post_init__(self) -> None:
        _require_positive(length=self.length, width=self.width, height=self.height, thickness=self.thickness)


@dataclass(frozen=True, slots=True)
class PatientEnvelope:
    """A box on the table that holds the patient's trunk."""

    length: float
    width: float
    height: float

    def __post_init__(self) -> None:
        _require_positive(length=self.length, width=self.width, height=self.height)


@dataclass(frozen=True, slots=True)
class FloorPose:
    """Where something stands on the floor and where it faces."""

    x: float
    y: float
    heading_deg: float

    @property
    def pose(self) -> tuple[float, float, float]:
        """x, y in m, theta in rad."""
        return self.x, self.y, math.radians(self.heading_deg)


@dataclass(frozen=True, slots=True)
class TrackerStand:
    """Where the tracker is, the point its line of sight goes through, and how far its feet reach, m."""

    position: tuple[float, float, float]
    looks_at: tuple[float, float, float]
    radius: float = 0.25

    def __post_init__(self) -> None:
        sight = np.subtract(self.looks_at, self.position)
        if np.linalg.norm(sight[:2]) < 1e-3:
            raise ValueError("position and looks_at must not be above each other")
        _require_positive(radius=self.radius)

    @property
    def T_world_tracker(self) -> RigidTransform:
        """z along the line of sight, x horizontal, y down (an optical camera's axes)."""
        z = np.subtract(self.looks_at, self.position)
        z = z / np.linalg.norm(z)
        x = np.cross(z, (0.0, 0.0, 1.0))
        x = x / np.linalg.norm(x)
        return RigidTransform(np.column_stack([x, np.cross(z, x), z]), np.array(self.position))

    @property
    def feet(self) -> Disc:
        """What the mobile base must not run into."""
        return Disc("tracker_stand", *self.position[:2], self.radius)

    def __str__(self) -> str:
        x, y, z = self.position
        return f"({x:g}, {y:g}, {z:g}) m"


@dataclass(frozen=True, slots=True)
class Mount:
    """A fixed pose: position in m, rotation vector in degrees."""

    position: tuple[float, float, float]
    rotation_deg: tuple[float, float, float]

    @property
    def transform(self) -> RigidTransform:
        return RigidTransform.from_rotvec(np.radians(self.rotation_deg), self.position)


@dataclass(frozen=True)
class OperatingRoom:
    """All that is known of the room before the operation."""

    table: Table
    patient: PatientEnvelope
    pelvis_height: float
    boxes: tuple[Box, ...]
    discs: tuple[Disc, ...]
    parking: FloorPose
    tracker: TrackerStand
    base_marker: Mount
    tracker_places: tuple[TrackerStand, ...] = ()
    parked_arm_deg: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _require_positive(pelvis_height=self.pelvis_height)

    @staticmethod
    def from_yaml(path: Path | str | None = None) -> OperatingRoom:
        """Read a room; by default `config/operating_room.yaml`.

        Raises:
            InputError: a key is unknown or missing, or a value of the wrong kind.
        """
        return read_dataclass(
            OperatingRoom, resource_path("config/operating_room.yaml") if path is None else path
        )

    def to_yaml(self, path: Path) -> None:
        """Write it so that `from_yaml` reads the same room."""
        import yaml

        with written_whole(path) as temporary:
            temporary.write_text(yaml.safe_dump(_plain(dataclasses.asdict(self)), sort_keys=False))

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        """Everything the mobile base must not touch, the table first."""
        table = Box("table", 0.0, 0.0, 0.0, self.table.length, self.table.width)
        return (table, *self.boxes, *self.discs, self.tracker.feet)

    def parked_arm(self, usual: FloatArray) -> FloatArray:
        """(dof,) rad, how the arm waits here: `parked_arm_deg`, else as it usually does.

        Args:
            usual: (dof,) rad, the arm's own parked posture.

        Raises:
            InputError: the room was written for an arm with another number of joints.
        """
        if not self.parked_arm_deg:
            return usual
        if len(self.parked_arm_deg) != len(usual):
            has = f"{len(self.parked_arm_deg)} angles"
            raise InputError("the room's parked_arm_deg", has, f"{len(usual)}, one for each joint of the arm")
        return np.radians(self.parked_arm_deg)

    @property
    def other_tracker_places(self) -> tuple[TrackerStand, ...]:
        """Where else the tracker may stand than it does."""
        return tuple(place for place in self.tracker_places if place != self.tracker)

    def with_tracker_at(self, eye: ArrayLike) -> OperatingRoom:
        """The room with the tracker where it was seen to be: itself while that is where it is meant to be.

        Args:
            eye: (3,) m, measured.
        """
        here = tuple(np.asarray(eye, dtype=float).tolist())
        nearest = min((self.tracker, *self.tracker_places), key=lambda place: math.dist(place.position, here))
        if math.dist(nearest.position, here) > _MEANT:
            nearest = dataclasses.replace(self.tracker, position=here)
        return self if nearest is self.tracker else dataclasses.replace(self, tracker=nearest)

    @property
    def T_base_marker(self) -> RigidTransform:
        """Pose of the base's tracked tool on the base."""
        return self.base_marker.transform

    @property
    def T_world_table(self) -> RigidTransform:
        """The centre of the table's upper surface, axes of `world`."""
        return RigidTransform.from_translation((0.0, 0.0, self.table.height))

    def T_world_ct(self, case: Case, reference_centroid_mm: ArrayLike) -> RigidTransform:
        """How the patient lies: CT coordinates in m to `world`.

        The case's own `table_pose` where it has one; else supine with the reference body's centroid
        over the table's centre, `pelvis_height` above the table.

        Args:
            case: the patient.
            reference_centroid_mm: (3,) centroid of the reference body, LPS mm in the CT.
        """
        if case.table_pose is not None:
            return self.T_world_table @ to_metres(case.table_pose)
        centroid = np.asarray(reference_centroid_mm, dtype=float) * METRES_PER_MM
        target = np.array([0.0, 0.0, self.table.height + self.pelvis_height])
        return RigidTransform(R_WORLD_SUPINE, target - R_WORLD_SUPINE @ centroid)


def side_of(T_world_clamp: RigidTransform) -> str:
    """The side of the table on which a clamp pose lies: "right" (y > 0) or "left"."""
    return "right" if T_world_clamp.translation[1] >= 0 else "left"


def other_side(side: str) -> str:
    """Of the table."""
    return "left" if side == "right" else "right"


def _plain(value: Any) -> Any:
    """Tuples as lists, numpy's numbers as Python's."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if value <= 0:
            raise ValueError(f"{name} is {value:g}, it must be positive")
