"""A camera's intrinsics (OpenCV's pinhole with distortion), their file, their calibration from pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from rafr.assessment import Assessment
from rafr.config import option
from rafr.errors import InputError
from rafr.files import written_whole
from rafr.foreign import read_yaml
from rafr.geometry.rigid_transform import FloatArray
from rafr.units import METRES_PER_MM

_FIELDS = ("width", "height", "matrix", "distortion", "rms_px")


@dataclass(frozen=True, slots=True, eq=False)
class Intrinsics:
    """The camera's frame is OpenCV's: x right, y down, z forward.

    Attributes:
        width, height: px.   matrix: (3, 3), px.   distortion: (5,) k1 k2 p1 p2 k3.
        rms_px: reprojection error of the calibration.
    """

    width: int
    height: int
    matrix: FloatArray
    distortion: FloatArray
    rms_px: float = 0.0

    @property
    def focal_px(self) -> float:
        return float(np.sqrt(self.matrix[0, 0] * self.matrix[1, 1]))

    def to_json(self) -> dict[str, Any]:
        return {
            "width": self.width,
            "height": self.height,
            "matrix": self.matrix.tolist(),
            "distortion": self.distortion.tolist(),
            "rms_px": self.rms_px,
        }


@dataclass(frozen=True, slots=True)
class BoardConfig:
    """The board in the pictures; a chessboard's `columns` x `rows` count its squares."""

    columns: int = option(9, "squares along a row", lower=3, upper=100)
    rows: int = option(6, "squares along a column", lower=3, upper=100)
    square_mm: float = option(25.0, "side of a square", unit="mm", lower=0.1)
    marker_mm: float = option(
        0.0, "side of a ChArUco board's markers; 0: a plain chessboard", unit="mm", lower=0.0
    )
    dictionary: str = option("4X4_50", "of a ChArUco board's markers")
    min_views: int = option(8, "pictures in which the board must be found", lower=3)
    max_rms_px: float = option(0.7, "largest reprojection error accepted", unit="px", lower=0.0)


def marker_dictionary(name: str, source: str | Path) -> Any:
    """OpenCV's dictionary `DICT_<name>`.

    Raises:
        InputError: there is none of that name.
    """
    number = getattr(cv2.aruco, f"DICT_{name}", None)
    if number is None:
        raise InputError(
            source, f"dictionary {name!r} is unknown", "one of OpenCV's, such as APRILTAG_36h11 or 4X4_50"
        )
    return cv2.aruco.getPredefinedDictionary(number)


def load_intrinsics(path: Path) -> Intrinsics:
    """Read what `save_intrinsics` wrote.

    Raises:
        InputError: not there, or not intrinsics.
    """
    expected = f"YAML with {', '.join(_FIELDS)}"
    data = read_yaml(path, expected)
    try:
        matrix, distortion = np.array(data["matrix"], dtype=float), np.array(data["distortion"], dtype=float)
        found = Intrinsics(
            int(data["width"]), int(data["height"]), matrix, distortion, float(data.get("rms_px", 0.0))
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(path, f"cannot be used ({error})", expected) from None
    sound = matrix.shape == (3, 3) and distortion.shape == (5,) and np.isfinite(matrix).all()
    if not (sound and np.isfinite(distortion).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise InputError(
            path, "no camera matrix (3 x 3) and distortion (5) in it", "finite numbers, focal lengths > 0"
        )
    if min(found.width, found.height) < 1 or not 0.0 <= found.rms_px < np.inf:
        size = f"{found.width} x {found.height} px with {found.rms_px} px of error"
        raise InputError(path, f"it is of a picture of {size}", "positive sizes, an error of 0 or more")
    return found


def save_intrinsics(path: Path, intrinsics: Intrinsics) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(yaml.safe_dump(intrinsics.to_json(), sort_keys=False), encoding="utf-8")


def calibrate_intrinsics(images: Sequence[Path], board: BoardConfig) -> tuple[Intrinsics, Assessment]:
    """Intrinsics from pictures of one board in many poses (Zhang 2000, as OpenCV does it).

    Raises:
        InputError: a picture cannot be read or differs in size, or the board is found in too few.
    """
    find = _charuco_finder(board) if board.marker_mm > 0 else _chessboard_finder(board)
    size, views = None, []
    for path in images:
        image = read_grey(path)
        if size is not None and image.shape != size:
            raise InputError(
                path, f"is {image.shape[1]} x {image.shape[0]} px", f"{size[1]} x {size[0]} as the others"
            )
        size = image.shape
        found = find(image)
        if found is not None:
            views.append(found)
    if size is None or len(views) < board.min_views:
        raise InputError(
            "calibration",
            f"the board was found in {len(views)} of {len(images)} pictures",
            f"{board.min_views} or more",
        )
    points, corners = [v[0] for v in views], [v[1] for v in views]
    rms, matrix, distortion, _, _ = cv2.calibrateCamera(points, corners, (size[1], size[0]), None, None)
    distortion = np.asarray(distortion, float).ravel()[:5]
    result = Intrinsics(size[1], size[0], np.asarray(matrix, float), distortion, float(rms))
    good = rms <= board.max_rms_px
    reasons = () if good else (f"reprojection error {rms:.2f} px above {board.max_rms_px:.2f} px",)
    return result, Assessment(bool(good), reasons)


def read_grey(path: Path) -> Any:
    """A picture as (h, w) grey values."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
    if image is None:
        raise InputError(path, "cannot be read as a picture", "a PNG, JPEG or TIFF file")
    return image


def _chessboard_finder(board: BoardConfig) -> Any:
    inner = (board.columns - 1, board.rows - 1)
    grid = np.zeros((inner[0] * inner[1], 3), np.float32)
    grid[:, :2] = np.mgrid[: inner[0], : inner[1]].T.reshape(-1, 2) * board.square_mm * METRES_PER_MM

    def find(image: Any) -> tuple[Any, Any] | None:
        seen, corners = cv2.findChessboardCornersSB(image, inner, flags=cv2.CALIB_CB_ACCURACY)
        return (grid, corners) if seen else None

    return find


def _charuco_finder(board: BoardConfig) -> Any:
    markers = marker_dictionary(board.dictionary, "dictionary")
    sides = (board.square_mm * METRES_PER_MM, board.marker_mm * METRES_PER_MM)
    if sides[1] >= sides[0]:
        raise InputError("marker_mm", f"{board.marker_mm} mm", f"less than the square's {board.square_mm} mm")
    charuco = cv2.aruco.CharucoBoard((board.columns, board.rows), sides[0], sides[1], markers)
    detector = cv2.aruco.CharucoDetector(charuco)

    def find(image: Any) -> tuple[Any, Any] | None:
        corners, ids, _, _ = detector.detectBoard(image)
        if ids is None or len(ids) < 6:
            return None
        return charuco.matchImagePoints(corners, ids)

    return find
