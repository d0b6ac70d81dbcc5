"""Motions of the arm with its clamp empty: to the pins, and away from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from rafr.assessment import Assessment
from rafr.errors import Cause, InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision
from rafr.robot.strength import torque_share
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.motion import ArmMotion, joined, standing
from rafr.trajectory.path_motion import path_motion
from rafr.trajectory.paths import even_poses, follow, joint_path
from rafr.trajectory.roadmap import find_way
from rafr.trajectory.timing import time_path
from rafr.trajectory.verify import verify_arm

Hidden = Callable[[FloatArray], frozenset[str]]

_STANDING = 1e-6  # s at full speed: shorter than this is no motion


def approach_motion(
    arm: ArmModel,
    q_start: ArrayLike,
    T_armbase_clamp_goal: RigidTransform,
    *,
    collision: ArmCollision,
    rng: np.random.Generator,
    then: Sequence[RigidTransform] = (),
    load: FloatArray | None = None,
    hidden: Hidden | None = None,
    config: ArmPathConfig | None = None,
) -> ArmMotion:
    """From anywhere to the pins: free motion to a stand-off pose, then straight in along the clamp's z.

    Args:
        then: `T_armbase_clamp` the arm has to follow afterwards; the branch is chosen so that it can.
        load: (n, 6) on the clamp at each of these (`FragmentLoad.on_clamp`), which the branch must hold;
            None: not known.
        hidden: names the tools that the robot hides at joint angles (n, dof) while it follows `then`; a
            branch that hides none is taken where there is one.

    Raises:
        InfeasibleError: no branch of the arm gets there free of collision; the reasons say why.
    """
    config = config or ArmPathConfig()
    q0 = np.asarray(q_start, dtype=float)
    before = T_armbase_clamp_goal @ RigidTransform.from_translation((0.0, 0.0, -config.standoff))
    branches = arm.inverse_all(before, q0)
    if not branches:
        text = "the stand-off pose in front of the pins is out of the arm's reach"
        raise InfeasibleError((text,), Cause.OUT_OF_REACH)
    reasons: list[str] = []
    causes: set[Cause] = set()
    insertion = [before, T_armbase_clamp_goal]
    for look in (hidden, None) if hidden is not None else (None,):
        for q_before in branches:
            try:
                return _approach_by(arm, q0, q_before, insertion, then, load, look, collision, rng, config)
            except InfeasibleError as error:
                reasons += error.reasons
                causes.add(error.cause)
    raise InfeasibleError(tuple(dict.fromkeys(reasons)), causes.pop() if len(causes) == 1 else Cause.OTHER)


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
        return standing(arm, a)
    for name, q in (("start", a), ("end", b)):
        touching = collision.touching(q)
        if touching is not None:
            raise InfeasibleError(
                (f"at the {name} of a free motion {touching} are too close",), Cause.COLLISION
            )
    way = find_way(a, b, collision, arm.limits, rng)
    if way is None:
        raise InfeasibleError(("no way free of collision was found for the arm",), Cause.COLLISION)
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
    load: FloatArray | None,
    hidden: Hidden | None,
    collision: ArmCollision,
    config: ArmPathConfig,
) -> None:
    """Whether a branch of the arm, standing before the pins, goes in and follows the path from there.

    Args as of `approach_motion`.

    Raises:
        InfeasibleError: it does not; the reason says why.
    """
    q_in = follow(arm, even_poses(insertion, config.insertion, 10), q_before)[-1]
    followed = follow(arm, [insertion[-1], *then], q_in)
    if min(arm.manipulability(q) for q in (q_in, followed[-1])) < config.tube.min_manipulability:
        raise InfeasibleError(("the arm would be close to a singularity at the pins",), Cause.SINGULAR)
    for q in (q_in, followed[-1]):
        touching = collision.touching(q)
        if touching is not None:
            raise InfeasibleError((f"at the pins {touching} are too close",), Cause.COLLISION)
    if load is not None:
        _require_held(arm, followed[1:], load)
    behind = hidden(followed[1:]) if hidden is not None else frozenset()
    if behind:
        raise InfeasibleError((f"the robot would hide {', '.join(sorted(behind))} from the tracker",))


def _approach_by(
    arm: ArmModel,
    q0: FloatArray,
    q_before: FloatArray,
    insertion: Sequence[RigidTransform],
    then: Sequence[RigidTransform],
    load: FloatArray | None,
    hidden: Hidden | None,
    collision: ArmCollision,
    rng: np.random.Generator,
    config: ArmPathConfig,
) -> ArmMotion:
    """The approach through one branch of the arm; cheap checks first."""
    require_serves(arm, q_before, insertion, then, load, hidden, collision, config)
    free = free_motion(arm, q0, q_before, collision=collision, rng=rng, config=config)
    into = path_motion(
        arm, insertion, free.trajectory.q[-1], speed=config.insertion, collision=collision, config=config
    )
    return _together(free, into)


def _require_held(arm: ArmModel, q: FloatArray, load: FloatArray) -> None:
    """Raise InfeasibleError where loads (n, 6) at angles (n, dof) need more than a joint's torque."""
    share = torque_share(arm, q, load)
    if share.max() > 1.0:
        k, joint = np.unravel_index(int(share.argmax()), share.shape)
        text = f"{arm.joint_names[joint]} at {share.max():.0%} of its torque at pose {k + 1} of {len(load)}"
        raise InfeasibleError((f"the arm cannot hold the load ({text})",), Cause.TOO_MUCH_FORCE)


def _together(*motions: ArmMotion) -> ArmMotion:
    assessment = motions[0].assessment
    for motion in motions[1:]:
        assessment = assessment & motion.assessment
    return ArmMotion(
        joined([m.trajectory for m in motions]), tuple(p for m in motions for p in m.paths), assessment
    )
