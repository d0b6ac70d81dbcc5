"""Where on a pelvis a registration must be good, and how good one of paired points will be there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry import TriangleMesh, predicted_tre
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue import landmarks

_SIDES = ("left", "right")


def pelvic_targets(bones: Mapping[str, TriangleMesh]) -> dict[str, FloatArray]:
    """Points (3,) LPS mm: `left_asis`, `right_asis`, `left_psis`, `right_psis`, `pubic_symphysis`, `s1`.

    Args:
        bones: `left_hip`, `right_hip`, `sacrum` (`rafr.imaging.segmentation.BONES`), of a supine patient; a
            target of a bone that is not there is left out.
    """
    targets: dict[str, FloatArray] = {}
    for side in _SIDES:
        if (hip := bones.get(f"{side}_hip")) is not None:
            centre = landmarks.hip_centre(hip, side)
            targets[f"{side}_asis"] = landmarks.anterior_superior_spine(hip, centre)
            targets[f"{side}_psis"] = landmarks.posterior_superior_spine(hip)
    if "left_hip" in bones and "right_hip" in bones:
        targets["pubic_symphysis"] = landmarks.pubic_symphysis(bones["left_hip"], bones["right_hip"])
    if "sacrum" in bones:
        targets["s1"] = landmarks.sacral_endplate(bones["sacrum"])
    return targets


def pelvic_tre(fiducials_mm: ArrayLike, fle_mm: float, targets: Mapping[str, FloatArray]) -> dict[str, float]:
    """Expected error (mm) by target of a registration by fiducials (n, 3) in the same CT, LPS mm.

    Args:
        fle_mm: localisation error of a fiducial (`rafr.geometry.localisation_error`).

    Raises:
        RafrError: fewer than three fiducials.
    """
    tre = predicted_tre(fiducials_mm, fle_mm, np.array(list(targets.values())).reshape(-1, 3))
    return dict(zip(targets, tre.tolist(), strict=True))
