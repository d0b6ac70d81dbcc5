"""From a body's planned path to the motions that carry it out: docking, approach, reduction, retreat.

Pure composition, used by `rafr trajectory` (where the patient lies as planned) and by the trajectory
node (where tracker and arm say how everything stands). Transforms between image frames (`T_path_displaced`,
`T_ct_clamp`) are LPS mm as in the plan; everything else is SI.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from rafr.assessment import Assessment
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.path import Pull
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision
from rafr.robot.mobile import Drive, floor_transform, named_drive
from rafr.room import OperatingRoom, TrackerStand
from rafr.trajectory.arm import approach_motion, retreat_motion
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.docking import optimise_docking
from rafr.trajectory.load import FragmentLoad
from rafr.trajectory.motion import ArmMotion
from rafr.trajectory.path_motion import path_motion
from rafr.trajectory.placement import choose_docking_pose
from rafr.trajectory.result import BaseTrajectory
from rafr.trajectory.surroundings import arm_surroundings
from rafr.trajectory.watch import TrackedTools, Watch
from rafr.trajectory.whole_body.optimise import WholeBodyOptimiser
from rafr.trajectory.whole_body.reach import Journey, Reach, reach
from rafr.units import to_metres


@dataclass(frozen=True, slots=True, eq=False)
class Robot:
    """The robot and the room it works in."""

    arm: ArmModel
    drive: Drive
    room: OperatingRoom

    @staticmethod
    def named(arm: str = "ur16e", base: str = "differential") -> Robot:
        """rafr's own description of arm, base and room."""
        return Robot(ArmModel.named(arm), named_drive(base), OperatingRoom.from_yaml())

    @property
    def parked_arm(self) -> FloatArray:
        """(dof,) rad, how the arm is folded while the base drives."""
        return self.room.parked_arm(self.arm.parked)


@dataclass(frozen=True, slots=True, eq=False)
class Docking:
    """Where the base goes for a body and how it gets there.

    Attributes:
        tracker: where the tracker had better stand before that, see `Placement.tracker`.
    """

    pose: tuple[float, float, float]
    trajectory: BaseTrajectory
    assessment: Assessment
    tracker: TrackerStand | None = None

    @property
    def T_world_base(self) -> RigidTransform:
        return floor_transform(self.pose)


@dataclass(frozen=True, slots=True, eq=False)
class BodyMission:
    """All motions that reduce one body.

    Attributes:
        load: what pulls at the clamp during the reduction, where known.
        reach: how base and arm were to move together before the approach, where that was asked for.
    """

    body: str
    docking: Docking
    approach: ArmMotion
    reduction: ArmMotion
    retreat: ArmMotion
    load: FragmentLoad | None = None
    reach: Reach | None = None

    @property
    def assessment(self) -> Assessment:
        stages = (self.docking, self.approach, self.reduction, self.retreat)
        reasons = tuple(f"{self.body}: {r}" for stage in stages for r in stage.assessment.reasons)
        return Assessment(all(stage.assessment.accepted for stage in stages), reasons)

    @property
    def brakes(self) -> dict[str, bool]:
        """Whether the base stands with its brakes on, per stage: always once the clamp is at the pins."""
        return {"docking": False, "approach": True, "reduction": True, "retreat": True}


def clamp_path(
    T_frame_pelvis: RigidTransform,
    T_path_displaced: Sequence[RigidTransform],
    T_fragment_clamp: RigidTransform,
) -> list[RigidTransform]:
    """`T_frame_clamp` along the plan: `T_frame_pelvis · T_path_displaced · T_fragment_clamp`.

    Args:
        T_frame_pelvis: m; pose of the reference body's CT frame in `world` or `base`.
        T_path_displaced: mm, from the plan.
        T_fragment_clamp: m, in the fragment's own CT frame: as planned from the pins, or as measured
            at clamping.
    """
    return [T_frame_pelvis @ to_metres(T) @ T_fragment_clamp for T in T_path_displaced]


def dock(
    robot: Robot,
    base_pose: ArrayLike,
    T_world_pelvis: RigidTransform,
    T_path_displaced: Sequence[RigidTransform],
    T_ct_clamp: RigidTransform,
    tools: TrackedTools | None = None,
    pull: Pull | None = None,
) -> Docking:
    """Choose where the base stands for a body and drive there.

    Args:
        base_pose: (3,) where it stands now: x, y, theta in `world`.
        T_ct_clamp: mm, from the body's pins (`rafr.planning.pins.clamp_frame`).
        tools: which the robot should not hide; None: not known.
        pull: what acts on the body along its way, for the arm to hold; None: not known.

    Raises:
        InfeasibleError: no place serves the path, or no way leads there.
    """
    robot = _seeing(robot, tools)
    path = clamp_path(T_world_pelvis, T_path_displaced, to_metres(T_ct_clamp))
    load = _load(pull, T_world_pelvis, T_ct_clamp, path)
    return _dock(robot, base_pose, path, load, _watch(robot, tools, path))


