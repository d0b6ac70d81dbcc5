"""Pivot calibration: where the tip of a tool is, from turning it about the tip in one or several divots.

Every frame k of a dwell j says `R_k tip + p_k = divot_j`, with the tool's pose (R, p) in the reference. The
equations are linear in tip and divots; the algebraic one-step solution of Yaniv 2015 ("Which pivot
calibration?", Proc SPIE 9415:941527) is their least-squares one. Divots are eliminated first: a divot is the
mean of its dwell. Iterated weights make it robust; with linear equations nothing else is left to refine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.config import option
from rafr.errors import InfeasibleError
from rafr.geometry.rigid_transform import FloatArray
from rafr.tracking.calibration.dwells import MIN_FRAMES, Dwell
from rafr.tracking.calibration.pivot_result import DwellFit, PivotCalibration, rms_length
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
        "error of the tip that the slow part of the residual would cause in step with the tilt",
        unit="mm",
        lower=0.0,
    )
    min_turn_deg: float = option(
        5.0,
        "rms turn of the tip's weakest direction: about one axis alone, one stays open",
        unit="deg",
        lower=0.0,
    )
    max_rejected: float = option(0.25, "share of frames that may be outliers", lower=0.0, upper=0.5)


def calibrate_pivot(dwells: tuple[Dwell, ...], config: PivotConfig | None = None) -> PivotCalibration:
    """One tip for all dwells, one divot for each.

    The residual is what shows of the errors; what follows the tilt moves the tip instead. Hence two
    standards: the covariance for noise, and `systematic_mm` for slow errors (a distorted field, a tip that
    rolls in its divot), of which an unseen part as large as the seen one must be expected.

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
    slow = rms_length(np.concatenate(residuals)) * np.sqrt(correlation / 3.0)
    systematic = float(slow * np.linalg.norm(1.0 / levers))
    result = PivotCalibration(
        tip_mm=tip,
        covariance_mm2=covariance,
        correlation=correlation,
        weakest=weakest,
        turn_deg=float(np.degrees(levers[-1])),
        systematic_mm=systematic,
        condition_number=float(levers[0] / levers[-1]),
        dwells=fits,
        assessment=ACCEPTED,
    )
    return replace(result, assessment=_judge(result, 1.0 - float(used.mean()), config))


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
        A, b = (R * root[..., None]).reshape(-1, 3), -(p * root).ravel()
        return np.asarray(np.linalg.lstsq(A, b)[0], dtype=float)

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
    length = float(np.linalg.norm(tip))
    shaft = tip / length if length > 0.0 else np.array([0.0, 0.0, 1.0])
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
    """(3,) rms motion per length along the tip's axes, largest first, and the (3,) axis of the least."""
    _, values, axes = np.linalg.svd(design.reshape(-1, 3), full_matrices=False)
    return np.maximum(values / np.sqrt(len(design)), _LEAST_LEVER), axes[-1]


def _judge(result: PivotCalibration, rejected: float, config: PivotConfig) -> Assessment:
    reasons = []
    if result.turn_deg < config.min_turn_deg:
        reasons.append(
            f"the tool turned too little: the tip's weakest direction by {result.turn_deg:.2f} deg (rms), "
            f"{config.min_turn_deg:.2f} deg needed"
        )
    if result.sd_mm > config.max_sd_mm:
        reasons.append(
            f"the tip is known to {result.sd_mm:.2f} mm (standard deviation, weakest direction), "
            f"limit {config.max_sd_mm:.2f} mm"
        )
    if result.systematic_mm > config.max_systematic_mm:
        reasons.append(
            f"too little tilt (range {result.tilt_range_deg:.0f} deg) for a residual that varies slowly: "
            f"errors of its size in step with the tilt would put the tip {result.systematic_mm:.2f} mm "
            f"wrong, limit {config.max_systematic_mm:.2f} mm"
        )
    if rejected > config.max_rejected:
        reasons.append(f"{rejected:.0%} of the frames are outliers, limit {config.max_rejected:.0%}")
    return Assessment(not reasons, tuple(reasons))
