"""A surgeon's hand with the tracked drill: to each pin of a body, into its bone, and out again.

The hand aims along the pins that will really stand in the bone (`Arrangement.hand_pins`: the planned ones
with the error of a free hand) and sways and trembles about them. It does not follow the guidance, so that
guidance and truth can be compared. Forces of drilling are not modelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.cases.case import SchantzPin
from rafr.config import option
from rafr.errors import InputError
from rafr.fixation.implants.catalogue import DrillTool
from rafr.geometry import RigidTransform
from rafr.geometry.minimum_jerk import minimum_jerk
from rafr.geometry.rigid_transform import FloatArray
from rafr.units import METRES_PER_MM


@dataclass(frozen=True, slots=True)
class HandConfig:
    """Pace and unrest of the hand; assumptions, not measured."""

    reach: float = option(3.0, "from where the drill comes into sight to the entry", unit="s", lower=0.1)
    wait: float = option(1.0, "at the entry before it drills", unit="s", lower=0.0)
    feed: float = option(4e-3, "into the bone", unit="m/s", lower=1e-4, upper=0.1)
    leave: float = option(1.5, "back out", unit="s", lower=0.1)
    rest: float = option(1.0, "out of sight between two pins", unit="s", lower=0.0)
    above: float = option(
        0.12, "outside the entry, where it comes into sight", unit="m", lower=0.0, upper=1.0
    )
    sway: float = option(
        1.5e-3, "slow unrest of the tip, standard deviation per axis", unit="m", lower=0.0, upper=0.05
    )
    sway_angle: float = option(0.025, "of the axis, the same", unit="rad", lower=0.0, upper=0.5)
    sway_time: float = option(0.8, "after which it is another", unit="s", lower=0.01)
    tremor: float = option(
        1e-4, "quick unrest of the tip, standard deviation per axis", unit="m", lower=0.0, upper=0.01
    )
    tremor_angle: float = option(1e-3, "of the axis, the same", unit="rad", lower=0.0, upper=0.1)
    tremor_rate: float = option(9.0, "of the tremor", unit="Hz", lower=0.1, upper=40.0)
    guided: float = option(
        0.25, "share of both that is left once bone guides the drill", lower=0.0, upper=1.0
    )


class _Unrest:
    """Stationary noise (6,) about a frequency: an Ornstein-Uhlenbeck process in the complex plane."""

    def __init__(self, spread: FloatArray, time: float, rate: float, rng: np.random.Generator) -> None:
        self._spread, self._time, self._rate, self._rng = spread, time, rate, rng
        self._z = self._draw()

    def _draw(self) -> np.ndarray:
        real, imaginary = self._rng.standard_normal((2, 6))
        return np.asarray(real + 1j * imaginary)

    def after(self, seconds: float) -> FloatArray:
        keep = np.exp(-seconds / self._time)
        turned = self._z * np.exp(2j * np.pi * self._rate * seconds)
        self._z = keep * turned + np.sqrt(1.0 - keep**2) * self._draw()
        noise: FloatArray = self._spread * self._z.real
        return noise


class DrillingHand:
    """Drills one body at a time.

    Attributes:
        body: what is drilled, "" while the drill lies away.
        tool: the drill as it really is.
        T_ct_drill: m, of the drill's marker in that body's CT; None while it is out of sight.
    """

    _TREMOR_TIME = 0.3  # s, over which the tremor keeps its amplitude

    def __init__(self, tool: DrillTool, rng: np.random.Generator, config: HandConfig | None = None) -> None:
        """`tool`: of `true_drill`."""
        self.tool, self._config = tool, config or HandConfig()
        c = self._config
        self._sway = _Unrest(np.repeat([c.sway, c.sway_angle], 3), c.sway_time, 0.0, rng)
        self._tremor = _Unrest(
            np.repeat([c.tremor, c.tremor_angle], 3), self._TREMOR_TIME, c.tremor_rate, rng
        )
        self._left: list[SchantzPin] = []
        self._into = 0.0  # s since the present pin was begun
        self.body = ""
        self.T_ct_drill: RigidTransform | None = None

    def begin(self, body: str, pins: Sequence[SchantzPin]) -> None:
        """Take the drill to a body's pins, one after the other.

        Args:
            pins: as they will really be, LPS mm in the body's CT.

        Raises:
            InputError: the hand is busy.
        """
        if self.body:
            raise InputError("drill", f"{self.body} is still drilled", "one body after the other")
        self.body, self._left, self._into = body, list(pins), 0.0

    def pass_time(self, seconds: float) -> bool:
        """Go on; True when the last pin's hole has just been finished."""
        if not self.body:
            return False
        self._into += seconds
        if self._into >= self._needed(self._left[0]) + self._config.rest:
            self._left.pop(0)
            self._into = 0.0
        if not self._left:
            self.body, self.T_ct_drill = "", None
            return True
        self.T_ct_drill = self._seen(self._left[0], seconds)
        return False

    def _needed(self, pin: SchantzPin) -> float:
        c = self._config
        return c.reach + c.wait + pin.depth_mm * METRES_PER_MM / c.feed + c.leave

    def _depth(self, pin: SchantzPin) -> float | None:
        """m of the tip along the pin from its entry; None once the drill is out of sight."""
        c, t, depth = self._config, self._into, pin.depth_mm * METRES_PER_MM
        if t < c.reach:
            return -c.above * (1.0 - minimum_jerk(t / c.reach))
        t -= c.reach + c.wait
        if t < depth / c.feed:
            return max(0.0, t * c.feed)
        t -= depth / c.feed
        return depth - (depth + c.above) * minimum_jerk(t / c.leave) if t < c.leave else None

    def _seen(self, pin: SchantzPin, seconds: float) -> RigidTransform | None:
        depth = self._depth(pin)
        unrest = self._sway.after(seconds) + self._tremor.after(seconds)
        if depth is None:
            return None
        if depth > 0.0:
            unrest = self._config.guided * unrest
        tip = pin.entry_mm * METRES_PER_MM + depth * pin.direction + unrest[:3]
        held = RigidTransform.from_rotvec(unrest[3:]).rotation @ _turning(self.tool.axis, pin.direction)
        return RigidTransform(held, tip - held @ np.array(self.tool.tip))


def true_drill(calibrated: DrillTool, rng: np.random.Generator) -> DrillTool:
    """A drill that was calibrated as given, with the errors of that calibration."""
    tip = np.array(calibrated.tip) + calibrated.tip_sd * rng.standard_normal(3)
    turn = RigidTransform.from_rotvec(calibrated.axis_sd * rng.standard_normal(3))
    x, y, z = tip.tolist()
    u, v, w = turn.rotate(np.array(calibrated.axis)).tolist()
    return DrillTool((x, y, z), (u, v, w), calibrated.tip_sd, calibrated.axis_sd)


def _turning(axis: tuple[float, float, float], onto: FloatArray) -> FloatArray:
    """(3, 3) the shortest turn of one unit vector onto another; half a turn about any axis across."""
    a, b = np.array(axis), np.asarray(onto, dtype=float)
    across = np.cross(a, b)
    sine, cosine = float(np.linalg.norm(across)), float(a @ b)
    if sine < 1e-9:
        across = np.cross(a, np.eye(3)[int(np.argmin(np.abs(a)))])
    angle = float(np.arctan2(sine, cosine))
    return RigidTransform.from_rotvec(angle * across / np.linalg.norm(across)).rotation
