"""A path adjusted on the way: offsets along the approved one, bounded, and blended in without a jump."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator

from rafr.assessment import ACCEPTED, Assessment
from rafr.control.config import ArmControlConfig
from rafr.control.correction import displaced
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.trajectory.reduction_path import ReductionPath

_JUMP = (2e-4, 3e-3)  # m, rad by which the path may change where the fragment stands


@dataclass(frozen=True, eq=False)
class Adjustment:
    """How a path changes from some point on.

    Attributes:
        shares: (n >= 2,) of the approved path, increasing; before the first and behind the last the offset is
            that of the first and the last.
        offsets: (n, 6) m and rad: shift of the fragment's centre and turn about it, pelvis axes.
        reason: what it answers, for a person.
    """

    shares: FloatArray
    offsets: FloatArray
    reason: str = ""

    def at(self, u: float) -> FloatArray:
        """(6,) offset at a share of the path."""
        return np.asarray(self._curve(min(max(u, self.shares[0]), self.shares[-1])), dtype=float)

    @cached_property
    def _curve(self) -> PchipInterpolator:
        return PchipInterpolator(self.shares, self.offsets)

    @property
    def largest(self) -> tuple[float, float]:
        """m and rad."""
        sizes = np.linalg.norm(self.offsets.reshape(-1, 2, 3), axis=2).max(axis=0)
        return float(sizes[0]), float(sizes[1])

    def judge(self, before: FloatArray, u: float, config: ArmControlConfig) -> Assessment:
        """Whether it may be taken where the fragment stands at u with an offset `before` (6,).

        Never without a new approval beyond what `config` lets: what was approved is the path and this much
        around it.
        """
        n = len(self.shares) if self.shares.ndim == 1 else 0
        if n < 2 or self.offsets.shape != (n, 6) or not np.all(np.diff(self.shares) > 0):
            return Assessment(False, ("the adjustment has no increasing shares with six numbers each",))
        if not (np.isfinite(self.offsets).all() and np.isfinite(self.shares).all()):
            return Assessment(False, ("the adjustment holds NaN",))
        linear, angular = self.largest
        if linear > config.adjust_linear or angular > config.adjust_angular:
            allowed = (
                f"{1e3 * config.adjust_linear:.0f} mm and {np.degrees(config.adjust_angular):.1f} degrees"
            )
            much = f"{1e3 * linear:.1f} mm and {np.degrees(angular):.1f} degrees"
            return Assessment(
                False, (f"the path would change by {much}: more than {allowed} needs a new approval",)
            )
        step = np.linalg.norm((self.at(u) - before).reshape(2, 3), axis=1)
        if np.any(step > _JUMP):
            jump = f"the path would jump by {1e3 * step[0]:.2f} mm where the fragment stands"
            return Assessment(False, (jump,))
        return ACCEPTED


def joined(before: Adjustment | None, after: Adjustment, u: float) -> Adjustment:
    """As `before` from u on until `after` begins: a change takes effect a little ahead of the fragment."""
    start = float(after.shares[0])
    lead = np.linspace(u, start, 5)[:-1]
    if not u < start:
        return after
    offsets = np.array([np.zeros(6) if before is None else before.at(v) for v in lead])
    return Adjustment(np.r_[lead, after.shares], np.vstack([offsets, after.offsets]), after.reason)


class AdjustedPath:
    """An approved path with what was adjusted since."""

    def __init__(self, approved: ReductionPath) -> None:
        self.approved = approved
        self._adjustment: Adjustment | None = None

    @property
    def pivot(self) -> FloatArray:
        return self.approved.pivot

    def take(self, adjustment: Adjustment) -> None:
        """Follow this one from now on."""
        self._adjustment = adjustment

    def offset(self, u: float) -> FloatArray:
        """(6,) m and rad."""
        return np.zeros(6) if self._adjustment is None else self._adjustment.at(u)

    def at(self, u: float) -> RigidTransform:
        pose = self.approved.at(u)
        return pose if self._adjustment is None else displaced(pose, self._adjustment.at(u), self.pivot)
