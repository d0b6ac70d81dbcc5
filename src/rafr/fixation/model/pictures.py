"""Pictures of a pelvis model: what is held, loaded, joined, tied and measured, and how stiff its bone is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rafr.files import written_whole
from rafr.fixation.model.model import PelvisModel
from rafr.geometry import TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray

_CUP, _LOAD, _POINT, _LIGAMENT = (0.85, 0.25, 0.2), (0.2, 0.45, 0.9), (0.95, 0.85, 0.1), (0.25, 0.7, 0.35)
_KINDS = {"sacroiliac": (0.3, 0.75, 0.9), "symphysis": (0.9, 0.5, 0.8), "fracture": (0.9, 0.35, 0.1)}
_VIEWS = ("anterior", "inlet", "posterior")
_DOT_MM = 1.2


def save_model_picture(path: Path, model: PelvisModel, size: tuple[int, int] = (700, 560)) -> None:
    """PNG: three views of bones, held (red) and loaded (blue) faces, measuring points, ligaments; two cuts.

    The cuts show Young's modulus by element, coronal and axial near S1's endplate.

    Args:
        size: of each view, pixels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16.0, 9.5), layout="constrained")
    for k, view in enumerate(_VIEWS):
        panel = figure.add_subplot(2, 3, k + 1)
        panel.imshow(_outside(model, view, size))
        panel.set_title(f"{model.case_id}, {view}", fontsize=9)
        panel.axis("off")
    panel = figure.add_subplot(2, 3, 4)
    panel.imshow(_joints(model, size))
    panel.set_title("joints, fracture faces, ligaments (bones left out)", fontsize=9)
    panel.axis("off")
    shown: Any = None
    for k, axis in enumerate((1, 2)):
        shown = _cut(figure.add_subplot(2, 3, 5 + k), model, axis)
    figure.colorbar(shown, ax=figure.axes[-1], label="E, MPa")
    with written_whole(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)


def _outside(model: PelvisModel, view: str, size: tuple[int, int]) -> Any:
    from rafr.pictures.bones import body_colours, render

    colours = body_colours(model.region_names)
    painted: list[tuple[Any, ...]] = [(p.surface, colours[p.name]) for p in model.pieces]
    painted.append((_dots(model.mesh.nodes[model.fixed_nodes]), _CUP))
    painted.append((_dots(model.mesh.nodes[model.loads.nodes]), _LOAD))
    painted.append((_dots(model.points.at.points, 3.0), _POINT))
    painted.append((_rod(model.loads.point, model.loads.point + 0.15 * model.loads.resultant, 1.5), _LOAD))
    painted += [(rods, _LIGAMENT) for rods in _ligaments(model)]
    return render(painted, view, size, bounds=model.mesh.nodes)


def _joints(model: PelvisModel, size: tuple[int, int]) -> Any:
    from rafr.pictures.bones import render

    painted: list[tuple[Any, ...]] = [
        (_dots(c.on_first.points[c.play <= 0], 0.8), _KINDS[c.kind]) for c in model.contacts if c.touching > 0
    ]
    painted += [
        (_dots(c.on_first.points[c.play > 0], 0.8), (0.6, 0.6, 0.6))
        for c in model.contacts
        if (c.play > 0).any()
    ]
    painted += [(rods, _LIGAMENT) for rods in _ligaments(model)]
    return render(painted, "anterior", size, bounds=model.mesh.nodes)


def _ligaments(model: PelvisModel) -> list[TriangleMesh]:
    springs = model.springs
    rods = [
        _rod(a, b, 0.6)
        for a, b, name in zip(springs.start.points, springs.end.points, springs.names, strict=True)
        if name != "support"
    ]
    return [merge_meshes(rods)] if rods else []


def _cut(panel: Any, model: PelvisModel, axis: int) -> Any:
    """Elements that a plane of the CT cuts, as dots coloured by modulus."""
    from matplotlib.colors import LogNorm

    at = model.endplate.centre[axis] + (12.0 if axis == 1 else -15.0)
    corners = model.mesh.nodes[model.mesh.elements[:, :4]]
    cut = (corners[:, :, axis].min(axis=1) < at) & (corners[:, :, axis].max(axis=1) > at)
    centres = corners[cut].mean(axis=1)
    across = (0, 2) if axis == 1 else (0, 1)
    shown = panel.scatter(
        -centres[:, across[0]],
        centres[:, across[1]] * (1 if axis == 1 else -1),
        c=model.young[cut],
        s=7,
        cmap="viridis",
        norm=LogNorm(20.0, 20_000.0),
    )
    panel.set_aspect("equal")
    panel.set_title(("coronal" if axis == 1 else "axial") + f" cut at {at:.0f} mm", fontsize=9)
    return shown


def _dots(points: FloatArray, radius: float = _DOT_MM) -> TriangleMesh:
    """Octahedra round points (n, 3)."""
    tips = radius * np.vstack([np.eye(3), -np.eye(3)])
    faces = np.array([(0, 1, 2), (1, 3, 2), (3, 4, 2), (4, 0, 2), (1, 0, 5), (3, 1, 5), (4, 3, 5), (0, 4, 5)])
    n = len(points)
    vertices = (points[:, None] + tips).reshape(-1, 3)
    return TriangleMesh(vertices, (faces[None] + 6 * np.arange(n)[:, None, None]).reshape(-1, 3))


def _rod(start: FloatArray, end: FloatArray, radius: float) -> TriangleMesh:
    """A three-sided rod."""
    along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
    side = np.cross(along, np.eye(3)[int(np.argmin(np.abs(along)))])
    side /= np.linalg.norm(side)
    angles = 2.0 * np.pi * np.arange(3) / 3.0
    ring = radius * (np.cos(angles)[:, None] * side + np.sin(angles)[:, None] * np.cross(along, side))
    vertices = np.vstack([start + ring, end + ring])
    faces = [(0, 2, 1), (3, 4, 5)]
    for i in range(3):
        j = (i + 1) % 3
        faces += [(i, j, 3 + j), (i, 3 + j, 3 + i)]
    return TriangleMesh(vertices, np.array(faces))
