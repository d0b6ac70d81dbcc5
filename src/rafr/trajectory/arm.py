"""Motions of the arm: along a path with the clamp closed, to the pins, and away from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from rafr.assessment import Assessment
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision
from rafr.trajectory.motion import ArmMotion, joined
from rafr.trajectory.paths import ClampSpeed, even_poses, follow, joint_path
from rafr.trajectory.result import ArmTrajectory
from rafr.trajectory.roadmap import find_way
from rafr.trajectory.timing import JointPath, TimingConfig, time_path
from rafr.trajectory.verify import path_reasons, verify_arm

Hidden = Callable[[FloatArray], frozenset[str]]

_PATH_SAMPLES = 200  # poses a path is checked against
_STANDING = 1e-6  # s at full speed: shorter than this is no path


@dataclass(frozen=True, slots=True)
class ArmPathConfig:
    """Tunables of the arm's motions.

    Attributes:
        reduction: clamp speed with a fragment in the clamp.
        insertion: clamp speed next to the patient.
        free: clamp speed away from the patient.
        gentleness: share of the joints' acceleration and jerk limits used at and near the patient.
        standoff: how far back along the clamp's axis the approach starts to go straight in, m.
        start_tolerance: how far the arm may stand from the start of a path, m.
        start_angle: and how far turned away, rad.
        entry: share of the path over which that offset fades.
        position_tolerance: allowed distance from the path, m.
        rotation_tolerance: rad.
        min_manipulability: smallest singular value allowed at the ends (see ArmModel), m.
    """

    reduction: ClampSpeed = field(default_factory=lambda: ClampSpeed(0.008, np.radians(1.5)))
    insertion: ClampSpeed = field(default_factory=lambda: ClampSpeed(0.03, np.radians(10.0)))
    free: ClampSpeed = field(default_factory=lambda: ClampSpeed(0.2, np.radians(45.0)))
    gentleness: float = 0.1
    standoff: float = 0.09
    start_tolerance: float = 0.01
    start_angle: float = np.radians(4.0)
    entry: float = 0.3
    position_tolerance: float = 5e-4
    rotation_tolerance: float = np.radians(0.3)
    min_manipulability: float = 0.03


def optimise_arm_path(
    arm: ArmModel,
    T_armbase_clamp: Sequence[RigidTransform],
    q_start: ArrayLike,
    *,
    speed: ClampSpeed | None = None,
    collision: ArmCollision | None = None,
    config: ArmPathConfig | None = None,
    timing: TimingConfig | None = None,
) -> ArmTrajectory:
    """The fastest verified motion of the clamp along poses, from rest at `q_start` to rest at the last.

    Raises:
        InfeasibleError: out of reach, a jump between branches, not starting at the path, or refused by
            the independent check; the reasons say which.
    """
    return path_motion(
        arm, T_armbase_clamp, q_start, speed=speed, collision=collision, config=config, timing=timing
    ).trajectory


def path_motion(
    arm: ArmModel,
    T_armbase_clamp: Sequence[RigidTransform],
    q_start: ArrayLike,
    *,
    speed: ClampSpeed | None = None,
    collision: ArmCollision | None = None,
    config: ArmPathConfig | None = None,
    timing: TimingConfig | None = None,
) -> ArmMotion:
    """As `optimise_arm_path`, with the assessment and the geometric path beside the trajectory."""
    config = config or ArmPathConfig()
    speed = speed or config.reduction
    q0 = np.asarray(q_start, dtype=float)
    poses = _from_here(arm, q0, T_armbase_clamp, config)
    seconds = float(speed.lengths(poses).sum())
    if seconds < _STANDING:
        return _standing(arm, q0)
    path = _spline_along(arm, poses, q0, speed, config)
    _require_free(path, collision)
    trajectory, remarks = time_path(arm.joint_names, path, timing)
    check = verify_arm(
        trajectory,
        arm,
        speed=speed,
        path=even_poses(poses, speed, _PATH_SAMPLES),
        position_tolerance=config.position_tolerance,
        rotation_tolerance=config.rotation_tolerance,
        clearance=None if collision is None else collision.touching,
    )
    if not check.accepted:
        raise InfeasibleError(check.reasons)
    return ArmMotion(trajectory, (path,), Assessment(True, remarks))


def plan_approach(
    arm: ArmModel,
    q_start: ArrayLike,
    T_armbase_clamp_goal: RigidTransform,
    *,
    collision: ArmCollision,
    rng: np.random.Generator,
    then: Sequence[RigidTransform] = (),
    config: ArmPathConfig | None = None,
) -> ArmTrajectory:
    """From anywhere to the pins: free motion to a stand-off pose, then straight in along the clamp's z.

    Args:
        then: `T_armbase_clamp` the arm has to follow afterwards; the branch is chosen so that it can.

    Raises:
        InfeasibleError: no branch of the arm gets there free of collision; the reasons say why.
    """
    return approach_motion(
        arm, q_start, T_armbase_clamp_goal, collision=collision, rng=rng, then=then, config=config
    ).trajectory


def approach_motion(
    arm: ArmModel,
    q_start: ArrayLike,
    T_armbase_clamp_goal: RigidTransform,
    *,
    collision: ArmCollision,
    rng: np.random.Generator,
    then: Sequence[RigidTransform] = (),
    hidden: Hidden | None = None,
    config: ArmPathConfig | None = None,
) -> ArmMotion:
    """As `plan_approach`, with assessment and paths.

    `hidden` names the tools that the robot hides at joint angles (n, dof) while it follows `then`; a branch
    that hides none is taken where there is one.
    """
    config = config or ArmPathConfig()
    q0 = np.asarray(q_start, dtype=float)
    before = T_armbase_clamp_goal @ RigidTransform.from_translation((0.0, 0.0, -config.standoff))
    branches = arm.inverse_all(before, q0)
    if not branches:
        raise InfeasibleError(("the stand-off pose in front of the pins is out of the arm's reach",))
    reasons: list[str] = []
    insertion = [before, T_armbase_clamp_goal]
    for look in (hidden, None) if hidden is not None else (None,):
        for q_before in branches:
            try:
                return _approach_by(arm, q0, q_before, insertion, then, look, collision, rng, config)
            except InfeasibleError as error:
                reasons += error.reasons
    raise InfeasibleError(tuple(dict.fromkeys(reasons)))


def retreat_motion(
    arm: ArmModel,
    q_start: ArrayLike,
    q_end: ArrayLike,
    *,
    collision: ArmCollision,
    rng: np.random.Generator,
    config: ArmPathConfig | None = None,
) -> ArmMotion:
    """From the pins straight back along the clamp's z, then to `q_end`.

    Raises:
        InfeasibleError: the way back or on is not free.
    """
    config = config or ArmPathConfig()
    here = arm.forward(q_start)
    back = here @ RigidTransform.from_translation((0.0, 0.0, -config.standoff))
    out = path_motion(arm, [here, back], q_start, speed=config.insertion, collision=collision, config=config)
    away = free_motion(arm, out.trajectory.q[-1], q_end, collision=collision, rng=rng, config=config)
    return _together(out, away)


def free_motion(
    arm: ArmModel,
    q_start: ArrayLike,
    q_end: ArrayLike,
    *,
    collision: ArmCollision,
    rng: np.random.Generator,
    config: ArmPathConfig | None = None,
) -> ArmMotion:
    """Between two configurations along straight joint lines, free of collision, at rest in between.

    Raises:
        InfeasibleError: no way was found, or the independent check refuses it.
    """
    config = config or ArmPathConfig()
    a, b = np.asarray(q_start, dtype=float), np.asarray(q_end, dtype=float)
    if np.abs(b - a).max() < _STANDING:
        return _standing(arm, a)
    for name, q in (("start", a), ("end", b)):
        touching = collision.touching(q)
        if touching is not None:
            raise InfeasibleError((f"at the {name} of a free motion {touching} are too close",))
    way = find_way(a, b, collision, arm.limits, rng)
    if way is None:
        raise InfeasibleError(("no way free of collision was found for the arm",))
    paths = tuple(joint_path(arm, way[k : k + 2], config.free) for k in range(len(way) - 1))
    timed = [time_path(arm.joint_names, path) for path in paths]
    trajectory = joined([t for t, _ in timed])
    check = verify_arm(trajectory, arm, speed=config.free, clearance=collision.touching)
    if not check.accepted:
        raise InfeasibleError(check.reasons)
    return ArmMotion(trajectory, paths, Assessment(True, tuple(r for _, remarks in timed for r in remarks)))


def require_serves(
    arm: ArmModel,
    q_before: FloatArray,
    insertion: Sequence[RigidTransform],
    then: Sequence[RigidTransform],
    hidden: Hidden | None,
    collision: ArmCollision,
    config: ArmPathConfig,
) -> None:
    """Whether a branch of the arm, standing before the pins, goes in and follows the path from there.

    Raises:
        InfeasibleError: it does not; the reason says why.
    """
    q_in = follow(arm, even_poses(insertion, config.insertion, 10), q_before)[-1]
    followed = follow(arm, [insertion[-1], *then], q_in)
    if min(arm.manipulability(q) for q in (q_in, followed[-1])) < config.min_manipulability:
        raise InfeasibleError(("the arm would be close to a singularity at the pins",))
    for q in (q_in, followed[-1]):
        touching = collision.touching(q)
        if touching is not None:
            raise InfeasibleError((f"at the pins {touching} are too close",))
    behind = hidden(followed[1:]) if hidden is not None else frozenset()
    if behind:
        raise InfeasibleError((f"the robot would hide {', '.join(sorted(behind))} from the tracker",))


def _approach_by(
    arm: ArmModel,
    q0: FloatArray,
    q_before: FloatArray,
    insertion: Sequence[RigidTransform],
    then: Sequence[RigidTransform],
    hidden: Hidden | None,
    collision: ArmCollision,
    rng: np.random.Generator,
    config: ArmPathConfig,
) -> ArmMotion:
    """The approach through one branch of the arm; cheap checks first."""
    require_serves(arm, q_before, insertion, then, hidden, collision, config)
    free = free_motion(arm, q0, q_before, collision=collision, rng=rng, config=config)
    into = path_motion(
        arm, insertion, free.trajectory.q[-1], speed=config.insertion, collision=collision, config=config
    )
    return _together(free, into)


def _spline_along(
    arm: ArmModel, poses: Sequence[RigidTransform], q0: FloatArray, speed: ClampSpeed, config: ArmPathConfig
) -> JointPath:
    """Joint path through as many poses as it takes to stay near the screw motions between them.

    Raises:
        InfeasibleError: out of reach, a jump, or too sharp a corner for the tolerance.
    """
    wanted = even_poses(poses, speed, _PATH_SAMPLES)
    reasons: list[str] = []
    for count in (20, 40, 80):
        q = np.vstack([q0, follow(arm, even_poses(poses, speed, count)[1:], q0)])
        path = joint_path(arm, q, speed, config.gentleness)
        between = path.spline(np.linspace(0.0, 1.0, 2 * count + 1))
        # half the tolerance, so that the finished trajectory passes the independent check
        reasons = path_reasons(
            arm, between, wanted, config.position_tolerance / 2, config.rotation_tolerance / 2
        )
        if not reasons:
            return path
    raise InfeasibleError(tuple(reasons))


def _require_free(path: JointPath, collision: ArmCollision | None) -> None:
    if collision is None:
        return
    for q in path.spline(np.linspace(0.0, 1.0, 60)):
        touching = collision.touching(q)
        if touching is not None:
            raise InfeasibleError((f"on the path {touching} are too close",))


def _from_here(
    arm: ArmModel, q: FloatArray, poses: Sequence[RigidTransform], config: ArmPathConfig
) -> list[RigidTransform]:
    """The path, entered from where the arm really is: the offset fades over the first part of the path.

    Raises:
        InfeasibleError: the arm stands too far from the path's start, or there is no path.
    """
    if not poses:
        raise InfeasibleError(("the path has no poses",))
    here = arm.forward(q)
    gap = poses[0].inverse() @ here
    distance = float(np.linalg.norm(gap.translation))
    if distance > config.start_tolerance or gap.angle > config.start_angle:
        stands = f"{distance * 1e3:.1f} mm and {np.degrees(gap.angle):.1f} deg"
        allowed = f"{config.start_tolerance * 1e3:.1f} mm, {np.degrees(config.start_angle):.1f} deg"
        raise InfeasibleError((f"the clamp stands {stands} from the start of its path (allowed {allowed})",))
    offset = gap.log()
    at = np.concatenate([[0.0], np.cumsum(config.reduction.lengths(poses))])
    share = np.clip(1.0 - at / max(config.entry * at[-1], 1e-12), 0.0, 1.0)
    return [pose @ RigidTransform.exp(w * offset) for pose, w in zip(poses, share, strict=True)]


def _together(*motions: ArmMotion) -> ArmMotion:
    assessment = motions[0].assessment
    for motion in motions[1:]:
        assessment = assessment & motion.assessment
    return ArmMotion(
        joined([m.trajectory for m in motions]), tuple(p for m in motions for p in m.paths), assessment
    )


def _standing(arm: ArmModel, q: FloatArray) -> ArmMotion:
    """Already there: two samples of standing still."""
    zero = np.zeros((2, arm.dof))
    trajectory = ArmTrajectory(arm.joint_names, np.array([0.0, 0.02]), np.stack([q, q]), zero, zero, zero)
    return ArmMotion(trajectory, (), Assessment(True, ("there is nothing to move",)))
