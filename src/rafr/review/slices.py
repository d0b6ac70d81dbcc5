"""Slices of the CT or of a CBCT with the contours of the bones where they stand.

Radiological convention: axial and coronal slices show the patient's right on the picture's left; anterior is
up in axial, left in sagittal slices. Planes are those of LPS in the reference body's CT frame.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rafr.errors import RafrError
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume
from rafr.pictures.bones import body_colours, bounds_of
from rafr.pictures.lettering import Image, Label, draw_text
from rafr.review.cut import MeshCutter
from rafr.review.grey import GreyVolume

CT, CBCT = "CT", "CBCT"
_MARGIN_MM = 30.0  # shown around the bones as the CT has them
_BAR_MM = 50.0
_SUBPIXEL = 4  # bits of OpenCV's fixed-point coordinates
_GAP = 8.0  # pixels between a contour and its name
# towards where, and which side of the text lies at the contour then
_SIDES = (((1.0, 0.0), "lm"), ((-1.0, 0.0), "rm"), ((0.0, -1.0), "mb"), ((0.0, 1.0), "mt"))
_INK = (235, 235, 230)


@dataclass(frozen=True, slots=True)
class _Plane:
    """How a plane is shown: the axes of LPS across it, to the right and down; signs; letters at the edges."""

    normal: int
    across: int
    down: int
    down_sign: float
    letters: tuple[str, str, str, str]  # left, right, above, below
    counted: str  # the axis that a position is counted along


_PLANES = {
    "axial": _Plane(2, 0, 1, 1.0, ("R", "L", "A", "P"), "z"),
    "coronal": _Plane(1, 0, 2, -1.0, ("R", "L", "H", "F"), "y"),
    "sagittal": _Plane(0, 1, 2, -1.0, ("A", "P", "H", "F"), "x"),
}
PLANES = tuple(_PLANES)


class SliceViewer:
    """Pictures of slices, one after the other; any thread may ask for them at any time.

    Args:
        ct: HU; not copied where it is int16 and its axes are those of LPS.
        meshes: surface of every body, the reference first, LPS mm in the CT.
        cbct, T_cbct_ct: a later image and where it shows every body (mm), as a registration to it found.
        pixels: along the longest side of all pictures; all have one scale.
    """

    def __init__(
        self,
        ct: Volume,
        meshes: Mapping[str, TriangleMesh],
        cbct: Volume | None = None,
        T_cbct_ct: Mapping[str, RigidTransform] | None = None,
        *,
        pixels: int = 512,
    ) -> None:
        margin = np.array([[-_MARGIN_MM], [_MARGIN_MM]])
        self._box: FloatArray = bounds_of(list(meshes.values())) + margin
        self.pixel_mm = float((self._box[1] - self._box[0]).max()) / (pixels - 1)
        self._cutters = {name: MeshCutter(mesh) for name, mesh in meshes.items()}
        self._colours = {
            n: (round(255 * r), round(255 * g), round(255 * b))
            for n, (r, g, b) in body_colours(list(meshes)).items()
        }
        self._images = {CT: GreyVolume.of_ct(ct, self._box)}
        self._natural = {CT: dict.fromkeys(meshes, RigidTransform.identity())}
        if cbct is not None and T_cbct_ct is not None:
            self._add_cbct(cbct, T_cbct_ct)

    def with_cbct(self, cbct: Volume, T_cbct_ct: Mapping[str, RigidTransform]) -> SliceViewer:
        """A viewer of the same CT and bodies with another CBCT (a second or so to make); this one stays."""
        other = copy.copy(self)
        other._images, other._natural = dict(self._images), dict(self._natural)
        other._add_cbct(cbct, T_cbct_ct)
        return other

    @property
    def images(self) -> tuple[str, ...]:
        """What can be shown: `CT`, and `CBCT` where there is one."""
        return tuple(self._images)

    def range_mm(self, plane: str) -> tuple[float, float]:
        """Lowest and highest position: what is shown around the bones, along the axis across the plane."""
        low, high = self._box[:, _plane(plane).normal]
        return float(low), float(high)

    def natural_poses(self, image: str = CT) -> dict[str, RigidTransform]:
        """`T_current_displaced` (mm) by body as an image has it: unmoved in the CT, registered in a CBCT."""
        return dict(self._natural[self._known(image)])

    def picture(
        self,
        plane: str,
        position_mm: float,
        poses: Mapping[str, RigidTransform] | None = None,
        image: str = CT,
    ) -> Image:
        """(height, width, 3) slice with contours, letters, a bar of 50 mm and its position.

        The grey image is never moved: the CT as it was taken, or the CBCT where the reference body's
        registration puts it, so that contours at the natural poses lie on the edges that it shows.

        Args:
            plane: one of `PLANES`.   position_mm: along LPS x (sagittal), y (coronal) or z (axial).
            poses: `T_current_displaced` (mm); bodies without one stand where the CT shows them.
                None: the natural poses of the image.
            image: one of `images`.

        Raises:
            RafrError: no such plane or image.
        """
        grey = self._images[self._known(image)]
        shown, (corner, step, size) = _plane(plane), self._frame(plane)
        values = grey.slice(shown.normal, position_mm, corner, step, size)
        picture: Image = np.repeat(values[..., None], 3, axis=2)
        contours = self.contours(plane, position_mm, self._natural[image] if poses is None else poses)
        _draw_contours(picture, contours, self._colours)
        position = f"{position_mm:.1f}".replace("-", "−")
        labels = _labels(picture, shown, f"{image} {plane}, {shown.counted} {position} mm")
        for label in [*labels, *_names(contours, self._colours, size, labels)]:
            draw_text(picture, label)
        _draw_bar(picture, self.pixel_mm)
        return picture

    def contours(
        self, plane: str, position_mm: float, poses: Mapping[str, RigidTransform]
    ) -> dict[str, FloatArray]:
        """(n, 2, 2) segments by body, from (column, row) to (column, row), pixel centres at whole numbers."""
        shown, (corner, step, _) = _plane(plane), self._frame(plane)
        normal = np.eye(3)[shown.normal]
        found = {}
        for name, cutter in self._cutters.items():
            cut = cutter.cut(poses.get(name, RigidTransform.identity()), normal, position_mm)
            found[name] = (cut[..., [shown.across, shown.down]] - corner) / step
        return found

    def _add_cbct(self, cbct: Volume, T_cbct_ct: Mapping[str, RigidTransform]) -> None:
        reference = next(iter(self._cutters))
        if reference not in T_cbct_ct:
            raise RafrError(f"a CBCT is shown where {reference} was registered, which has no pose")
        T_ct_cbct = T_cbct_ct[reference].inverse()
        self._images[CBCT] = GreyVolume.of_cbct(cbct, T_ct_cbct, self._box)
        self._natural[CBCT] = {name: T_ct_cbct @ T for name, T in T_cbct_ct.items() if name in self._cutters}

    def _known(self, image: str) -> str:
        if image not in self._images:
            raise RafrError(f"no image {image!r} to show; there are {', '.join(self._images)}")
        return image

    def _frame(self, plane: str) -> tuple[FloatArray, FloatArray, tuple[int, int]]:
        """Along (across, down): mm of the upper left pixel, mm from pixel to pixel; (width, height)."""
        shown = _plane(plane)
        axes = [shown.across, shown.down]
        low, high = self._box[:, axes]
        width, height = (int(n) for n in np.rint((high - low) / self.pixel_mm).astype(int) + 1)
        corner = np.array([low[0], low[1] if shown.down_sign > 0 else high[1]])
        return corner, self.pixel_mm * np.array([1.0, shown.down_sign]), (width, height)


def short_name(body: str) -> str:
    """A body's name as it fits beside its contour: `left_hip_2` is L hip 2."""
    short = {"left": "L", "right": "R", "reference": "ref", "fragment": "frag"}
    return " ".join(short.get(word, word) for word in body.split("_"))


