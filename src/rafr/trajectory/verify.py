"""Independent checks of finished trajectories, sample by sample and between samples.

They do not trust the optimisers' numbers: joint motion is checked against Pinocchio's kinematics and
against its own finite differences, base motion against a fresh integration of its speeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from rafr.assessment import Assessment
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.mobile import Drive
from rafr.room import Obstacle
from rafr.trajectory.load import FragmentLoad
from rafr.trajectory.paths import ClampSpeed
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory

_FINE = 4  # checks per sample interval
_AT_REST = 1e-3
_LOAD_SAMPLES = 100  # of a motion; load and torque change slowly


def verify_base(
    trajectory: BaseTrajectory,
    start: ArrayLike,
    goal: ArrayLike,
    obstacles: Sequence[Obstacle],
    drive: Drive,
    *,
    tolerance: float = 2e-3,
) -> Assessment:
    """Ends, rest, rolling without slip, wheel limits and clearance of a base trajectory.

    Args:
        tolerance: allowed difference to the ends and to the motion its speeds make, m and rad.
    """
    t, poses = trajectory.t, trajectory.poses
    reasons: list[str] = []
    for name, got, wanted in (("start", poses[0], start), ("goal", poses[-1], goal)):
        difference = got - np.asarray(wanted, dtype=float)
        difference[2] = (difference[2] + np.pi) % (2 * np.pi) - np.pi
        if np.abs(difference).max() > tolerance:
            reasons.append(f"the base misses its {name} by {np.abs(difference).max():.4f} m or rad")
    speeds = {"v": trajectory.v, "lateral": trajectory.sideways, "omega": trajectory.omega}
    if max(float(np.abs(speed[[0, -1]]).max()) for speed in speeds.values()) > _AT_REST:
        reasons.append("the base is not at rest at both ends")
    # a sideways speed the drive has no input for moves nothing: what it was to move shows as slip
    slip = _slip(trajectory, speeds["lateral"] if "lateral" in drive.model.inputs else np.zeros_like(t))
    if slip > tolerance:
        reasons.append(f"the base would have to slip by {slip:.4f} m or rad")
    wheels = drive.wheel_rates(*(speeds[name] for name in drive.model.inputs))
    if np.abs(wheels).max() > drive.limits.wheel_rate:
        reasons.append(f"a wheel turns at {np.abs(wheels).max():.3f} rad/s")
    acceleration = np.abs(np.diff(wheels, axis=0) / np.diff(t)[:, None]).max()
    if acceleration > drive.limits.wheel_acceleration * 1.001:
        reasons.append(f"a wheel accelerates at {acceleration:.3f} rad/s^2")
    reasons += _touched(t, poses, obstacles, drive)
    return Assessment(not reasons, tuple(reasons))


def _slip(trajectory: BaseTrajectory, sideways: FloatArray) -> float:
    """Largest difference between the poses given and those reached by integrating v, sideways and omega.

    Not by the drive's model, which the optimiser used.
    """
    t, v, omega = trajectory.t, trajectory.v, trajectory.omega
    h = np.diff(t)
    # Simpson's rule: speeds are linear and theta quadratic between samples
    middle = trajectory.theta[:-1] + h * (3 * omega[:-1] + omega[1:]) / 8
    end = trajectory.theta[:-1] + h * (omega[:-1] + omega[1:]) / 2
    worst = np.abs(end - trajectory.theta[1:]).max()
    velocity = v + 1j * sideways  # seen from the base
    way = velocity[:-1] * np.exp(1j * trajectory.theta[:-1]) + velocity[1:] * np.exp(1j * end)
    way = h / 6 * (way + 2 * (velocity[:-1] + velocity[1:]) * np.exp(1j * middle))
    given = trajectory.x + 1j * trajectory.y
    off = np.cumsum(way) - (given[1:] - given[0])
    return float(max(worst, np.abs(off.real).max(), np.abs(off.imag).max()))


def _touched(t: FloatArray, poses: FloatArray, obstacles: Sequence[Obstacle], drive: Drive) -> list[str]:
    fine = np.linspace(t[0], t[-1], _FINE * (len(t) - 1) + 1)
    dense = np.stack([np.interp(fine, t, column) for column in poses.T], axis=1)
    _, radius = drive.footprint()
    centres = drive.disc_centres(dense).reshape(-1, 2)
    gaps = [(o.name, float(o.distance(centres).min()) - radius) for o in obstacles]
    return [f"the base touches {name} ({gap * 1e3:.0f} mm)" for name, gap in gaps if gap < 0]


def verify_arm(
    trajectory: ArmTrajectory,
    arm: ArmModel,
    *,
    speed: ClampSpeed | None = None,
    path: Sequence[RigidTransform] | None = None,
    position_tolerance: float = 1e-3,
    rotation_tolerance: float = 5e-3,
    point: ArrayLike = (0.0, 0.0, 0.0),
    load: FragmentLoad | None = None,
    min_manipulability: float = 0.0,
    clearance: Callable[[FloatArray], str | None] | None = None,
) -> Assessment:
    """Limits, smoothness, rest, and (where given) closeness to a path and freedom from collision.

    Args:
        speed: the clamp's largest.
        path: `T_armbase_clamp` the clamp must follow in order, densely spaced.
        position_tolerance: m, of `point` (3,), given in the clamp frame.   rotation_tolerance: rad.
        load: what the fragment in the clamp pulls with.
        min_manipulability: smallest singular value allowed, m.
        clearance: q -> None when free, else what touches what.
    """
    reasons = _limit_reasons(trajectory, arm) + _smoothness_reasons(trajectory)
    if speed is not None:
        reasons += _speed_reasons(trajectory, arm, speed)
    reasons += _torque_reasons(trajectory, arm, load)
    q = _refined(trajectory)
    least = min(arm.manipulability(row) for row in q) if min_manipulability > 0 else np.inf
    if least < min_manipulability:
        reasons.append(
            f"the arm comes close to a singularity ({least:.3f} m, at least {min_manipulability:.3f} m)"
        )
    if path is not None:
        reasons += path_reasons(arm, q, path, position_tolerance, rotation_tolerance, point)
    if clearance is not None:
        touching = [found for found in map(clearance, q) if found is not None]
        reasons += [f"collision: {touching[0]} ({len(touching)} of {len(q)} samples)"] if touching else []
    return Assessment(not reasons, tuple(reasons))


def _refined(trajectory: ArmTrajectory) -> FloatArray:
    """Joint angles at the samples and midway between them (cubic Hermite)."""
    h = np.diff(trajectory.t)[:, None]
    q, qd = trajectory.q, trajectory.qd
    middle = (q[:-1] + q[1:]) / 2 + h * (qd[:-1] - qd[1:]) / 8
    return np.vstack([q[:1], np.stack([middle, q[1:]], axis=1).reshape(-1, q.shape[1])])


def _limit_reasons(trajectory: ArmTrajectory, arm: ArmModel) -> list[str]:
    limits, reasons = arm.limits, []
    outside = np.maximum(trajectory.q - limits.upper, limits.lower - trajectory.q).max(axis=0)
    for name, excess in zip(arm.joint_names, outside, strict=True):
        if excess > 1e-9:
            reasons.append(f"{name} leaves its range by {np.degrees(excess):.2f} deg")
    for what, value, bound in (
        ("velocity", trajectory.qd, limits.velocity),
        ("acceleration", trajectory.qdd, limits.acceleration),
        ("jerk", trajectory.qddd, limits.jerk),
    ):
        share = np.abs(value).max(axis=0) / bound
        for name, used in zip(arm.joint_names, share, strict=True):
            if used > 1.0:
                reasons.append(f"{name} uses {used:.0%} of its {what} limit")
    return reasons


def _speed_reasons(trajectory: ArmTrajectory, arm: ArmModel, speed: ClampSpeed) -> list[str]:
    """From the clamp poses themselves: what happens between samples counts."""
    share = speed.lengths([arm.forward(q) for q in trajectory.q]) / np.diff(trajectory.t)
    worst = float(share.max())
    return [f"the clamp moves at {worst:.0%} of its permitted speed"] if worst > 1.0 else []


def _torque_reasons(trajectory: ArmTrajectory, arm: ArmModel, load: FragmentLoad | None) -> list[str]:
    """Joint torques by Pinocchio and the load by the patient's full model, at `_LOAD_SAMPLES` times."""
    rows = np.unique(np.linspace(0, len(trajectory.t) - 1, _LOAD_SAMPLES).round().astype(int))
    joints = zip(trajectory.q[rows], trajectory.qd[rows], trajectory.qdd[rows], strict=True)
    torque = np.array([arm.torque(*row) for row in joints])
    reasons = []
    if load is not None:
        poses = [arm.forward(q) for q in trajectory.q[rows]]
        held = [load.on_clamp(pose) for pose in poses]
        torque -= np.array([arm.jacobian(q).T @ w for q, w in zip(trajectory.q[rows], held, strict=True)])
        pulls = np.array([load.wrench(pose) for pose in poses])
        for what, part, limit, unit in (
            ("force", pulls[:, :3], load.force_limit, "N"),
            ("torque", pulls[:, 3:], load.torque_limit, "N m"),
        ):
            most = np.linalg.norm(part, axis=1)
            if most.max() > limit:
                when = trajectory.t[rows[int(most.argmax())]]
                reasons.append(
                    f"the tissue's {what} would reach {most.max():.0f} {unit} after {when:.1f} s "
                    f"(limit {limit:.0f} {unit})"
                )
    share = np.abs(torque).max(axis=0) / arm.limits.effort
    named = zip(arm.joint_names, share, strict=True)
    return reasons + [f"{name} needs {used:.0%} of its torque" for name, used in named if used > 1.0]


