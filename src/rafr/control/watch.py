"""Every quantity with a threshold that warns and one that stops, and what is then said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rafr.control.config import ArmControlConfig
from rafr.control.signals import ArmKinematics, Moment
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value beside its thresholds, all in `unit`.

    `least`: too little is what is wrong.   `why`: what it means, said first when it stops.
    """

    name: str
    value: float
    warning: float
    stop: float
    unit: str
    least: bool = False
    why: str = ""

    @property
    def stops(self) -> str | None:
        """Why it stops, when it does."""
        if not self._past(self.stop):
            return None
        if self.why:
            return f"{self.why} ({self.name} {self.value:.3g} {self.unit}, limit {self.stop:.3g})"
        return f"{self.name} {self.value:.3g} {self.unit} reached the limit of {self.stop:.3g} {self.unit}"

    @property
    def warns(self) -> str | None:
        if not self._past(self.warning):
            return None
        return f"{self.name} {self.value:.3g} {self.unit} (limit {self.stop:.3g})"

    def _past(self, threshold: float) -> bool:
        return self.value <= threshold if self.least else self.value >= threshold


def first_stop(quantities: Iterable[Quantity]) -> str | None:
    return next((reason for q in quantities if (reason := q.stops) is not None), None)


def all_warnings(quantities: Iterable[Quantity]) -> tuple[str, ...]:
    return tuple(text for q in quantities if (text := q.warns) is not None)


def load_on(force: float, torque: float, config: ArmControlConfig) -> tuple[Quantity, ...]:
    """What the tissue bears."""
    share = config.warning_fraction
    return (
        Quantity("force", force, share * config.force_limit, config.force_limit, "N"),
        Quantity("torque", torque, share * config.torque_limit, config.torque_limit, "N m"),
    )


def motion_of(now: Moment, arm: ArmKinematics, config: ArmControlConfig) -> tuple[Quantity, ...]:
    """How a held fragment moves, as the joints' own sensors say: speed, turn rate, power, joint limits."""
    linear, angular = (float(np.linalg.norm(part)) for part in (now.twist[:3], now.twist[3:]))
    power = abs(float(now.load @ now.twist))
    return (
        Quantity(
            "measured speed", 1e3 * linear, 1e3 * config.linear_speed, 1e3 * config.linear_speed_limit, "mm/s"
        ),
        Quantity("measured turn rate", angular, config.angular_speed, config.angular_speed_limit, "rad/s"),
        Quantity("power", power, config.warning_fraction * config.power_limit, config.power_limit, "W"),
        _room(now, arm, config),
    )


def _room(now: Moment, arm: ArmKinematics, config: ArmControlConfig) -> Quantity:
    """Of the joint that is nearest to its end."""
    room = np.minimum(now.q - arm.limits.lower, arm.limits.upper - now.q)
    nearest = int(room.argmin())
    name, least = f"room of joint {nearest + 1}", 0.5 * config.joint_margin
    return _angle(name, room[nearest], config.joint_warning, least, least=True)


def following(now: Moment, arm: ArmKinematics, config: ArmControlConfig) -> Quantity:
    """Of the joint that follows its command worst; a load it cannot turn is told from a drive that fails."""
    worst = int(now.behind.argmax())
    behind = float(now.behind[worst])
    tolerance, why = config.follow_tolerance, "the arm does not follow its command"
    if behind > tolerance and _overloaded(worst, now, arm, config):
        tolerance = config.overload_tolerance
        why = f"joint {worst + 1} cannot hold the load of {now.force:.0f} N, {now.torque:.1f} N m"
    return _angle(f"joint {worst + 1} is off by", behind, 0.5 * config.follow_tolerance, tolerance, why=why)


def _overloaded(joint: int, now: Moment, arm: ArmKinematics, config: ArmControlConfig) -> bool:
    """Whether arm and load need most of a joint's torque."""
    needed = arm.gravity(now.q) - arm.jacobian(now.q).T @ now.load
    return bool(abs(needed[joint]) > config.overload_share * arm.limits.effort[joint])


def _angle(
    name: str, value: float, warning: float, stop: float, *, least: bool = False, why: str = ""
) -> Quantity:
    """Of angles in rad."""
    a, b, c = np.degrees([value, warning, stop]).tolist()
    return Quantity(name, a, b, c, "degrees", least, why)


def off_path(distance: float, angle: float, config: ArmControlConfig) -> tuple[Quantity, ...]:
    """How far the tracked fragment is from where its path has it."""
    return (
        Quantity("tracked error", 1e3 * distance, 1e3 * config.error_slow, 1e3 * config.error_stop, "mm"),
        _angle("tracked turn error", angle, 0.5 * config.angle_stop, config.angle_stop),
    )


class MeasuredTwist:
    """Twist of the clamp from measured joint positions, over `span` s: one sample's noise is no speed."""

    def __init__(self, arm: ArmKinematics, span: float = 0.1) -> None:
        self._arm, self._span = arm, span
        self._seen: list[tuple[float, FloatArray]] = []

    def add(self, t: float, q: FloatArray) -> FloatArray:
        """(6,) m/s, rad/s in `arm_base` axes, after joints (dof,) at t (s)."""
        self._seen = [(then, there) for then, there in self._seen if t - then <= self._span] + [(t, q)]
        first, start = self._seen[0]
        if t - first < 0.5 * self._span:
            return np.zeros(6)
        twist: FloatArray = self._arm.jacobian(q) @ ((q - start) / (t - first))
        return twist