def drive_and_reach(
    robot: Robot,
    base_pose: ArrayLike,
    q: ArrayLike,
    T_world_pelvis: RigidTransform,
    T_path_displaced: Sequence[RigidTransform],
    T_ct_clamp: RigidTransform,
    variant: str = "fixed",
    *,
    rng: np.random.Generator,
    tools: TrackedTools | None = None,
    pull: Pull | None = None,
    optimiser: WholeBodyOptimiser | None = None,
) -> tuple[Docking, Reach]:
    """As `dock`, the empty arm moving to its stand-off before the pins meanwhile; then comes `approach`.

    Args:
        q: (dof,) joint angles now.
        variant: "fixed": the base ends where `dock` puts it; "free": near there, where that serves as well.
        pull: as in `dock`.
        optimiser: keeps what it has built for the next call; made here by default.

    Raises:
        InfeasibleError: no place serves the path, or neither together nor one after the other is there a way.
    """
    robot = _seeing(robot, tools)
    path = clamp_path(T_world_pelvis, T_path_displaced, to_metres(T_ct_clamp))
    watch, load = _watch(robot, tools, path), _load(pull, T_world_pelvis, T_ct_clamp, path)
    docking = _dock(robot, base_pose, path, load, watch)
    here = np.asarray(q, dtype=float)
    journey = Journey(here, docking.trajectory, docking.pose, path, robot.room, load, watch)
    optimiser = optimiser or WholeBodyOptimiser(robot.arm, robot.drive)
    found = reach(optimiser, journey, variant, rng=rng)
    trajectory = docking.trajectory if found.together is None else found.together.base
    return replace(
        docking,
        pose=found.pose,
        trajectory=trajectory,
        assessment=docking.assessment & found.assessment,
    ), found


def approach(
    robot: Robot,
    T_world_base: RigidTransform,
    q: ArrayLike,
    T_base_pelvis: RigidTransform,
    T_path_displaced: Sequence[RigidTransform],
    T_ct_clamp: RigidTransform,
    *,
    rng: np.random.Generator,
    tools: TrackedTools | None = None,
    pull: Pull | None = None,
    config: ArmPathConfig | None = None,
) -> ArmMotion:
    """Bring the clamp to the pins of a body as it stands now (the path's first pose).

    Args:
        T_world_base: where the base stands, for table and patient as obstacles.
        q: (dof,) joint angles now.
        T_base_pelvis: measured by the tracker, or as planned.
        T_ct_clamp: mm.
        tools: which the robot should not hide; None: not known.
        pull: what the arm will have to hold along the path; None: not known.

    Raises:
        InfeasibleError: see `rafr.trajectory.arm.approach_motion`.
    """
    path = _thinned(clamp_path(T_base_pelvis, T_path_displaced, to_metres(T_ct_clamp)))
    goals = _from_armbase(robot, path)
    collision = ArmCollision(robot.arm, arm_surroundings(robot.room, T_world_base))
    in_world = [T_world_base @ T for T in path]
    watch = _watch(robot, tools, in_world)

    def hidden(joints: FloatArray) -> frozenset[str]:
        return frozenset() if watch is None else watch.hidden(T_world_base, joints, in_world)

    load = None
    if pull is not None:
        load = _on_clamp(fragment_load(robot, T_base_pelvis, to_metres(T_ct_clamp), pull), goals)
    return approach_motion(
        robot.arm,
        q,
        goals[0],
        collision=collision,
        rng=rng,
        then=goals,
        load=load,
        hidden=hidden,
        config=config,
    )


def fragment_load(
    robot: Robot, T_base_pelvis: RigidTransform, T_fragment_clamp: RigidTransform, pull: Pull
) -> FragmentLoad:
    """What soft tissue and traction do to the clamp; arguments as of `reduction`."""
    return FragmentLoad(pull, robot.arm.T_base_armbase.inverse() @ T_base_pelvis, T_fragment_clamp)


def reduction(
    robot: Robot,
    T_world_base: RigidTransform,
    q: ArrayLike,
    T_base_pelvis: RigidTransform,
    T_path_displaced: Sequence[RigidTransform],
    T_fragment_clamp: RigidTransform,
    *,
    load: FragmentLoad | None = None,
    config: ArmPathConfig | None = None,
) -> ArmMotion:
    """Move the clamped fragment along its path.

    Args:
        T_fragment_clamp: m; where the clamp holds the fragment, in the fragment's CT frame, measured at
            clamping: `T_base_fragment⁻¹ · T_base_clamp`.
        load: of the fragment, see `fragment_load`; None: not known, the motion is planned without.

    Raises:
        InfeasibleError: see `rafr.trajectory.path_motion.path_motion`.
    """
    goals = _from_armbase(robot, clamp_path(T_base_pelvis, T_path_displaced, T_fragment_clamp))
    collision = ArmCollision(robot.arm, arm_surroundings(robot.room, T_world_base), margin=0.01)
    return path_motion(robot.arm, goals, q, load=load, collision=collision, config=config)


