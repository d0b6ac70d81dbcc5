"""What is asked of a base pose: the way of the clamp, what it has to hold there, and the room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.mobile import Drive
from rafr.room import OperatingRoom
from rafr.trajectory.watch import Watch

FloorPose = tuple[float, float, float]  # x, y in m, theta in rad
HELD = slice(2, -1)  # of a `Way`: where the fragment is in the clamp
_SAMPLES = 6  # poses of the path that are examined, beside those with the largest load


@dataclass(frozen=True, slots=True)
class Grid:
    """Base poses that are tried.

    Attributes:
        along: offsets from the clamp along the table, m.
        away: distances of the base's centre from the table's edge, m.
        headings_deg: turns from facing the table.
    """

    along: tuple[float, ...]
    away: tuple[float, ...]
    headings_deg: tuple[float, ...]


_COARSE = Grid((0.0, -0.3, 0.3), (0.5, 0.7), (0.0, -60.0, 60.0))
_FINE = Grid(
    (0.0, -0.15, 0.15, -0.3, 0.3, -0.45, 0.45, -0.6, 0.6),
    (0.5, 0.6, 0.7, 0.8),
    (0.0, -30.0, 30.0, -60.0, 60.0, -90.0, 90.0),
)


@dataclass(frozen=True, slots=True)
class PlacementConfig:
    """Tunables of the search.

    Attributes:
        coarse: base poses that are all examined.
        fine: those that are examined where none of the coarse ones is perfect: hides nothing, bears the
            first uncertainty.
        tried: of the fine ones, at most this many while some serve; where none does, all are.
        enough: perfect base poses after which the search of the fine ones ends.
        clearance: kept between base and obstacles, m.
        arm_clearance: kept between the arm and everything, m.
        standoff: the arm must also reach this far back from the first clamp pose, m.
        uncertainty: how far the pins may be from where they were planned, m: the ends of the path must
            be reached moved by as much each way; the first that a base pose bears counts, the last is 0.
        min_manipulability: as in `ArmPathConfig`.
        torque_share: of the joints' torque limits that gravity and load may take.
        force_weight: what a factor e in the force that can be held counts beside one in manipulability.
        margin_weight: what `joint_margin` of room to the joints' limits counts beside that.
        joint_margin: rad; more room than this is worth no more.
        improved: best base poses that are improved together with the arm; 0 leaves the grid's.
        steps: m; how far that may move the base, the next where the one before is refused.
    """

    coarse: Grid = _COARSE
    fine: Grid = _FINE
    tried: int = 60
    enough: int = 3
    clearance: float = 0.06
    arm_clearance: float = 0.03
    standoff: float = 0.09
    uncertainty: tuple[float, ...] = (0.03, 0.015, 0.0)
    min_manipulability: float = 0.05
    torque_share: float = 0.9
    force_weight: float = 0.5
    margin_weight: float = 0.5
    joint_margin: float = 0.5
    improved: int = 1
    steps: tuple[float, ...] = (0.2, 0.07)


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """Poses that the arm is examined at.

    Attributes:
        poses: `T_world_clamp`: the grip, the stand-off, samples of the path, backed out at its end.
        load: (m, 6) on the clamp at each, N and N m, axes of `world`, torque about the clamp's origin.
        names: of each, for people.
    """

    poses: list[RigidTransform]
    load: FloatArray
    names: list[str]


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Where may the base stand for `way`?  `path`: all of its poses, `T_world_clamp`."""

    arm: ArmModel
    path: Sequence[RigidTransform]
    way: Way
    room: OperatingRoom
    side: str
    drive: Drive
    watch: Watch | None
    config: PlacementConfig

    @property
    def sign(self) -> float:
        """Of y on the side of the table."""
        return 1.0 if self.side == "right" else -1.0


def way_along(path: Sequence[RigidTransform], load: FloatArray | None, standoff: float) -> Way:
    """The way of a path with an optional load (n, 6).

    Raises:
        InputError: the load is not finite or not one wrench for every pose.
    """
    n = len(path)
    load = np.zeros((n, 6)) if load is None else np.asarray(load, dtype=float)
    if load.shape != (n, 6) or not np.isfinite(load).all():
        raise InputError("load", f"its shape is {load.shape}", f"({n}, 6) finite numbers, one row per pose")
    back = RigidTransform.from_translation((0.0, 0.0, -standoff))
    worst = [int(np.linalg.norm(load[:, part], axis=1).argmax()) for part in (slice(3), slice(3, 6))]
    index = np.union1d(np.linspace(0, n - 1, _SAMPLES).round().astype(int), worst)
    names = [f"pose {i + 1} of {n}" for i in index]
    return Way(
        [path[0], path[0] @ back, *(path[i] for i in index), path[-1] @ back],
        np.vstack([np.zeros((2, 6)), load[index], np.zeros((1, 6))]),
        ["the grip", "the stand-off before the grip", *names, "the stand-off at the end"],
    )


def displaced(path: Sequence[RigidTransform], uncertainty: float) -> list[RigidTransform]:
    """Both ends of the path displaced each way by `uncertainty`, m."""
    return [
        RigidTransform.from_translation(sign * uncertainty * axis) @ end
        for end in (path[0], path[-1])
        for axis in np.eye(3)
        for sign in (-1.0, 1.0)
    ]
