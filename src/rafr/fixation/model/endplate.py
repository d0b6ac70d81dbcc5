"""The upper endplate of S1, found on the sacrum: where it is, how it lies, how wide it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.errors import InputError
from rafr.fixation.model.axes import StandingAxes
from rafr.fixation.model.bones import Piece
from rafr.geometry import merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue import landmarks

_CORE_MM = 14.0  # about the centre: part of the endplate for sure, its plane is fitted here
_FLAT_MM = 4.0  # from the plane to the endplate's faces: it is a little hollow
_ALIGNED = 0.75  # cosine between a face's normal and the plane's
_HALF_WIDTH_MM = (18.0, 30.0)  # of adults' endplates: 50 (SD 5) mm wide; bounds what is found
_HALF_DEPTH_MM = (12.0, 20.0)
_WIDEST = 1.6  # width over depth: beyond it lies the ala, which may continue the plane


@dataclass(frozen=True, slots=True, eq=False)
class Endplate:
    """S1's upper endplate at the reduced pose, LPS mm.

    Attributes:
        centre: (3,).   normal: (3,) unit, away from the sacrum.
        left: (3,) unit, in the plane, to the patient's left.   back: (3,) unit, in the plane.
        half_width: along `left`.   half_depth: along `back`.
    """

    centre: FloatArray
    normal: FloatArray
    left: FloatArray
    back: FloatArray
    half_width: float
    half_depth: float

    def slope_deg(self, axes: StandingAxes) -> float:
        """The sacral slope: between the endplate and the horizontal, standing."""
        return float(np.degrees(np.arctan2(-self.normal @ axes.back, self.normal @ axes.up)))

    def inside(self, points: FloatArray, normals: FloatArray) -> np.ndarray:
        """Mask (n,) of points (n, 3), with unit normals, that lie on the endplate."""
        offset = points - self.centre
        x, y = offset @ self.left / self.half_width, offset @ self.back / self.half_depth
        mask: np.ndarray = (
            (x**2 + y**2 < 1.0)
            & (np.abs(offset @ self.normal) < 2.0 * _FLAT_MM)
            & (normals @ self.normal > _ALIGNED)
        )
        return mask


def find_endplate(pieces: Sequence[Piece], axes: StandingAxes) -> Endplate:
    """The endplate of the reduced sacrum.

    Its middle comes from `rafr.tissue.landmarks.sacral_endplate`; a plane is fitted around it and grown over
    the faces that lie in it.

    Raises:
        InputError: no sacrum, or nothing flat where its endplate should be.
    """
    sacral = [p.surface for p in pieces if p.bone == "sacrum"]
    if not sacral:
        raise InputError("pelvis", "no piece of the sacrum", "labels 1-10")
    sacrum = merge_meshes(sacral)
    centre = landmarks.sacral_endplate(sacrum)
    points, normals, areas = sacrum.face_centres, sacrum.face_normals, sacrum.face_areas
    normal = _upward(np.array([0.0, -0.5, 1.0]), axes)
    for _ in range(5):
        offset = points - centre
        core = (np.linalg.norm(offset, axis=1) < _CORE_MM) & (normals @ normal > _ALIGNED)
        if core.sum() < 5:
            raise InputError("sacrum", "no flat endplate of S1 was found", "a sacrum that reaches up to L5")
        mean = areas[core] @ normals[core]
        normal = mean / np.linalg.norm(mean)
        centre = centre + ((areas[core] @ points[core] / areas[core].sum() - centre) @ normal) * normal
    return _grown(points, normals, areas, centre, normal, axes)


def _upward(normal: FloatArray, axes: StandingAxes) -> FloatArray:
    normal = normal - (normal @ axes.left) * axes.left
    return normal / np.linalg.norm(normal)


def _grown(
    points: FloatArray,
    normals: FloatArray,
    areas: FloatArray,
    centre: FloatArray,
    normal: FloatArray,
    axes: StandingAxes,
) -> Endplate:
    left = axes.left - (axes.left @ normal) * normal
    left /= np.linalg.norm(left)
    back = np.cross(normal, left)
    offset = points - centre
    flat = (np.abs(offset @ normal) < _FLAT_MM) & (normals @ normal > _ALIGNED)
    x, y = offset @ left, offset @ back
    strip = flat & (np.abs(x) < 8.0) & (np.abs(y) < _HALF_DEPTH_MM[1] + 5.0)
    low, high = _extent(y[strip], areas[strip])
    centre = centre + 0.5 * (low + high) * back
    half_depth = float(np.clip(0.5 * (high - low), *_HALF_DEPTH_MM))
    y = y - 0.5 * (low + high)
    strip = flat & (np.abs(y) < 0.6 * half_depth) & (np.abs(x) < _HALF_WIDTH_MM[1] + 5.0)
    left_end, right_end = _extent(x[strip], areas[strip])
    half_width = float(np.clip(0.5 * (right_end - left_end), *_HALF_WIDTH_MM))
    half_width = min(half_width, _WIDEST * half_depth)
    return Endplate(centre, normal, left, back, half_width, half_depth)


def _extent(values: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Where 2 % and 98 % of the weight lie."""
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(share, 0.02)]), float(
        values[order][np.searchsorted(share, 0.98)]
    )
