"""The arm along a path of the clamp: the middle first, then the fastest motion in the tube about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from rafr.assessment import Assessment
from rafr.errors import Cause, InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.load import FragmentLoad
from rafr.trajectory.motion import ArmMotion, standing
from rafr.trajectory.paths import ClampSpeed, even_poses, follow, joint_path
from rafr.trajectory.result import ArmTrajectory
from rafr.trajectory.timing import JointPath, TimingConfig, sample, time_profile
from rafr.trajectory.tube.optimise import fastest_in_tube
from rafr.trajectory.tube.reference import Reference
from rafr.trajectory.verify import path_reasons, verify_arm

_PATH_SAMPLES = 200  # poses a path is checked against
_STANDING = 1e-6  # s at full speed: shorter than this is no path
# knots and share of the configured margin, tried in this order; the check between knots decides
_ATTEMPTS = ((48, 1.0), (96, 1.0), (96, 0.96))
_GAVE_WAY = 1e-3  # of a limit

_CAUSES = (
    ("tissue", Cause.TOO_MUCH_FORCE),
    ("joint torque", Cause.TOO_MUCH_FORCE),
    ("singularity", Cause.SINGULAR),
    ("clearance", Cause.COLLISION),
)


class InfeasibleMotionError(InfeasibleError):
    """No acceptable motion along a path.

    `relaxation` is the least violating one found, for a person to judge, or None; it is no result.
    """

    def __init__(
        self, reasons: tuple[str, ...], cause: Cause, relaxation: ArmTrajectory | None = None
    ) -> None:
        super().__init__(reasons, cause)
        self.relaxation = relaxation


def path_motion(
    arm: ArmModel,
    T_armbase_clamp: Sequence[RigidTransform],
    q_start: ArrayLike,
    *,
    speed: ClampSpeed | None = None,
    load: FragmentLoad | None = None,
    collision: ArmCollision | None = None,
    config: ArmPathConfig | None = None,
) -> ArmMotion:
    """The fastest verified motion of the clamp along poses, from rest at `q_start` to rest at the last.

    Args:
        speed: the clamp's largest; by default that of a reduction.
        load: what the fragment in the clamp pulls with; None: the clamp is empty.

    Raises:
        InfeasibleError: out of reach, a jump between branches, not starting at the path, or refused by
            the independent check; the reasons say which. Where limits clash, it is an `InfeasibleMotionError`
            with the least violating motion.
    """
    config = config or ArmPathConfig()
    speed = speed or config.reduction
    q0 = np.asarray(q_start, dtype=float)
    poses = _from_here(arm, q0, T_armbase_clamp, config)
    if float(speed.lengths(poses).sum()) < _STANDING:
        return standing(arm, q0)
    path = _spline_along(arm, poses, q0, speed, config)
    _require_free(path, collision)
    timing = TimingConfig()
    profile, _ = time_profile(path, timing)
    middle = Reference(arm, poses, path, profile, speed, load, collision)
    check = partial(
        verify_arm,
        arm=arm,
        speed=speed,
        path=even_poses(poses, speed, _PATH_SAMPLES),
        position_tolerance=config.tube.position,
        rotation_tolerance=config.tube.rotation,
        point=middle.lever,
        load=load,
        min_manipulability=config.tube.min_manipulability,
        clearance=None if collision is None else collision.touching,
    )
    for knots, share in _ATTEMPTS:
        tube = replace(config.tube, margin=share * config.tube.margin)
        found = fastest_in_tube(middle, knots, tube, timing.sample_period)
        if not found.solution.converged:
            break
        if check(found.trajectory).accepted:
            return ArmMotion(found.trajectory, (path,), Assessment(True))
    on_the_middle = sample(arm.joint_names, path, profile, timing.sample_period)
    verdict = check(on_the_middle)
    if verdict.accepted:
        remark = "no faster motion within the tube was found; the timing on its middle is used"
        return ArmMotion(on_the_middle, (path,), Assessment(True, (remark,)))
    raise _what_gives_way(middle, config, timing, check, verdict)


def _what_gives_way(
    middle: Reference,
    config: ArmPathConfig,
    timing: TimingConfig,
    check: partial[Assessment],
    verdict: Assessment,
) -> InfeasibleMotionError:
    """Names the limits that the least violating motion breaks; `verdict` is that on the tube's middle."""
    knots, _ = _ATTEMPTS[0]
    found = fastest_in_tube(middle, knots, config.tube, timing.sample_period, relaxed=True)
    if not found.solution.converged:
        return InfeasibleMotionError(verdict.reasons, Cause.OTHER)
    broken = max(found.excess, key=lambda group: found.excess[group])
    if found.excess[broken] < _GAVE_WAY:
        return InfeasibleMotionError(verdict.reasons, Cause.OTHER, found.trajectory)
    reasons = check(found.trajectory).reasons or (f"{broken} at its limit",)
    return InfeasibleMotionError(reasons, dict(_CAUSES).get(broken, Cause.OTHER), found.trajectory)


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
        reasons = path_reasons(arm, between, wanted, config.tube.position / 2, config.tube.rotation / 2)
        if not reasons:
            return path
    raise InfeasibleError(tuple(reasons))


def _require_free(path: JointPath, collision: ArmCollision | None) -> None:
    if collision is None:
        return
    for q in path.spline(np.linspace(0.0, 1.0, 60)):
        touching = collision.touching(q)
        if touching is not None:
            raise InfeasibleError((f"on the path {touching} are too close",), Cause.COLLISION)


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
