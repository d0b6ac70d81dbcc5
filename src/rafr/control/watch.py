"""Every quantity with a threshold that warns and one that stops, and what is then said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rafr.control.config import ArmControlConfig
from rafr.control.signals import ArmKinematics, Moment
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value beside its thresholds, all in `unit`; `least`: too little is what is wrong."""

    name: str
    value: float
    warning: float
    stop: float
    unit: str
    least: bool = False

    @property
    def stops(self) -> str | None:
        """Why it stops, when it does."""
        if not self._past(self.stop):
            return None
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
        *_joints(now, arm, config),
    )


def _joints(now: Moment, arm: ArmKinematics, config: ArmControlConfig) -> Sequence[Quantity]:
    """The joint that is nearest to its end, and the one that follows worst."""
    room = np.minimum(now.q - arm.limits.lower, arm.limits.upper - now.q)
    nearest = int(room.argmin())
    behind = np.abs(now.q - now.q_command)
    worst = int(behind.argmax())
    return (
        _angle(
            f"room of joint {nearest + 1}",
            room[nearest],
            config.joint_warning,
            0.5 * config.joint_margin,
            least=True,
        ),
        _angle(
            f"the arm does not follow its command: joint {worst + 1} is off by",
            behind[worst],
            0.5 * config.follow_tolerance,
            config.follow_tolerance,
        ),
    )


def _angle(name: str, value: float, warning: float, stop: float, *, least: bool = False) -> Quantity:
    """Of angles in rad."""
    a, b, c = np.degrees([value, warning, stop]).tolist()
    return Quantity(name, a, b, c, "degrees", least)


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
