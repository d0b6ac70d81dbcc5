"""How fast arm and base may move where they may meet a person: ISO/TS 15066:2016, annex A.

A contact is two masses and the spring of the body between them; all of the relative motion's energy goes
into the spring:

    E = F^2 / 2k = mu v^2 / 2        v_max = F_max / sqrt(mu k)        1/mu = 1/m_body + 1/m_robot

with F_max the transient limit of the body region, or what its pressure limit makes of the area touched. The
tables are in `rafr.limits`. Only the clamp and the base are looked at: no other link of the arm is faster
than the clamp when the arm reaches out, but folded it may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.integrate import cumulative_trapezoid
from scipy.interpolate import CubicHermiteSpline

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray
from rafr.limits import BODY_REGIONS, BodyRegion
from rafr.robot.arm import ArmModel
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory

_HEAD = ("skull and forehead", "face")
_LEGS = ("thighs and knees", "lower legs")
_CHECKS_PER_KNOT = 4
_FEEDBACK_ROOM = 0.85  # as the base controller leaves below its own limits
_STANDING = 1e-4  # m/s: what is slower has no direction


@dataclass(frozen=True, slots=True)
class BystanderConfig:
    """Who may be met, and with what."""

    head_may_be_met: bool = option(True, "a bystander's head may come into the arm's way")
    contact_area: float = option(
        1e-4, "smallest area with which tool or base touches", unit="m^2", lower=1e-5, upper=1e-2
    )


@dataclass(frozen=True, slots=True)
class SpeedLimit:
    """The largest speed, m/s, and the body region that sets it."""

    speed: float
    region: str


def reduced_mass(robot: float, body: float) -> float:
    """kg of robot and body region in contact."""
    return 1.0 / (1.0 / robot + 1.0 / body)


def contact_speed(region: BodyRegion, robot_mass: float, area: float) -> float:
    """m/s at which a robot of this effective mass (kg) may meet a region with `area` (m^2)."""
    force = region.transient * min(region.force, region.pressure * area)
    return float(force / np.sqrt(reduced_mass(robot_mass, region.mass) * region.stiffness))


def speed_limit(regions: Sequence[BodyRegion], robot_mass: float, area: float) -> SpeedLimit:
    """Of all regions the slowest."""
    slowest = min(regions, key=lambda region: contact_speed(region, robot_mass, area))
    return SpeedLimit(contact_speed(slowest, robot_mass, area), slowest.name)


def base_speed(mass: float, config: BystanderConfig) -> SpeedLimit:
    """For the base, which meets legs with all of its mass (kg) and of what stands on it."""
    return speed_limit([r for r in BODY_REGIONS if r.name in _LEGS], mass, config.contact_area)


def slowed_base(
    trajectory: BaseTrajectory, limit: SpeedLimit, half_length: float, half_width: float
) -> tuple[BaseTrajectory, str]:
    """The same way, slower wherever a corner (m from the middle) is too fast; and what was done.

    Room is left for the feedback that keeps the base on its way.
    """
    omega = np.abs(trajectory.omega)
    along = np.abs(trajectory.v) + omega * half_width
    across = np.abs(trajectory.sideways) + omega * half_length
    share = np.maximum(1.0, np.hypot(along, across) / (_FEEDBACK_ROOM * limit.speed))
    if share.max() <= 1.0:
        return trajectory, ""
    lateral = None if trajectory.lateral is None else trajectory.lateral / share
    slower = replace(
        trajectory,
        # dt' = share dt: as share changes without jumps, so does the speed
        t=trajectory.t[0] + cumulative_trapezoid(share, trajectory.t, initial=0.0),
        v=trajectory.v / share,
        omega=trajectory.omega / share,
        wheel=trajectory.wheel / share[:, None],
        lateral=lateral,
    )
    return slower, _said(float(share.max()), limit)


class Bystanders:
    """Slows free motions of one arm to what a person in their way may bear."""

    def __init__(self, arm: ArmModel, config: BystanderConfig) -> None:
        self._arm, self._config = arm, config
        self._regions = [r for r in BODY_REGIONS if config.head_may_be_met or r.name not in _HEAD]
        moving = [joint for joint in arm.chain if joint.moves]
        self._rotors = np.diag([joint.rotor_inertia for joint in moving])
        arm_mass = sum(joint.inertia.mass for joint in moving)
        payload = sum(joint.inertia.mass for joint in arm.chain) - arm_mass
        # the standard's: half the mass of the moving parts, and all of what they carry
        self._rule_of_thumb = 0.5 * arm_mass + payload

    def effective_mass(self, q: FloatArray, direction: FloatArray) -> float:
        """kg felt at the clamp along a direction (3,) of `arm_base`: at least the standard's rule of thumb.

        1 / (u^T J M^-1 J^T u), O. Khatib, Int. J. Robotics Research 14 (1995), with the gears' rotors in M.
        """
        inertia, _ = self._arm.inertia_and_bias(q, np.zeros_like(q))
        J = self._arm.jacobian(q)[:3]
        mobility = J @ np.linalg.solve(inertia + self._rotors, J.T)
        u = direction / np.linalg.norm(direction)
        # where the arm cannot move, it has no end of mass
        return max(self._rule_of_thumb, 1.0 / max(float(u @ mobility @ u), 1e-6))

    def limit_at(self, q: FloatArray, velocity: FloatArray) -> SpeedLimit:
        """For the clamp at joints q (dof,) moving along `velocity` (3,)."""
        mass = self.effective_mass(q, velocity)
        return speed_limit(self._regions, mass, self._config.contact_area)

    def slowed(self, trajectory: ArmTrajectory) -> tuple[ArmTrajectory, str]:
        """The same way, stretched in time until the clamp keeps its limit; and what was done, or empty."""
        curve = CubicHermiteSpline(trajectory.t, trajectory.q, trajectory.qd)
        share, worst = 1.0, None
        for t in np.linspace(trajectory.t[0], trajectory.t[-1], _CHECKS_PER_KNOT * len(trajectory.t)):
            q = np.asarray(curve(t), dtype=float)
            velocity = self._arm.jacobian(q)[:3] @ curve(t, 1)
            speed = float(np.linalg.norm(velocity))
            if speed < _STANDING:
                continue
            limit = self.limit_at(q, velocity)
            if speed / limit.speed > share:
                share, worst = speed / limit.speed, limit
        if worst is None:
            return trajectory, ""
        return stretched(trajectory, share), _said(share, worst)


def _said(times: float, limit: SpeedLimit) -> str:
    return (
        f"slowed up to {times:.1f} times: {limit.speed:.2f} m/s at most for the {limit.region} of a bystander"
    )


def stretched(trajectory: ArmTrajectory, times: float) -> ArmTrajectory:
    """The same way, so many times slower."""
    return replace(
        trajectory,
        t=trajectory.t * times,
        qd=trajectory.qd / times,
        qdd=trajectory.qdd / times**2,
        qddd=trajectory.qddd / times**3,
    )
