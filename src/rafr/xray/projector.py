"""Line integrals through a volume, slice by slice.

Joseph 1982 (IEEE Trans Med Imaging 1:192): along a ray the volume is interpolated bilinearly where the ray
crosses the slices most nearly perpendicular to it. From one source all rays cross a slice as a homography
maps the detector to it, so that a slice is one call of OpenCV's `warpPerspective`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume
from rafr.xray.view import View

FloatImage = NDArray[np.float32]
# of the array (k, j, i): slices across axis i, j or k; rows and columns of a slice are index axes
_ORDER = {0: (2, 0, 1), 1: (1, 0, 2), 2: (0, 1, 2)}
_ROW_COLUMN = {0: (2, 1), 1: (2, 0), 2: (1, 0)}


class Absorber:
    """Linear attenuation (1/mm) on a grid; kept in the orders and steps views ask for.

    Around the grid there is nothing. Along `endless`, an index axis, it goes on as it ends, as far as slices
    are not taken across that axis, which is avoided: a trunk that the CT cuts off above and below has more of
    itself there, not air. Its outermost voxels on the other sides are set to nothing.
    """

    def __init__(self, attenuation: Volume, *, endless: int | None = None) -> None:
        values = np.ascontiguousarray(attenuation.array, dtype=np.float32)
        self.volume = attenuation.with_array(values if endless is None else _open_at(values, endless))
        self.endless = endless
        self._stacks: dict[int, NDArray[np.float32]] = {}
        self._coarser: Absorber | None = None
        self._lock = threading.Lock()

    def stack(self, axis: int) -> NDArray[np.float32]:
        """The slices across index axis 0, 1 or 2, one after the other in memory."""
        with self._lock:
            if axis not in self._stacks:
                self._stacks[axis] = np.ascontiguousarray(self.volume.array.transpose(_ORDER[axis]))
            return self._stacks[axis]

    def coarser(self) -> Absorber:
        """Eight voxels to one: the same integrals to within the blur of a coarser voxel."""
        with self._lock:
            if self._coarser is None:
                self._coarser = Absorber(_halved(self.volume, self.endless is not None), endless=self.endless)
            return self._coarser

    def at(self, pixel_mm: float) -> Absorber:
        """With voxels as near to a pixel's side as halving gets them; never finer than the image itself."""
        voxel = float(self.volume.spacing.mean())
        if round(np.log2(max(pixel_mm / voxel, 1e-6))) < 1 or min(self.volume.size) < 4:
            return self
        return self.coarser().at(pixel_mm)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Part of a picture: `values` (h, w) belong at `column`, `row` (upper left)."""

    column: int
    row: int
    values: FloatImage

    def add_to(self, picture: FloatImage) -> None:
        h, w = self.values.shape
        picture[self.row : self.row + h, self.column : self.column + w] += self.values


def project(absorber: Absorber, view: View) -> FloatImage:
    """(height, width) integrals of the attenuation along the ray to every pixel: −ln of what gets through."""
    picture = np.zeros((view.height, view.width), np.float32)
    project_window(absorber, view).add_to(picture)
    return picture


def project_window(absorber: Absorber, view: View) -> Window:
    """`project`, only where the volume's shadow falls.

    Raises:
        RafrError: the source stands inside the volume or level with it.
    """
    column, row, width, height = shadow(_corners(absorber.volume), view)
    if absorber.endless is not None:
        return Window(0, 0, _march(absorber, view))
    if width == 0 or height == 0:
        return Window(0, 0, np.zeros((0, 0), np.float32))
    part = replace(
        view, corner=view.corner + column * view.right + row * view.down, width=width, height=height
    )
    return Window(column, row, _march(absorber, part))


def shadow(points_mm: FloatArray, view: View) -> tuple[int, int, int, int]:
    """Column, row, width, height of the pixels around points (n, 3); 0 wide or high where none is hit."""
    pixels = view.pixels_of(points_mm)
    limit = (view.width, view.height)
    low = np.clip(np.floor(pixels.min(axis=0)), 0, limit).astype(int)
    high = np.clip(np.ceil(pixels.max(axis=0)) + 1, low, limit).astype(int)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _march(absorber: Absorber, view: View) -> FloatImage:
    volume = absorber.volume
    source = volume.lps_to_index(view.source)
    rays = np.linalg.inv(volume.direction) @ view.rays / volume.spacing[:, None]
    central = np.abs(rays @ [0.5 * view.width, 0.5 * view.height, 1.0]) * volume.spacing
    if absorber.endless is not None:
        central[absorber.endless] *= 0.5
    axis = int(np.argmax(central))
    rows, columns = _ROW_COLUMN[axis]
    total = np.zeros((view.height, view.width), np.float32)
    size = (view.width, view.height)
    fixed = np.stack([source[columns] * rays[axis], source[rows] * rays[axis], rays[axis]])
    slope = np.stack([rays[columns], rays[rows], np.zeros(3)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE if absorber.endless is not None else cv2.BORDER_CONSTANT
    for number, piece in enumerate(absorber.stack(axis)):
        homography = fixed + (number - source[axis]) * slope
        seen = cv2.warpPerspective(piece, homography, size, flags=flags, borderMode=border)
        cv2.accumulate(seen, total)
    integral: FloatImage = total * _step_mm(view, rays[axis])
    return integral


def _step_mm(view: View, across: FloatArray) -> FloatImage:
    """(height, width) mm along every ray from one slice to the next; `across` (3,): slices per (u, v, 1)."""
    u, v = np.arange(view.width), np.arange(view.height)
    pixels = np.stack([*np.meshgrid(u, v), np.ones((view.height, view.width))], axis=-1)
    step: FloatArray = np.linalg.norm(pixels @ view.rays.T, axis=-1) / np.abs(pixels @ across)
    return step.astype(np.float32)


def _corners(volume: Volume) -> FloatArray:
    """(8, 3) LPS mm around everything that interpolation lets a voxel reach."""
    last = np.array(volume.size, dtype=float)
    grid = np.stack(np.meshgrid(*np.stack([-np.ones(3), last]).T, indexing="ij"), axis=-1)
    return volume.index_to_lps(grid.reshape(-1, 3))


def _open_at(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """A copy without the outermost voxels on the four sides along an index axis."""
    inner = values.copy()
    for side in range(3):
        if side != 2 - axis:
            np.moveaxis(inner, side, 0)[[0, -1]] = 0.0
    return inner


def _halved(volume: Volume, endless: bool) -> Volume:
    """Means of 2 x 2 x 2 voxels; an odd last slice counts twice where the volume is endless, else half."""
    odd = [(0, n % 2) for n in volume.array.shape]
    a = np.pad(volume.array, odd, mode="edge") if endless else np.pad(volume.array, odd)
    nk, nj, ni = (n // 2 for n in a.shape)
    means = a.reshape(nk, 2, nj, 2, ni, 2).mean(axis=(1, 3, 5), dtype=np.float32)
    return Volume(means, volume.index_to_lps([0.5, 0.5, 0.5]), 2.0 * volume.spacing, volume.direction)
