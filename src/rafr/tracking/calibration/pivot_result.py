"""What a pivot calibration finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.assessment import Assessment
from rafr.geometry.rigid_transform import FloatArray


def rms_length(vectors: FloatArray) -> float:
    """Root mean square length of vectors (n, 3)."""
    return float(np.sqrt((vectors**2).sum(axis=1).mean()))


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
        return rms_length(self.residuals_mm)

    @property
    def tilt_range_deg(self) -> float:
        """Largest angle between two directions of the shaft."""
        some = self.shafts[:: max(1, len(self.shafts) // 1000)]  # every pair: memory
        return float(np.degrees(np.arccos(np.clip((some @ some.T).min(), -1.0, 1.0))))


@dataclass(frozen=True, slots=True, eq=False)
class PivotCalibration:
    """A tip and how well it is known.

    Attributes:
        tip_mm: (3,) in the tool's frame.
        covariance_mm2: (3, 3) of the tip, for noise that is correlated from frame to frame.
        correlation: of successive residuals.
        weakest: (3,) unit vector, tool's frame: the direction in which the tip is known least.
        turn_deg: rms turn of that direction.
        systematic_mm: the error of the tip that errors as large as the slow part of the residual would cause
            if they went in step with the tilt: all frames together then count as one. The slow part is what
            one residual has in common with the next.
        condition_number: of the equations for the tip.
        dwells: what became of every dwell.
        assessment: whether the tip may be used.
    """

    tip_mm: FloatArray
    covariance_mm2: FloatArray
    correlation: float
    weakest: FloatArray
    turn_deg: float
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
        return rms_length(np.concatenate([d.residuals_mm for d in self.dwells]))

    @property
    def tilt_range_deg(self) -> float:
        """The largest of any dwell."""
        return max(d.tilt_range_deg for d in self.dwells)