def _plane(name: str) -> _Plane:
    if name not in _PLANES:
        raise RafrError(f"no plane {name!r}; there are {', '.join(PLANES)}")
    return _PLANES[name]


def _draw_contours(
    picture: Image, contours: Mapping[str, FloatArray], colours: Mapping[str, tuple[int, int, int]]
) -> None:
    """Every body's contour in its colour; the grey beside it is dimmed, so that it shows on bright bone."""
    lines = {name: _fixed_point(segments) for name, segments in contours.items() if len(segments)}
    width = max(1, max(picture.shape[:2]) // 512)
    beside = np.zeros(picture.shape[:2], np.uint8)
    for segments in lines.values():
        cv2.polylines(beside, segments, False, 1, width + 2, cv2.LINE_8, shift=_SUBPIXEL)
    picture[beside > 0] //= 2
    for name, segments in lines.items():
        cv2.polylines(picture, segments, False, colours[name], width, cv2.LINE_AA, shift=_SUBPIXEL)


def _fixed_point(segments: FloatArray) -> list[NDArray[np.int32]]:
    return list(np.rint(segments * (1 << _SUBPIXEL)).astype(np.int32))


def _labels(picture: Image, shown: _Plane, caption: str) -> list[Label]:
    """What is written on every slice: what it is, and the letters at its edges."""
    h, w = picture.shape[:2]
    left, right, above, below = shown.letters
    return [
        Label(caption, (8.0, 6.0), 15, _INK),
        Label(left, (8.0, 0.5 * h), 20, _INK, "lm"),
        Label(right, (w - 8.0, 0.5 * h), 20, _INK, "rm"),
        Label(above, (0.5 * w, 26.0), 20, _INK, "mt"),
        Label(below, (0.5 * w, h - 8.0), 20, _INK, "mb"),
    ]


def _names(
    contours: Mapping[str, FloatArray],
    colours: Mapping[str, tuple[int, int, int]],
    room: tuple[int, int],
    taken: Sequence[Label],
) -> list[Label]:
    """Every body's short name beside its contour, away from the others, where nothing else is written.

    Args:
        room: (width, height) of the picture.
    """
    points = {name: segments[:, 0] for name, segments in contours.items() if len(segments)}
    middle = np.mean([p.mean(axis=0) for p in points.values()], axis=0) if points else np.zeros(2)
    written = list(taken)
    for name, own in points.items():
        outward = own.mean(axis=0) - middle + [1e-3, 0.0]
        places = sorted(_SIDES, key=lambda side: -float(np.array(side[0]) @ outward))
        options = [
            Label(short_name(name), _beside(own, np.array(side)), 14, colours[name], anchor)
            for side, anchor in places
        ]
        free = (o for o in options if o.fits(room) and not any(o.touches(other) for other in written))
        written.append(next(free, options[0]))
    return written[len(taken) :]


def _beside(points: FloatArray, side: FloatArray) -> tuple[float, float]:
    """A little beyond the point of a contour, (n, 2) pixels, that lies farthest to a side (2,)."""
    x, y = points[np.argmax(points @ side)] + _GAP * side
    return float(x), float(y)


def _draw_bar(picture: Image, pixel_mm: float) -> None:
    length, y = round(_BAR_MM / pixel_mm), picture.shape[0] - 12
    cv2.line(picture, (10, y), (10 + length, y), (0, 0, 0), 5)
    cv2.line(picture, (10, y), (10 + length, y), _INK, 2)
    draw_text(picture, Label(f"{_BAR_MM:.0f} mm", (10.0, y - 6.0), 13, _INK, "lb"))
