"""Pivot calibration: where the tip of a tool is, from turning it about the tip in one or several divots.

Every frame k of a dwell j says `R_k tip + p_k = divot_j`, with the tool's pose (R, p) in the reference. The equations
are linear in tip and divots; the algebraic one-step solution of Yaniv 2015 ("Which pivot calibration?", Proc SPIE
9415:941527) is their least-squares one. Divots are eliminated first: a divot is the mean of its dwell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.assessment import Assessment
from rafr.config import option
from rafr.errors import InfeasibleError
from rafr.geometry.rigid_transform import FloatArray
from rafr.tracking.calibration.dwells import MIN_FRAMES, Dwell
from rafr.tracking.calibration.robust import (
    BoolArray,
    find_outliers,
    serial_correlation,
    variance_inflation,
)

_LEAST_LEVER = 1e-6  # keeps numbers finite where nothing turned at all


@dataclass(frozen=True, slots=True)
class PivotConfig:
    """How well a tip must be known to be used."""

    max_sd_mm: float = option(
        0.25, "standard deviation of the tip along its weakest direction", unit="mm", lower=0.0
    )
    max_systematic_mm: float = option(
        0.5,
        "error of the tip that an error of the residual's size would cause in step with the tilt",
        unit="mm",
        lower=0.0,
    )
    max_rejected: float = option(0.25, "share of frames that may be outliers", lower=0.0, upper=0.5)


@dataclass(frozen=True, slots=True, eq=False)
class DwellFit:
    """One dwell of a pivot calibration.

    Attributes:
        label: its frames, `first-last`.
        divot_mm: (3,) in the reference.
        used, rejected: frames of the recording.
        tips_mm: (n, 3) in the reference, of the frames used.
        shafts: (n, 3) unit vectors in the reference from the tool's origin to its tip, of the frames used.
    """

    label: str
    divot_mm: FloatArray
    used: NDArray[np.int64]
    rejected: NDArray[np.int64]
    tips_mm: FloatArray
    shafts: FloatArray

    @property
    def residuals_mm(self) -> FloatArray:
        """(n, 3) tip minus divot."""
        return self.tips_mm - self.divot_mm

    @property
    def rms_mm(self) -> float:
        return float(np.sqrt((self.residuals_mm**2).sum(axis=1).mean()))

    @property
    def tilt_range_deg(self) -> float:
        """Largest angle between two directions of the shaft."""
        return float(np.degrees(np.arccos(np.clip((self.shafts @ self.shafts.T).min(), -1.0, 1.0))))


@dataclass(frozen=True, slots=True, eq=False)
class PivotCalibration:
    """A tip and how well it is known.

    Attributes:
        tip_mm: (3,) in the tool's frame.
        covariance_mm2: (3, 3) of the tip, for noise that is correlated from frame to frame.
        correlation: of successive residuals.
        weakest: (3,) unit vector, tool's frame: the direction in which the tip is known least.
        systematic_mm: the error of the tip that errors as large as the residual would cause if they went in
            step with the tilt, so that all frames together count as one. Their number is no help then.
        condition_number: of the equations for the tip.
        dwells: what became of every dwell.
        assessment: whether the tip may be used.
    """

    tip_mm: FloatArray
    covariance_mm2: FloatArray
    correlation: float
    weakest: FloatArray
    systematic_mm: float
    condition_number: float
    dwells: tuple[DwellFit, ...]
    assessment: Assessment

    @property
    def sd_mm(self) -> float:
        """Standard deviation along the worst direction."""
        return float(np.sqrt(np.linalg.eigvalsh(self.covariance_mm2)[-1]))

    @property
    def rms_mm(self) -> float:
        """Of the tip's distance from its divot, over all frames used."""
        return _rms(np.concatenate([d.residuals_mm for d in self.dwells]))


def calibrate_pivot(dwells: tuple[Dwell, ...], config: PivotConfig | None = None) -> PivotCalibration:
    """One tip for all dwells, one divot for each.

    Raises:
        InfeasibleError: a dwell has no three frames that agree with the tip of the others.
    """
    config = config or PivotConfig()
    equations = _Equations(dwells)
    used = ~find_outliers(equations.distances, equations.n, dof=3)
    tip = equations.tip_mm(used.astype(float))
    fits = _dwell_fits(dwells, tip, used)
    residuals = [fit.residuals_mm for fit in fits]
    correlation = serial_correlation(residuals)
    design = equations.centred(used.astype(float))[0][used]
    covariance = _covariance(design, np.concatenate(residuals), len(dwells), correlation)
    levers, weakest = _levers(design)
    systematic = _rms(np.concatenate(residuals)) / np.sqrt(3.0) * np.linalg.norm(1.0 / levers)
    assessment = _judge(covariance, float(systematic), fits, 1.0 - float(used.mean()), config)
    return PivotCalibration(
        tip_mm=tip,
        covariance_mm2=covariance,
        correlation=correlation,
        weakest=weakest,
        systematic_mm=float(systematic),
        condition_number=float(levers[0] / levers[-1]),
        dwells=fits,
        assessment=assessment,
    )