def retreat(
    robot: Robot,
    T_world_base: RigidTransform,
    q: ArrayLike,
    *,
    rng: np.random.Generator,
    config: ArmPathConfig | None = None,
) -> ArmMotion:
    """From the opened clamp straight back, then to the parked configuration.

    Raises:
        InfeasibleError: see `rafr.trajectory.arm.retreat_motion`.
    """
    collision = ArmCollision(robot.arm, arm_surroundings(robot.room, T_world_base), margin=0.01)
    return retreat_motion(robot.arm, q, robot.parked_arm, collision=collision, rng=rng, config=config)


def plan_body(
    robot: Robot,
    body: str,
    base_pose: ArrayLike,
    T_world_pelvis: RigidTransform,
    T_path_displaced: Sequence[RigidTransform],
    T_ct_clamp: RigidTransform,
    *,
    rng: np.random.Generator,
    pull: Pull | None = None,
    together: str | None = None,
    optimiser: WholeBodyOptimiser | None = None,
) -> BodyMission:
    """Every motion for one body with the patient lying as planned and the clamp gripping as planned.

    Args:
        pull: what acts on the body along its way, for the arm to hold; None: not known.
        together: the variant of `drive_and_reach`; None: the arm stays folded until the base stands.
        optimiser: as there; one for all bodies saves building the same problem again.

    Raises:
        InfeasibleError: one of the motions is not possible; the reasons say which and why.
    """
    plan, q, found = (T_world_pelvis, T_path_displaced, T_ct_clamp), robot.parked_arm, None
    if together is None:
        docking = dock(robot, base_pose, *plan, pull=pull)
    else:
        docking, found = drive_and_reach(
            robot, base_pose, q, *plan, together, rng=rng, pull=pull, optimiser=optimiser
        )
        q = q if found.together is None else found.together.arm.q[-1]
    T_world_base = docking.T_world_base
    T_base_pelvis = T_world_base.inverse() @ T_world_pelvis
    to_pins = approach(
        robot, T_world_base, q, T_base_pelvis, T_path_displaced, T_ct_clamp, rng=rng, pull=pull
    )
    q = to_pins.trajectory.q[-1]
    T_fragment_clamp = to_metres(T_ct_clamp)
    load = None if pull is None else fragment_load(robot, T_base_pelvis, T_fragment_clamp, pull)
    along = reduction(robot, T_world_base, q, T_base_pelvis, T_path_displaced, T_fragment_clamp, load=load)
    away = retreat(robot, T_world_base, along.trajectory.q[-1], rng=rng)
    return BodyMission(body, docking, to_pins, along, away, load, found)


def _seeing(robot: Robot, tools: TrackedTools | None) -> Robot:
    """The robot in its room, with the tracker where it was seen to be."""
    return robot if tools is None else replace(robot, room=robot.room.with_tracker_at(tools.eye))


def _watch(robot: Robot, tools: TrackedTools | None, path: Sequence[RigidTransform]) -> Watch | None:
    return None if tools is None else Watch(robot.arm, tools, path[0])


def _load(
    pull: Pull | None,
    T_world_pelvis: RigidTransform,
    T_ct_clamp: RigidTransform,
    path: Sequence[RigidTransform],
) -> FloatArray | None:
    """(n, 6) on the clamp along `T_world_clamp`, axes of `world`."""
    if pull is None:
        return None
    return _on_clamp(FragmentLoad(pull, T_world_pelvis, to_metres(T_ct_clamp)), path)


def _dock(
    robot: Robot,
    base_pose: ArrayLike,
    path: Sequence[RigidTransform],
    load: FloatArray | None,
    watch: Watch | None,
) -> Docking:
    place = choose_docking_pose(robot.arm, path, robot.room, load=load, watch=watch, drive=robot.drive)
    trajectory = optimise_docking(base_pose, place.base, robot.room.obstacles, robot.drive)
    return Docking(place.base, trajectory, place.assessment, place.tracker)


def _on_clamp(load: FragmentLoad, poses: Sequence[RigidTransform]) -> FloatArray:
    """(n, 6) at poses of the clamp."""
    return np.array([load.on_clamp(T) for T in poses])


def _from_armbase(robot: Robot, T_base_clamp: Sequence[RigidTransform]) -> list[RigidTransform]:
    T_armbase_base = robot.arm.T_base_armbase.inverse()
    return [T_armbase_base @ T for T in T_base_clamp]


def _thinned(poses: Sequence[RigidTransform], count: int = 12) -> list[RigidTransform]:
    index: FloatArray = np.unique(np.linspace(0, len(poses) - 1, count).round().astype(int))
    return [poses[i] for i in index]
