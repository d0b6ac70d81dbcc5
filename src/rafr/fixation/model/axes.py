"""How the patient's pelvis stands: axes of the standing body in the CT's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.errors import InputError
from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue import landmarks


@dataclass(frozen=True, slots=True, eq=False)
class StandingAxes:
    """Unit vectors (3,), LPS: `left`, `back` and `up` of the standing patient.

    In the anatomical position both anterior superior iliac spines and the pubic tubercles lie in one vertical
    plane; `left` runs along the line between the spines. `tilt_deg` turns the pelvis forward from there.
    """

    left: FloatArray
    back: FloatArray
    up: FloatArray

    @staticmethod
    def of(left_hip: TriangleMesh, right_hip: TriangleMesh, tilt_deg: float = 0.0) -> StandingAxes:
        """From both hip bones at the reduced pose.

        Args:
            tilt_deg: anterior tilt beyond the anatomical position; a pelvis that tilts back has less.

        Raises:
            InputError: the hips' landmarks do not span a plane (a segmentation of something else).
        """
        spines, tubercles = [], []
        for hip, side in ((left_hip, "left"), (right_hip, "right")):
            centre = landmarks.hip_centre(hip, side)
            spines.append(landmarks.anterior_superior_spine(hip, centre))
            tubercles.append(landmarks.pubic_tubercle(hip, centre, side))
        across = spines[0] - spines[1]
        up = 0.5 * (spines[0] + spines[1]) - 0.5 * (tubercles[0] + tubercles[1])
        return StandingAxes.spanned(across, up, tilt_deg)

    @staticmethod
    def spanned(across: FloatArray, up: FloatArray, tilt_deg: float = 0.0) -> StandingAxes:
        """`across` from right to left, `up` roughly so in the plane that stands vertical."""
        width, height = np.linalg.norm(across), np.linalg.norm(np.cross(across, up))
        if width < 50.0 or height < 20.0 * width:
            raise InputError("pelvis", "spines and tubercles span no plane", "both hip bones, left and right")
        left = across / width
        up = up - (up @ left) * left
        up /= np.linalg.norm(up)
        back = np.cross(left, -up)
        back = -back if back[1] < 0 else back
        angle = np.radians(tilt_deg)
        # the pelvis turns forward: seen from it, up turns backward
        up, back = (
            np.cos(angle) * up + np.sin(angle) * back,
            np.cos(angle) * back - np.sin(angle) * up,
        )
        return StandingAxes(left, back, up)