class _Equations:
    """`R tip + p - divot = 0` of all frames of all dwells."""

    def __init__(self, dwells: tuple[Dwell, ...]) -> None:
        self._R = np.concatenate([d.rotations for d in dwells])
        self._p = np.concatenate([d.translations_mm for d in dwells])
        self._dwell = np.repeat(np.arange(len(dwells)), [len(d) for d in dwells])
        self.n = len(self._dwell)

    def centred(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """R (n, 3, 3) and p (n, 3) less their weighted means over the dwell: the divots are gone."""
        R, p = self._R.copy(), self._p.copy()
        for j in range(self._dwell[-1] + 1):
            mine = self._dwell == j
            w = weights[mine] if weights[mine].any() else np.ones(mine.sum())
            R[mine] -= np.average(R[mine], axis=0, weights=w)
            p[mine] -= np.average(p[mine], axis=0, weights=w)
        return R, p

    def tip_mm(self, weights: FloatArray) -> FloatArray:
        """(3,) the weighted least-squares tip; of several, where nothing turned, the shortest."""
        R, p = self.centred(weights)
        root = np.sqrt(weights)[:, None]
        tip: FloatArray = np.linalg.lstsq((R * root[..., None]).reshape(-1, 3), -(p * root).ravel())[0]
        return tip

    def distances(self, weights: FloatArray) -> FloatArray:
        """(n,) from tip to divot in the weighted fit."""
        R, p = self.centred(weights)
        distances: FloatArray = np.linalg.norm(R @ self.tip_mm(weights) + p, axis=1)
        return distances


def _dwell_fits(dwells: tuple[Dwell, ...], tip: FloatArray, used: BoolArray) -> tuple[DwellFit, ...]:
    parts = np.split(used, np.cumsum([len(d) for d in dwells])[:-1])
    empty = [d.label for d, mine in zip(dwells, parts, strict=True) if mine.sum() < MIN_FRAMES]
    if empty:
        raise InfeasibleError(tuple(f"no tip fits the frames {label} and the others" for label in empty))
    shaft = tip / max(float(np.linalg.norm(tip)), _LEAST_LEVER)
    return tuple(
        DwellFit(
            label=d.label,
            divot_mm=d.tips_mm(tip)[mine].mean(axis=0),
            used=d.frames[mine],
            rejected=d.frames[~mine],
            tips_mm=d.tips_mm(tip)[mine],
            shafts=d.rotations[mine] @ shaft,
        )
        for d, mine in zip(dwells, parts, strict=True)
    )


def _covariance(design: FloatArray, residuals: FloatArray, divots: int, correlation: float) -> FloatArray:
    """(3, 3) of the tip: `B (Σ Rᵀ r rᵀ R) B`, `B = (Σ Rᵀ R)⁻¹` (White 1980, Econometrica 48:817).

    It takes noise as it is, larger across a long tool than along it. Inflated for serial correlation.
    """
    values, axes = np.linalg.eigh(np.einsum("nij,nik->jk", design, design))
    least = len(design) * _LEAST_LEVER**2
    bread = axes / np.maximum(values, least) @ axes.T
    scores = np.einsum("nij,ni->nj", design, residuals)
    freedom = residuals.size / max(residuals.size - 3 - 3 * divots, 1)
    return np.asarray(bread @ (scores.T @ scores) @ bread * freedom * variance_inflation(correlation))


def _levers(design: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(3,) rms motion per length of the tip's directions, largest first, and the (3,) direction of the least."""
    _, values, axes = np.linalg.svd(design.reshape(-1, 3), full_matrices=False)
    return np.maximum(values / np.sqrt(len(design)), _LEAST_LEVER), axes[-1]


def _judge(
    covariance: FloatArray,
    systematic: float,
    fits: tuple[DwellFit, ...],
    rejected: float,
    config: PivotConfig,
) -> Assessment:
    reasons = []
    sd = float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))
    tilt = max(fit.tilt_range_deg for fit in fits)
    if sd > config.max_sd_mm:
        reasons.append(
            f"the tip is known to {sd:.2f} mm (standard deviation, weakest direction), "
            f"limit {config.max_sd_mm:.2f} mm"
        )
    if systematic > config.max_systematic_mm:
        reasons.append(
            f"too little tilt (range {tilt:.0f} deg) for this residual: errors of its size in step with the tilt "
            f"would put the tip {systematic:.2f} mm wrong, limit {config.max_systematic_mm:.2f} mm"
        )
    if rejected > config.max_rejected:
        reasons.append(f"{rejected:.0%} of the frames are outliers, limit {config.max_rejected:.0%}")
    return Assessment(not reasons, tuple(reasons))


def _rms(residuals: FloatArray) -> float:
    return float(np.sqrt((residuals**2).sum(axis=1).mean()))