def _smoothness_reasons(trajectory: ArmTrajectory) -> list[str]:
    """The derivatives given must be those of the positions given, and both ends at rest."""
    reasons = []
    h = np.diff(trajectory.t)[:, None]
    if (h <= 0).any():
        return ["time does not increase"]
    for what, value, rate in (("qd", trajectory.q, trajectory.qd), ("qdd", trajectory.qd, trajectory.qdd)):
        # trapezium rule: its error is bounded by h^2/12 times the largest change of slope
        defect = np.abs(np.diff(value, axis=0) - h * (rate[:-1] + rate[1:]) / 2)
        slack = h**2 * np.abs(np.diff(rate, axis=0) / h).max(initial=0.0) / 2 + 1e-7
        if (defect > slack).any():
            reasons.append(f"{what} is not the derivative of what it belongs to")
    if max(np.abs(trajectory.qd[[0, -1]]).max(), np.abs(trajectory.qdd[[0, -1]]).max()) > 10 * _AT_REST:
        reasons.append("the arm is not at rest at both ends")
    return reasons


def path_reasons(
    arm: ArmModel,
    q: FloatArray,
    path: Sequence[RigidTransform],
    position: float,
    rotation: float,
    point: ArrayLike = (0.0, 0.0, 0.0),
) -> list[str]:
    """Every sample near the path, every pose of the path near a sample, both ends met; as in `verify_arm`."""
    poses = [arm.forward(row) for row in q]
    got = np.array([p.apply(point) for p in poses])
    wanted = np.array([p.apply(point) for p in path])
    R_got = np.array([p.rotation for p in poses])
    R_wanted = np.array([p.rotation for p in path])
    distance = np.linalg.norm(got[:, None] - wanted[None], axis=-1)
    cosine = (np.einsum("iab,jab->ij", R_got, R_wanted) - 1) / 2
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    # a pose counts as near when both its parts are; the path's own spacing adds to the tolerance
    spacing = float(np.linalg.norm(np.diff(wanted, axis=0), axis=1).max(initial=0.0)) / 2
    turning = (
        float(
            np.arccos(np.clip(((R_wanted[:-1] * R_wanted[1:]).sum(axis=(1, 2)) - 1) / 2, -1, 1)).max(
                initial=0.0
            )
        )
        / 2
    )
    measure = np.maximum(distance / (position + spacing), angle / (rotation + turning))
    reasons = []
    if measure.min(axis=1).max() > 1:
        worst = int(measure.min(axis=1).argmax())
        near = int(measure[worst].argmin())
        reasons.append(f"the clamp leaves its path by {_mm_deg(distance[worst, near], angle[worst, near])}")
    for name, i in (("start", 0), ("end", -1)):
        if distance[i, i] > position or angle[i, i] > rotation:
            reasons.append(f"the clamp misses the path's {name} by {_mm_deg(distance[i, i], angle[i, i])}")
    return reasons


def _mm_deg(distance: float, angle: float) -> str:
    return f"{distance * 1e3:.2f} mm / {np.degrees(angle):.2f} deg"
