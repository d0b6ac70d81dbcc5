"""Tools made of printed square tags (ArUco, AprilTag), found in a picture with pose, error and covariance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rafr.errors import InputError
from rafr.foreign import read_yaml
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray, skew
from rafr.tracking.camera_model import Intrinsics, marker_dictionary
from rafr.tracking.corners import refine_corners
from rafr.tracking.drivers.frame import Reading
from rafr.units import METRES_PER_MM

_AMBIGUOUS = 9.0  # chi-square by which the mirrored pose of a flat tool must be worse (3 sigma)
_EXPECTED = "dictionary: NAME and tools: {name: [{id: N, corners_mm: [[x, y, z] x 4]}]}"


@dataclass(frozen=True, slots=True, eq=False)
class TagTools:
    """Which tags make up which tool.

    Attributes:
        dictionary: OpenCV's name of the tags' dictionary, without `DICT_`.
        corners: tool -> tag id -> (4, 3) m in the tool's frame, clockwise from the tag's upper left corner.
    """

    dictionary: str
    corners: Mapping[str, Mapping[int, FloatArray]]


def load_tools(path: Path) -> TagTools:
    """Read a description of tools (YAML, mm).

    Raises:
        InputError: not there, malformed, a tag used twice or without extent.
    """
    data = read_yaml(path, _EXPECTED)
    try:
        corners = {
            str(name): {
                int(tag["id"]): np.array(tag["corners_mm"], dtype=float) * METRES_PER_MM for tag in tags
            }
            for name, tags in data["tools"].items()
        }
        dictionary = str(data["dictionary"])
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise InputError(path, f"cannot be used ({error})", _EXPECTED) from None
    marker_dictionary(dictionary, path)
    ids = [tag for tags in corners.values() for tag in tags]
    twice = sorted({tag for tag in ids if ids.count(tag) > 1})
    if twice or not ids:
        raise InputError(path, f"tag {twice[0]} is used twice" if twice else "no tags", "tags, every id once")
    for name, tags in corners.items():
        for tag, square in tags.items():
            if not _is_square(square):
                raise InputError(path, f"tag {tag} of {name} has no four corners in a plane", _EXPECTED)
    return TagTools(dictionary, corners)


def _is_square(corners: FloatArray) -> bool:
    return (
        corners.shape == (4, 3)
        and bool(np.isfinite(corners).all())
        and int(np.linalg.matrix_rank(np.diff(corners, axis=0))) == 2
    )


class TagFinder:
    """Finds tools in pictures of one camera; `corner_noise_px`: the least standard deviation of a corner."""

    def __init__(self, tools: TagTools, intrinsics: Intrinsics, corner_noise_px: float) -> None:
        self._tools = tools
        self._camera = intrinsics
        self._noise = corner_noise_px
        dictionary = marker_dictionary(tools.dictionary, "tools")
        parameters = cv2.aruco.DetectorParameters()
        self._cells = dictionary.markerSize + 2 * parameters.markerBorderBits
        self._detector = cv2.aruco.ArucoDetector(dictionary, parameters)

    def find(self, image: Any) -> dict[str, Reading]:
        """A reading for every tool, whether it is in the picture (h, w) or not."""
        found, ids, _ = self._detector.detectMarkers(image)
        numbers = [] if ids is None else np.ravel(ids).tolist()
        found = found[: len(numbers)]
        seen = {
            tag: refine_corners(image, np.reshape(corners, (4, 2)).astype(float), self._cells)
            for tag, corners in zip(numbers, found, strict=True)
        }
        repeated = {tag for tag in seen if numbers.count(tag) > 1}
        return {name: self._locate(tags, seen, repeated) for name, tags in self._tools.corners.items()}

    def _locate(
        self, tags: Mapping[int, FloatArray], seen: Mapping[int, FloatArray], repeated: set[int]
    ) -> Reading:
        if repeated & tags.keys():
            return Reading(None, status=f"tag {min(repeated & tags.keys())} is in the picture twice")
        visible = sorted(tags.keys() & seen.keys())
        if not visible:
            return Reading(None, status="not visible")
        points = np.vstack([tags[tag] for tag in visible])
        pixels = np.vstack([seen[tag] for tag in visible])
        return locate(points, pixels, self._camera, self._noise)


def locate(points: FloatArray, pixels: FloatArray, camera: Intrinsics, noise_px: float) -> Reading:
    """The pose of points (n, 3) m seen at pixels (n, 2).

    The starts come from IPPE (flat tools; Collins and Bartoli 2014) or SQPnP (Terzakis and Lourakis 2020),
    each is refined by Levenberg-Marquardt on the reprojection error. A flat tool whose two solutions explain
    the corners about equally well has no pose.
    """
    refined = [_refined(points, pixels, camera, *start) for start in _starts(points, pixels, camera)]
    solutions = sorted(refined, key=lambda solution: solution[0])
    if not solutions:
        return Reading(None, status="no pose fits the corners")
    squares, T, jacobian = solutions[0]
    rms = float(np.sqrt(squares / len(points)))
    if len(solutions) > 1 and _different(T, solutions[1][1]):
        sigma = max(noise_px, float(np.sqrt(squares / max(1, pixels.size - 6))))
        if solutions[1][0] - squares < _AMBIGUOUS * sigma**2:
            return Reading(None, status="two poses fit a flat tool", reprojection_px=rms)
    error = rms * float(T.translation[2]) / camera.focal_px
    return Reading(T, error, "", rms, covariance(jacobian, squares, noise_px))


def covariance(jacobian: FloatArray, squares: float, noise_px: float) -> FloatArray:
    """(6, 6) by Gauss's rule, sigma^2 (J^T J)^-1, with the larger of assumed and measured corner noise.

    Args:
        jacobian: (2n, 6) px per m and rad.   squares: px^2, sum of the squared residuals.
    """
    freedom = max(1, len(jacobian) - 6)
    return np.asarray(max(noise_px**2, squares / freedom) * np.linalg.inv(jacobian.T @ jacobian))


def _starts(points: FloatArray, pixels: FloatArray, camera: Intrinsics) -> list[tuple[Any, Any]]:
    centred = points - points.mean(axis=0)
    sizes = np.linalg.svd(centred, compute_uv=False)
    method = cv2.SOLVEPNP_IPPE if sizes[2] < 1e-6 * sizes[0] else cv2.SOLVEPNP_SQPNP
    try:
        found, turns, shifts, _ = cv2.solvePnPGeneric(
            points, pixels, camera.matrix, camera.distortion, flags=method
        )
    except cv2.error:
        return []
    return list(zip(turns, shifts, strict=True)) if found else []


def _refined(
    points: FloatArray, pixels: FloatArray, camera: Intrinsics, turn: Any, shift: Any
) -> tuple[float, RigidTransform, FloatArray]:
    """Sum of squared residuals (px^2), pose (m), and the Jacobian (2n, 6) of the pixels."""
    turn, shift = cv2.solvePnPRefineLM(points, pixels, camera.matrix, camera.distortion, turn, shift)
    T = RigidTransform.from_rotvec(np.ravel(turn), np.ravel(shift))
    projected, derivatives = cv2.projectPoints(points, turn, shift, camera.matrix, camera.distortion)
    squares = float(((projected.reshape(-1, 2) - pixels) ** 2).sum())
    per_shift = derivatives[:, 3:6].reshape(-1, 2, 3)
    # a small rotation w at the tool's origin moves R x by w x (R x)
    per_turn = per_shift @ np.stack([-skew(x) for x in T.rotate(points)])
    return squares, T, np.concatenate([per_shift, per_turn], axis=2).reshape(-1, 6)


def _different(a: RigidTransform, b: RigidTransform) -> bool:
    return (a.inverse() @ b).angle > 0.05
