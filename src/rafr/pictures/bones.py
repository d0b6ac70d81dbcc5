"""Pictures of bones in the views surgeons read: AP, inlet, outlet, lateral.

Drawn by ray casting on the CPU, so they look the same on a server without a display. Radiological
convention: an anterior view shows the patient's right on the picture's left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rafr.errors import RafrError
from rafr.files import written_whole
from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.pictures.lettering import Colour, Image, captioned, with_legend, with_side_letters
from rafr.pictures.raycast import Camera, Painted, Scene, silhouette_lines

_TILT = np.radians(40.0)  # beam tilt of the inlet and outlet views (Pennal 1980)
# view -> (beam direction, label on the picture's left, on its right); LPS: x left, y posterior, z superior
_VIEWS: dict[str, tuple[tuple[float, float, float], str, str]] = {
    "anterior": ((0.0, 1.0, 0.0), "R", "L"),
    "inlet": ((0.0, float(np.cos(_TILT)), -float(np.sin(_TILT))), "R", "L"),
    "outlet": ((0.0, float(np.cos(_TILT)), float(np.sin(_TILT))), "R", "L"),
    "posterior": ((0.0, -1.0, 0.0), "L", "R"),
    "lateral-left": ((-1.0, 0.0, 0.0), "A", "P"),
    "lateral-right": ((1.0, 0.0, 0.0), "P", "A"),
}
VIEWS = tuple(_VIEWS)
_BACKGROUND = np.array([0.075, 0.085, 0.10])
_BONE: Colour = (0.90, 0.86, 0.76)
# Okabe & Ito 2008, told apart with every common colour vision
_PALETTE: tuple[Colour, ...] = (
    (0.95, 0.62, 0.10),
    (0.34, 0.71, 0.91),
    (0.00, 0.66, 0.48),
    (0.86, 0.50, 0.70),
    (0.94, 0.89, 0.36),
    (0.84, 0.40, 0.10),
    (0.20, 0.50, 0.78),
)
_SUPERSAMPLING = 2
_MARGIN = (0.085, 0.08)  # empty share of the picture left and right, above and below


def beam(view: str) -> FloatArray:
    """(3,) unit direction, LPS, in which one looks at the patient in a view of `VIEWS`."""
    return np.array(_VIEWS[view][0])


def body_colours(names: Sequence[str]) -> dict[str, Colour]:
    """A colour per body: bone white for the first (the reference), then colour-blind safe ones."""
    rest = {name: _PALETTE[i % len(_PALETTE)] for i, name in enumerate(names[1:])}
    return {**dict.fromkeys(names[:1], _BONE), **rest}


def bounds_of(meshes: Sequence[TriangleMesh]) -> FloatArray:
    """(2, 3) lower and upper corner around all meshes, LPS mm."""
    points = np.concatenate([m.vertices for m in meshes])
    return np.stack([points.min(axis=0), points.max(axis=0)])


def render(
    bodies: Sequence[tuple[Any, ...]],
    view: str = "anterior",
    size: tuple[int, int] = (800, 640),
    *,
    bounds: ArrayLike | None = None,
    outlines: Sequence[tuple[TriangleMesh, Colour]] = (),
) -> Image:
    """Draw meshes in a clinical view.

    Args:
        bodies: (mesh in LPS mm, (r, g, b) in 0..1[, opacity]).
        view: one of `VIEWS`; inlet and outlet tilt the beam 40° caudad and cephalad.
        size: (width, height) in pixels.
        bounds: (n, 3) points to frame, LPS mm, e.g. the corners of a box or every vertex of a scene;
            give the same to compare pictures. Default: the bodies.
        outlines: (mesh, colour) whose contours are drawn over everything, e.g. a target position.

    Returns:
        (height, width, 3) picture.

    Raises:
        RafrError: no such view, nothing to draw, or an empty picture.
    """
    painted = [Painted(*b) for b in bodies]
    if not painted or min(size) < 8:
        raise RafrError("a picture needs at least one mesh and 8 pixels a side")
    return _Studio(painted, _framing([b.mesh for b in painted], bounds)).shoot(view, size, outlines)


def render_along(bodies: Sequence[Painted], forward: FloatArray, size: tuple[int, int] = (800, 640)) -> Image:
    """Draw meshes, LPS mm, as seen along a unit direction (3,); (height, width, 3)."""
    framing = _framing([b.mesh for b in bodies], None)
    return _Studio(bodies, framing).photograph(_camera_along(forward, framing, size))


def save_picture(path: Path, image: Image) -> None:
    """Write a PNG, never half-written."""
    from PIL import Image as Pillow

    with written_whole(path) as temporary:
        Pillow.fromarray(image).save(temporary, format="PNG")


def save_views(
    path: Path,
    rows: Sequence[tuple[str, Mapping[str, TriangleMesh]]],
    *,
    views: Sequence[str] = ("anterior", "inlet", "outlet"),
    targets: Mapping[str, TriangleMesh] | None = None,
    columns: int | None = None,
    title: str = "",
    size: tuple[int, int] = (560, 480),
    bounds: ArrayLike | None = None,
) -> Image:
    """Save a sheet of pictures: one row per state of the bodies, one column per view.

    Args:
        path: PNG file.
        rows: (label, body name -> mesh); every row is framed alike.
        columns: views side by side before the row wraps; default: all. Must divide their number.
        targets: contours drawn over every row, in the colour of the body they belong to.
    """
    names = list(dict.fromkeys(name for _, bodies in rows for name in bodies))
    colours = body_colours(names)
    every = [m for _, bodies in rows for m in bodies.values()] + list((targets or {}).values())
    frame = _framing(every, bounds)
    lines = [(mesh, _lightened(colours.get(name, _BONE))) for name, mesh in (targets or {}).items()]
    strips: list[Image] = []
    for label, bodies in rows:
        studio = _Studio([Painted(m, colours[n]) for n, m in bodies.items()], frame)
        panels = [captioned(studio.shoot(v, size, lines), f"{label} {v}".strip()) for v in views]
        step = columns or len(panels)
        strips += [np.concatenate(panels[i : i + step], axis=1) for i in range(0, len(panels), step)]
    sheet = with_legend(np.concatenate(strips, axis=0), title, colours, bool(lines))
    save_picture(path, sheet)
    return sheet


def save_before_after(
    path: Path,
    before: Mapping[str, TriangleMesh],
    after: Mapping[str, TriangleMesh],
    *,
    targets: Mapping[str, TriangleMesh] | None = None,
    views: Sequence[str] = ("anterior", "inlet", "outlet"),
    title: str = "",
    size: tuple[int, int] = (560, 480),
) -> Image:
    """Save a sheet: before above after, same framing and colours, one column per view."""
    rows = [("before ·", before), ("after ·", after)]
    return save_views(path, rows, views=views, targets=targets, title=title, size=size)


class _Studio:
    """Bodies and a framing, prepared once for pictures from several sides."""

    def __init__(self, bodies: Sequence[Painted], framing: FloatArray) -> None:
        self._framing = framing
        self._solid = Scene([b for b in bodies if b.alpha >= 1.0])
        self._glass = [(Scene([b]), b.alpha) for b in bodies if 0.0 < b.alpha < 1.0]

    def shoot(
        self, view: str, size: tuple[int, int], outlines: Sequence[tuple[TriangleMesh, Colour]]
    ) -> Image:
        image = self.photograph(_camera(view, self._framing, size), outlines)
        _, left, right = _VIEWS[view]
        return with_side_letters(image, left, right)

    def photograph(self, camera: Camera, outlines: Sequence[tuple[TriangleMesh, Colour]] = ()) -> Image:
        fine = camera.supersampled(_SUPERSAMPLING)
        solid = self._solid.look(fine)
        picture = np.where(np.isfinite(solid.depth)[..., None], solid.colour, _BACKGROUND)
        for scene, alpha in self._glass:
            glass = scene.look(fine)
            front = glass.depth < solid.depth
            picture[front] = (1 - alpha) * picture[front] + alpha * glass.colour[front]
        for mesh, colour in outlines:
            picture[_thick(silhouette_lines(mesh, fine))] = colour
        h, w = camera.height, camera.width
        averaged = picture.reshape(h, _SUPERSAMPLING, w, _SUPERSAMPLING, 3).mean(axis=(1, 3))
        return np.asarray((np.clip(averaged, 0.0, 1.0) ** (1 / 1.15) * 255).round(), dtype=np.uint8)


def _framing(meshes: Sequence[TriangleMesh], bounds: ArrayLike | None) -> FloatArray:
    """(n, 3) points the picture must show."""
    if bounds is None:
        return np.concatenate([m.vertices for m in meshes])
    corners = np.asarray(bounds, dtype=float)
    if len(corners) == 2:  # a box, by its lower and upper corner
        corners = np.stack(np.meshgrid(*corners.T, indexing="ij"), axis=-1).reshape(-1, 3)
    return corners


def _camera(view: str, framing: FloatArray, size: tuple[int, int]) -> Camera:
    if view not in _VIEWS:
        raise RafrError(f"no view {view!r}; there are {', '.join(VIEWS)}")
    return _camera_along(beam(view), framing, size)


def _camera_along(forward: FloatArray, framing: FloatArray, size: tuple[int, int]) -> Camera:
    """Looks along a unit direction (3,), the patient's head up, and shows all of `framing`."""
    upright = [0.0, 0.0, 1.0] if abs(forward[2]) < 0.95 else [0.0, -1.0, 0.0]
    right = np.cross(forward, upright)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(right, forward), forward])
    seen = framing @ axes.T
    lower, upper = seen.min(axis=0), seen.max(axis=0)
    # room for the side letters and the caption
    room = np.array([size[0] * (1 - 2 * _MARGIN[0]), size[1] * (1 - 2 * _MARGIN[1])])
    scale = max(float(((upper - lower)[:2] / room).max()), 1e-6)
    return Camera(0.5 * (lower + upper) @ axes, axes[0], axes[1], axes[2], scale, size[0], size[1])


def _thick(line: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_dilation

    thick: NDArray[np.bool_] = binary_dilation(line, iterations=1)
    return thick


def _lightened(colour: Colour) -> Colour:
    r, g, b = (0.5 * c + 0.5 for c in colour)
    return r, g, b
