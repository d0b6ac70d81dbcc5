"""From parked to the stand-off before the pins: together, or one after the other where that fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.assessment import Assessment
from rafr.errors import Cause, InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.room import OperatingRoom
from rafr.trajectory.arm import free_motion
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.paths import joint_path
from rafr.trajectory.placement import FloorPose, Service, examine_docking_pose
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory
from rafr.trajectory.timing import time_path
from rafr.trajectory.watch import Watch
from rafr.trajectory.whole_body.guess import guesses
from rafr.trajectory.whole_body.optimise import Task, WholeBodyOptimiser
from rafr.trajectory.whole_body.result import WholeBodyTrajectory
from rafr.trajectory.whole_body.stand import Stand, standoff

_NEIGHBOURHOODS = {"fixed": (0.0,), "free": (1.0, 0.5, 0.0)}  # shares of the configured one, tried in order
VARIANTS = tuple(_NEIGHBOURHOODS)


@dataclass(frozen=True, slots=True, eq=False)
class Journey:
    """What is to be done.

    Attributes:
        q: (dof,) the arm at the start.
        docking: the base's motion alone, to `docking_pose`; it ends there with its heading unwound.
        T_world_clamp_path: from the pins' grip to the reduced position.
        room: where.
        load: (n, 6) on the clamp along the path, axes of `world`; None: not known.
        watch: what the tracker is to see; None: not known.
    """

    q: FloatArray
    docking: BaseTrajectory
    docking_pose: FloorPose
    T_world_clamp_path: Sequence[RigidTransform]
    room: OperatingRoom
    load: FloatArray | None = None
    watch: Watch | None = None

    @property
    def unwound_pose(self) -> FloatArray:
        """(3,) the docking pose with the heading that the base arrives with."""
        x, y, theta = self.docking_pose
        turns = np.round((self.docking.theta[-1] - theta) / (2 * np.pi))
        return np.array([x, y, theta + 2 * np.pi * turns])


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """How base and arm get before the pins.

    Attributes:
        pose: where the base ends.
        together: None where base and arm move one after the other; the assessment says why.
        docking: the base's motion alone.   arm: the arm's after it, None where it has no way of its own.
    """

    pose: FloorPose
    together: WholeBodyTrajectory | None
    docking: BaseTrajectory
    arm: ArmTrajectory | None
    assessment: Assessment

    @property
    def sequential_duration(self) -> float | None:
        """s, one after the other; None where that is not possible."""
        return None if self.arm is None else float(self.docking.t[-1]) + self.arm.duration


def reach(
    optimiser: WholeBodyOptimiser, journey: Journey, variant: str, *, rng: np.random.Generator
) -> Reach:
    """The faster of both; "free" lets the base end beside its docking pose where the path is served as well.

    Raises:
        InfeasibleError: neither way exists.
    """
    config = ArmPathConfig()
    path = journey.T_world_clamp_path
    stand = Stand(optimiser.arm, journey.docking_pose, path, journey.room, journey.load, journey.watch)
    branches = stand.branches(journey.q)
    if not branches:
        reason = "no branch of the arm stands before the pins and follows the path from there"
        raise InfeasibleError((reason,), Cause.OUT_OF_REACH)
    q_goal, alone = _arm_alone(optimiser, journey, stand, branches, rng)
    reasons: list[str] = []
    for share in _NEIGHBOURHOODS[variant]:
        ends = (journey.docking.poses[0], journey.q, journey.unwound_pose, q_goal)
        task = Task(*ends, standoff(path, config), share)
        try:
            motion = _together(optimiser, journey, task, alone, config)
        except InfeasibleError as error:
            reasons += error.reasons
            continue
        found = Reach(_pose(motion), motion, journey.docking, alone, _remarks(share, variant))
        if found.sequential_duration is None or motion.duration < found.sequential_duration:
            return found
        reasons.append(f"together it takes {motion.duration:.1f} s, longer than one after the other")
    if alone is None:
        reasons.append("one after the other: no way free of collision was found for the arm")
        raise InfeasibleError(tuple(reasons), Cause.COLLISION)
    remarks = ("base and arm move one after the other", *reasons)
    return Reach(journey.docking_pose, None, journey.docking, alone, Assessment(True, remarks))


def _together(
    optimiser: WholeBodyOptimiser,
    journey: Journey,
    task: Task,
    alone: ArmTrajectory | None,
    config: ArmPathConfig,
) -> WholeBodyTrajectory:
    """The verified motion, its end examined where that was free."""
    way = alone or _straight(optimiser, task, config)
    motion = optimiser.optimise(task, guesses(journey.docking, way), journey.room)
    if task.neighbourhood > 0:
        _require_serving_end(optimiser, journey, motion)
    return motion


def _require_serving_end(
    optimiser: WholeBodyOptimiser, journey: Journey, motion: WholeBodyTrajectory
) -> None:
    """Where the base ended, the path must be served as well as at the docking pose, in the arm's branch."""
    arm, path, room = optimiser.arm, journey.T_world_clamp_path, journey.room
    here, there = (
        examine_docking_pose(
            arm, pose, path, room, load=journey.load, watch=journey.watch, drive=optimiser.drive
        )
        for pose in (_pose(motion), journey.docking_pose)
    )
    if not isinstance(here, Service):
        raise InfeasibleError((f"where the base would end: {here}",))
    if isinstance(there, Service) and (here.hides > there.hides or here.uncertainty < there.uncertainty):
        raise InfeasibleError(("where the base would end it serves the path less well than docked",))
    stand = Stand(arm, _pose(motion), path, room, journey.load, journey.watch)
    if not stand.serves(motion.arm.q[-1], hiding=here.hides > 0):
        raise InfeasibleError(("where the base would end the arm cannot follow the path in its branch",))


def _arm_alone(
    optimiser: WholeBodyOptimiser,
    journey: Journey,
    stand: Stand,
    branches: Sequence[FloatArray],
    rng: np.random.Generator,
) -> tuple[FloatArray, ArmTrajectory | None]:
    """The first branch that the docked arm has a free way to, and that way; else the first and None."""
    for q in branches:
        try:
            free = free_motion(optimiser.arm, journey.q, q, collision=stand.collision, rng=rng)
        except InfeasibleError:
            continue
        return q, free.trajectory
    return branches[0], None


def _straight(optimiser: WholeBodyOptimiser, task: Task, config: ArmPathConfig) -> ArmTrajectory:
    """The straight joint line, whatever it touches: only to start from."""
    path = joint_path(optimiser.arm, np.stack([task.q, task.goal_q]), config.free)
    return time_path(optimiser.arm.joint_names, path)[0]


def _remarks(share: float, variant: str) -> Assessment:
    if variant == "free" and share == 0:
        return Assessment(True, ("the base ends at its docking pose: none beside it serves as well",))
    return Assessment(True)


def _pose(motion: WholeBodyTrajectory) -> FloorPose:
    x, y, theta = motion.base.poses[-1]
    return float(x), float(y), float(np.arctan2(np.sin(theta), np.cos(theta)))
