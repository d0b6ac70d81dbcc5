"""Hand-eye calibration: where a tracked tool sits on the flange, and the tracker in the robot's base.

For every pose robot and tracker say `T_base_flange X = Z T_reference_tool`, with `X = T_flange_tool` and
`Z = T_base_reference` unknown (AX = ZB). The reference is the tracker, or a marker on the base, and then Z is
`T_base_marker`. A closed form of few poses starts a least-squares fit of all, rotations and shifts weighed by
their noise as the fit finds it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.assessment import Assessment
from rafr.config import option
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.tracking.calibration.pose_fit import GUESSED_NOISE, PoseFit, distances_in_noise, jacobian
from rafr.tracking.calibration.pose_pairs import PosePairs, closed_form
from rafr.tracking.calibration.robust import (
    BoolArray,
    find_outliers,
    serial_correlation,
    variance_inflation,
)

_SUBSET, _TRIES = 5, 60  # with 20 % outliers, 60 times 5 poses hold five good ones but for 1e-10


@dataclass(frozen=True, slots=True)
class HandEyeConfig:
    """What a hand-eye calibration must be like to be used."""

    min_turn_deg: float = option(
        10.0, "rms turn of the flange about a second axis: one alone leaves X open", unit="deg", lower=0.0
    )
    max_sd_mm: float = option(0.5, "standard deviation of X or Z, weakest direction", unit="mm", lower=0.0)
    max_sd_deg: float = option(0.1, "standard deviation of X or Z, weakest axis", unit="deg", lower=0.0)
    max_rejected: float = option(0.25, "share of poses that may be outliers", lower=0.0, upper=0.5)


@dataclass(frozen=True, slots=True, eq=False)
class HandEyeCalibration:
    """X and Z and how well they are known.

    Attributes:
        T_flange_tool, T_base_reference: mm.
        covariance: (12, 12) of the errors (mm, rad) of X, then Z: shift of the origin and turn about it,
            in the axes of flange and base.
        pairs: all poses.
        used: (n,) those that are no outliers.
        turn_deg, shift_mm: (n,) residuals of all poses.
        turns_deg: (3,) rms turn of the flange about its three main axes.
        correlation: of successive residuals.
        assessment: whether the result may be used.
    """

    T_flange_tool: RigidTransform
    T_base_reference: RigidTransform
    covariance: FloatArray
    pairs: PosePairs
    used: BoolArray
    turn_deg: FloatArray
    shift_mm: FloatArray
    turns_deg: FloatArray
    correlation: float
    assessment: Assessment

    @property
    def rms_mm(self) -> float:
        return float(np.sqrt((self.shift_mm[self.used] ** 2).mean()))

    @property
    def rms_deg(self) -> float:
        return float(np.sqrt((self.turn_deg[self.used] ** 2).mean()))

    @property
    def rejected(self) -> NDArray[np.int64]:
        """Frames of the outliers."""
        return self.pairs.frames[~self.used]

    def sd_mm(self, which: str) -> float:
        """Standard deviation of the origin of "X" or "Z" along its weakest direction."""
        return _weakest(self.covariance, {"X": 0, "Z": 6}[which])

    def sd_deg(self, which: str) -> float:
        """Standard deviation of the turn of "X" or "Z" about its weakest axis."""
        return float(np.degrees(_weakest(self.covariance, {"X": 3, "Z": 9}[which])))


def calibrate_hand_eye(
    pairs: PosePairs, rng: np.random.Generator, config: HandEyeConfig | None = None
) -> HandEyeCalibration:
    """Fit X and Z to all poses that agree.

    Args:
        rng: chooses the poses of the starts.

    Raises:
        InfeasibleError: the flange turned about one axis only, or hardly at all: X is not determined.
    """
    config = config or HandEyeConfig()
    _require_turns(pairs, config)
    fit = PoseFit(pairs, *_start(pairs, rng))
    used = ~find_outliers(fit.distances, len(pairs), dof=6)
    good = pairs.some(used)
    _require_turns(good, config)
    covariance, correlation = _covariance(good, fit)
    turn, shift = pairs.residuals(fit.X, fit.Z)
    return HandEyeCalibration(
        T_flange_tool=fit.X.renormalised(),
        T_base_reference=fit.Z.renormalised(),
        covariance=covariance,
        pairs=pairs,
        used=used,
        turn_deg=np.degrees(np.linalg.norm(turn, axis=1)),
        shift_mm=np.linalg.norm(shift, axis=1),
        turns_deg=good.turns_deg(),
        correlation=correlation,
        assessment=_judge(covariance, 1.0 - float(used.mean()), config),
    )


def _require_turns(pairs: PosePairs, config: HandEyeConfig) -> None:
    first, second, _ = pairs.turns_deg()
    if second < config.min_turn_deg:
        raise InfeasibleError(
            (
                f"the flange turned by {first:.1f} deg (rms) about one axis and by {second:.1f} deg about a "
                f"second, {config.min_turn_deg:.1f} deg about two needed: X and Z are not determined",
            )
        )


def _start(pairs: PosePairs, rng: np.random.Generator) -> tuple[RigidTransform, RigidTransform]:
    """The closed form of those five poses that explains the median pose best.

    Least median of squares, Rousseeuw 1984, J Am Stat Assoc 79:871: outliers do not count.
    """
    candidates = [closed_form(pairs)]
    candidates += [
        closed_form(pairs.some(rng.choice(len(pairs), _SUBSET, replace=False))) for _ in range(_TRIES)
    ]

    def miss(guess: tuple[RigidTransform, RigidTransform]) -> float:
        return float(np.median(distances_in_noise(pairs.residuals(*guess), GUESSED_NOISE)))

    return min(candidates, key=miss)


def _covariance(good: PosePairs, fit: PoseFit) -> tuple[FloatArray, float]:
    """(12, 12) of the errors of X and Z, and the correlation of successive residuals it is inflated for.

    X and Z have three numbers each that turns determine and three that shifts do: six degrees of freedom.
    """
    turn, shift = good.residuals(fit.X, fit.Z)
    sd_turn, sd_shift = (max(float(np.sqrt((r**2).sum() / (r.size - 6))), 1e-12) for r in (turn, shift))
    correlation = serial_correlation([np.hstack([turn / sd_turn, shift / sd_shift])])
    J = jacobian(good, fit.X, fit.Z, (sd_turn, sd_shift)).reshape(-1, 12)
    inverse = np.linalg.pinv(J.T @ J, hermitian=True)
    return np.asarray(inverse * variance_inflation(correlation), dtype=float), correlation


def _weakest(covariance: FloatArray, start: int) -> float:
    block = covariance[start : start + 3, start : start + 3]
    return float(np.sqrt(np.linalg.eigvalsh(block)[-1]))


def _judge(covariance: FloatArray, rejected: float, config: HandEyeConfig) -> Assessment:
    reasons = []
    for name, start in (("T_flange_tool", 0), ("T_base_reference", 6)):
        sd_mm = _weakest(covariance, start)
        sd_deg = float(np.degrees(_weakest(covariance, start + 3)))
        if sd_mm > config.max_sd_mm:
            reasons.append(
                f"{name} is known to {sd_mm:.2f} mm (standard deviation), limit {config.max_sd_mm:.2f}"
            )
        if sd_deg > config.max_sd_deg:
            reasons.append(
                f"{name} is known to {sd_deg:.3f} deg (standard deviation), limit {config.max_sd_deg:.3f}"
            )
    if rejected > config.max_rejected:
        reasons.append(f"{rejected:.0%} of the poses are outliers, limit {config.max_rejected:.0%}")
    return Assessment(not reasons, tuple(reasons))
