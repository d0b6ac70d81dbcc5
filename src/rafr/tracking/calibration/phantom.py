"""Phantom registration: where a phantom of known divots lies in the reference, and how well that is known.

A stylus stands in one divot after the other; the mean of its tip over a dwell is the divot. Paired-point
registration (Arun 1987) to the phantom's drawing; errors predicted after Fitzpatrick, West, Maurer 1998.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.config import option
from rafr.errors import InputError
from rafr.geometry import RigidTransform, fit_rigid, localisation_error, predicted_tre
from rafr.geometry.rigid_transform import FloatArray
from rafr.tracking.calibration.dwells import Dwell
from rafr.tracking.calibration.pivot import calibrate_pivot
from rafr.tracking.calibration.pivot_result import PivotCalibration, rms_length
from rafr.tracking.calibration.points_file import NamedPoints
from rafr.tracking.calibration.robust import find_outliers


@dataclass(frozen=True, slots=True)
class PhantomConfig:
    """What a phantom registration must be like to be used."""

    max_fre_mm: float = option(0.5, "root mean square registration error", unit="mm", lower=0.0)
    min_spread_mm: float = option(
        5.0, "rms distance of the landmarks from the line nearest to them", unit="mm", lower=0.0
    )


@dataclass(frozen=True, slots=True, eq=False)
class PhantomLandmark:
    """One divot, touched.

    Attributes:
        measured_mm: (3,) mean tip in the reference.
        scatter_mm: rms distance of the tip from that mean, of the frames used.
        used, rejected: numbers of frames.
        residual_mm: (3,) in the phantom's axes: as touched minus as drawn.
        leave_one_out_mm: how far the registration of all others puts it off; None where they are but two.
        tre_mm: error predicted here.
    """

    name: str
    frames: str
    measured_mm: FloatArray
    scatter_mm: float
    used: int
    rejected: int
    residual_mm: FloatArray
    leave_one_out_mm: float | None
    tre_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class PhantomRegistration:
    """Where the phantom lies.

    Attributes:
        T_reference_phantom: mm.
        fre_mm: root mean square registration error.
        fle_mm: localisation error of a divot that explains it.
        tip_mm: (3,) of the stylus.
        pivot: how the tip was found, where it was not given.
        targets_tre_mm: by name.
    """

    T_reference_phantom: RigidTransform
    fre_mm: float
    fle_mm: float
    tip_mm: FloatArray
    pivot: PivotCalibration | None
    landmarks: tuple[PhantomLandmark, ...]
    targets_tre_mm: dict[str, float]
    assessment: Assessment


def register_phantom(
    dwells: tuple[Dwell, ...],
    drawn: NamedPoints,
    *,
    tip_mm: FloatArray | None = None,
    targets: NamedPoints | None = None,
    config: PhantomConfig | None = None,
) -> PhantomRegistration:
    """Register the divots touched to those drawn, in this order.

    Args:
        drawn: (n, 3) landmarks in the phantom's frame.
        tip_mm: (3,) of the stylus in its frame; solved from the same dwells where it is left out.
        targets: points in the phantom's frame at which the error is wanted too.

    Raises:
        InputError: fewer than three landmarks, or another number of them than of dwells.
        InfeasibleError: no tip fits the dwells.
    """
    config = config or PhantomConfig()
    if len(dwells) != len(drawn) or len(drawn) < 3:
        raise InputError(
            "--frames",
            f"{len(dwells)} dwells for {len(drawn)} landmarks",
            "one each, three landmarks or more",
        )
    pivot = calibrate_pivot(dwells) if tip_mm is None else None
    tip = pivot.tip_mm if pivot is not None else np.asarray(tip_mm, dtype=float)
    tips = [_steady(d.tips_mm(tip)) for d in dwells]
    measured = np.array([t.mean(axis=0) for t in tips])
    T = fit_rigid(drawn.points_mm, measured)
    residuals = T.inverse().apply(measured) - drawn.points_mm
    fre = rms_length(residuals)
    fle = localisation_error(fre, len(drawn))
    landmarks = tuple(
        PhantomLandmark(
            name=name,
            frames=dwell.label,
            measured_mm=place,
            scatter_mm=rms_length(seen - place),
            used=len(seen),
            rejected=len(dwell) - len(seen),
            residual_mm=residual,
            leave_one_out_mm=left_out,
            tre_mm=float(tre),
        )
        for name, dwell, seen, place, residual, left_out, tre in zip(
            drawn.names,
            dwells,
            tips,
            measured,
            residuals,
            _leave_one_out(drawn.points_mm, measured),
            predicted_tre(drawn.points_mm, fle, drawn.points_mm),
            strict=True,
        )
    )
    at_targets = {} if targets is None else _tre_by_name(drawn, fle, targets)
    assessment = _judge(fre, drawn.points_mm, config) & (ACCEPTED if pivot is None else pivot.assessment)
    return PhantomRegistration(T, fre, fle, tip, pivot, landmarks, at_targets, assessment)


def _steady(tips: FloatArray) -> FloatArray:
    """The tips (m, 3) of a dwell's n that lie where most do: without those on the way into the divot."""

    def distances(weights: FloatArray) -> FloatArray:
        away: FloatArray = np.linalg.norm(tips - np.average(tips, axis=0, weights=weights), axis=1)
        return away

    return tips[~find_outliers(distances, len(tips), dof=3)]


def _leave_one_out(drawn: FloatArray, measured: FloatArray) -> list[float | None]:
    """(n,) distance of each point from where the registration of the others puts it."""
    if len(drawn) < 4:
        return [None] * len(drawn)
    errors: list[float | None] = []
    for i in range(len(drawn)):
        others = np.arange(len(drawn)) != i
        T = fit_rigid(drawn[others], measured[others])
        errors.append(float(np.linalg.norm(T.apply(drawn[i]) - measured[i])))
    return errors


def _tre_by_name(drawn: NamedPoints, fle: float, targets: NamedPoints) -> dict[str, float]:
    tre = predicted_tre(drawn.points_mm, fle, targets.points_mm)
    return dict(zip(targets.names, tre.tolist(), strict=True))


def _judge(fre: float, drawn: FloatArray, config: PhantomConfig) -> Assessment:
    reasons = []
    if fre > config.max_fre_mm:
        reasons.append(f"registration error {fre:.2f} mm, limit {config.max_fre_mm:.2f} mm")
    values = np.linalg.svd(drawn - drawn.mean(axis=0), compute_uv=False)
    spread = float(np.linalg.norm(values[1:]) / np.sqrt(len(drawn)))
    if spread < config.min_spread_mm:
        reasons.append(
            f"the landmarks lie nearly on a line ({spread:.1f} mm off it), "
            f"{config.min_spread_mm:.1f} mm needed"
        )
    return Assessment(not reasons, tuple(reasons))
