"""Heat map of the gap: how far a fragment's broken faces and joints stand from the bone they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rafr.files import written_whole
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface
from rafr.pictures.bones import render_along
from rafr.pictures.raycast import Painted

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh
    from rafr.planning.plan import ReductionPlan

RANGE_MM = (-1.0, 5.0)
_REACH_MM = 5.0
_BONE = np.array([0.90, 0.86, 0.76])
_OVERLAP = (0.835, 0.369, 0.0)  # vermilion
_STEPS = 40  # colours per mm
_FADES = 0.6  # share of the range from which on colours fade to bone
_SIZE = (620, 520)
_LEAST_FACING = 30


def save_gap_map(path: Path, plan: ReductionPlan, meshes: Mapping[str, BodyMesh]) -> None:
    """One row per moving body, seen onto its break: the gap as the CT shows it, and as planned (PNG).

    Coloured is what comes within 5 mm of another body; negative gaps are overlap.

    Args:
        meshes: every body as the CT shows it, LPS mm.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    targets = {b.name: b.T_reduced_displaced for b in plan.bodies}
    figure = Figure(figsize=(10.0, 4.3 * len(plan.bodies)), layout="constrained")
    axes = figure.subplots(len(plan.bodies), 2, squeeze=False)
    scale = Normalize(*RANGE_MM)
    for row, name in zip(axes, plan.order, strict=True):
        mesh = meshes[name].mesh
        planned = gaps(name, meshes, targets)
        facing = np.abs(planned) < _REACH_MM
        forward = _onto(mesh, facing)
        for axis, state, gap in (
            (row[0], "as found", gaps(name, meshes, {})),
            (row[1], "as planned", planned),
        ):
            axis.imshow(render_along([Painted(mesh, _colours(gap))], forward, _SIZE))
            axis.set_title(f"{name.replace('_', ' ')}, {state}: {_in_words(gap[facing])}", fontsize=10)
            axis.set_axis_off()
    bar = figure.colorbar(ScalarMappable(scale, palette()), ax=axes, shrink=0.6)
    bar.set_label("gap to the next bone (mm); overlap below 0")
    with written_whole(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)


class GapPainter:
    """Gaps and their colours, for one case and many poses; surfaces are prepared once."""

    def __init__(self, meshes: Mapping[str, BodyMesh]) -> None:
        self._meshes = meshes
        self._surfaces = {
            name: [Surface.of(part) for part in body.parts.values()] for name, body in meshes.items()
        }

    def gaps(self, name: str, poses: Mapping[str, RigidTransform]) -> FloatArray:
        """As the function `gaps`."""
        still = RigidTransform.identity()
        at = poses.get(name, still).apply(self._meshes[name].mesh.vertices)
        distances = [
            surface.signed_distance(poses.get(other, still).inverse().apply(at))
            for other, surfaces in self._surfaces.items()
            if other != name
            for surface in surfaces
        ]
        return np.asarray(np.min(distances, axis=0), dtype=float)

    def shares(self, name: str, poses: Mapping[str, RigidTransform]) -> FloatArray:
        """(n,) 0..1: the place of every vertex's gap on the `palette`."""
        return _share(self.gaps(name, poses))


def gaps(name: str, meshes: Mapping[str, BodyMesh], poses: Mapping[str, RigidTransform]) -> FloatArray:
    """(n,) signed distance (mm) of a body's vertices to the nearest other body.

    Args:
        poses: of bodies by name, mm, from where the CT shows them; others lie as the CT shows them.
    """
    return GapPainter(meshes).gaps(name, poses)


def _onto(mesh: TriangleMesh, facing: Any) -> FloatArray:
    """(3,) unit direction in which one looks onto the coloured part."""
    if facing.sum() < _LEAST_FACING:
        return np.array([0.0, 1.0, 0.0])
    outward = mesh.vertex_normals[facing].sum(axis=0)
    length = float(np.linalg.norm(outward))
    # faces all round have no common side: from the front then
    return -outward / length if length > 0.2 * facing.sum() else np.array([0.0, 1.0, 0.0])


def palette() -> Any:
    """Of gaps from `RANGE_MM[0]` to `RANGE_MM[1]`: overlap vermilion, contact dark blue, then paler to bone.

    Told apart without red and green, and by lightness alone.
    """
    import matplotlib
    from matplotlib.colors import ListedColormap

    count = round(_STEPS * RANGE_MM[1])
    wide = matplotlib.colormaps["YlGnBu_r"](np.linspace(0.0, 1.0, count))
    fade = np.clip((np.arange(count) / count - _FADES) / (1.0 - _FADES), 0.0, 1.0)[:, None]
    wide[:, :3] = (1.0 - fade) * wide[:, :3] + fade * _BONE
    overlap = np.tile([*_OVERLAP, 1.0], (round(-_STEPS * RANGE_MM[0]), 1))
    return ListedColormap(np.concatenate([overlap, wide]))


def palette_strip() -> Any:
    """(k, 3) uint8: the `palette`'s colours in a row."""
    colours = palette()
    return np.round(255.0 * colours(np.arange(colours.N))[:, :3]).astype(np.uint8)


def gap_legend_html() -> str:
    """What the colours mean."""
    from matplotlib.colors import to_hex

    steps = np.linspace(0.0, 1.0, 25)
    stops = ", ".join(f"{to_hex(c)} {100 * at:.0f}%" for c, at in zip(palette()(steps), steps, strict=True))
    zero = 100 * -RANGE_MM[0] / (RANGE_MM[1] - RANGE_MM[0])
    return (
        f'<div style="height:9px;border-radius:4px;background:linear-gradient(to right, {stops})"></div>'
        f'<div style="position:relative;height:1.3em"><span>overlap</span>'
        f'<span style="position:absolute;left:{zero:.0f}%">0</span>'
        f'<span style="position:absolute;right:0">gap to the next bone {RANGE_MM[1]:.0f} mm</span></div>'
    )


def _share(gap: FloatArray) -> FloatArray:
    share = (gap - RANGE_MM[0]) / (RANGE_MM[1] - RANGE_MM[0])
    return np.asarray(np.clip(share, 0.0, 1.0))


def _colours(gap: FloatArray) -> FloatArray:
    return np.asarray(palette()(_share(gap))[:, :3])


def _in_words(gap: FloatArray) -> str:
    if len(gap) < _LEAST_FACING:
        return "touches nothing"
    return f"median {np.median(gap):.1f} mm, deepest {max(0.0, -gap.min()):.1f} mm"
