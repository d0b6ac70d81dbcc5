"""Error of a rigid registration of paired points, predicted from how well it fits.

Fitzpatrick, West, Maurer 1998, "Predicting error in rigid-body point-based registration", IEEE Trans Med
Imaging 17:694. FRE, FLE, TRE: root mean square fiducial registration, fiducial localisation and target
registration error. All lengths in one unit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rafr.errors import RafrError
from rafr.geometry.rigid_transform import FloatArray


def localisation_error(fre: float, n: int) -> float:
    """FLE of n fiducials that were registered with an error `fre`: `FLE² = FRE² n / (n - 2)`.

    Raises:
        RafrError: fewer than three fiducials.
    """
    _check_number(n)
    return float(fre * np.sqrt(n / (n - 2)))


def predicted_tre(fiducials: ArrayLike, fle: float, targets: ArrayLike) -> FloatArray:
    """Expected TRE (...,) at targets (..., 3): `TRE² = FLE²/n (1 + 1/3 Σ d_k²/f_k²)` (eq. 46).

    d_k, f_k: distance of the target and rms distance of the fiducials from principal axis k.

    Args:
        fiducials: (n, 3) where they lie in the targets' frame.
        fle: root mean square localisation error, the same for every fiducial and direction.

    Raises:
        RafrError: fewer than three fiducials.
    """
    points = np.asarray(fiducials, dtype=float)
    n = len(points)
    _check_number(n)
    centre = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - centre, full_matrices=False)
    along = (points - centre) @ axes.T
    out = (np.asarray(targets, dtype=float) - centre) @ axes.T
    total = np.zeros(out.shape[:-1])
    for k in range(3):
        others = [i for i in range(3) if i != k]
        f2 = float((along[:, others] ** 2).sum(axis=1).mean())
        total = total + (out[..., others] ** 2).sum(axis=-1) / max(f2, 1e-12)
    tre: FloatArray = fle * np.sqrt((1.0 + total / 3.0) / n)
    return tre


def _check_number(n: int) -> None:
    if n < 3:
        raise RafrError(f"a registration error needs three fiducials or more, got {n}")
