"""Pictures of a study: the pelvis deformed with the stress of its implants, and schemes under uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rafr.files import written_whole
from rafr.fixation.fem.elasticity import stress, to_nodes, von_mises
from rafr.fixation.fem.mesh import boundary_faces
from rafr.fixation.study.published import DISPLACEMENT_MM
from rafr.fixation.study.solved import Solved
from rafr.geometry.rigid_transform import FloatArray

_LARGEST_SHOWN_MM = 8.0  # what the largest displacement is drawn as


def save_solved_picture(path: Path, solved: Solved) -> None:
    """From in front and from above, the patient's right on the left.

    Bone is drawn as it moves, but more of it; metal is coloured by its von Mises stress.
    """
    import matplotlib.pyplot as plt
    from matplotlib.collections import PolyCollection

    fixed, u = solved.fixed, solved.displacement
    mesh, problem = fixed.problem.mesh, fixed.problem
    largest = float(np.linalg.norm(u, axis=1).max())
    scale = _LARGEST_SHOWN_MM / largest if largest > 0 else 1.0
    moved = mesh.nodes + scale * u
    stresses = von_mises(stress(mesh, problem.young, problem.poisson, u))
    metal = to_nodes(mesh, stresses[..., None], fixed.implants)[:, 0] if fixed.implants.any() else None
    axes = fixed.model.axes
    figure, panels = plt.subplots(1, 2, figsize=(12, 5.5), layout="constrained")
    views = (
        ("from in front", axes.left, axes.up, axes.back),
        ("from above", axes.left, -axes.back, -axes.up),
    )
    shown = None
    for panel, (title, right, upward, depth) in zip(panels, views, strict=True):
        for of_metal in (False, True):
            chosen = fixed.implants == of_metal
            if not chosen.any():
                continue
            corners = boundary_faces(mesh, chosen).nodes[:, :3]
            at = moved[corners]
            order = np.argsort(-(at @ depth).mean(axis=1))
            flat = list(np.stack([at @ right, at @ upward], axis=-1)[order])
            if not of_metal:
                shade = _shade(at[order], depth)
                panel.add_collection(PolyCollection(flat, facecolors=shade, edgecolors="none"))
                continue
            assert metal is not None
            shown = PolyCollection(
                flat,
                array=np.nan_to_num(metal[corners].mean(axis=1))[order],
                cmap="viridis",
                edgecolors="none",
            )
            panel.add_collection(shown)
        panel.set_title(title)
        panel.set_aspect("equal")
        panel.autoscale_view()
        panel.axis("off")
        for place, side in ((0.0, "R"), (0.97, "L")):
            panel.text(place, 0.5, side, transform=panel.transAxes)
    if shown is not None:
        figure.colorbar(shown, ax=panels, label="von Mises stress of metal, MPa", shrink=0.7)
    r = solved.result
    figure.suptitle(
        f"{fixed.scheme.name}: sinks by {r.mean_mm:.3f} mm, metal {r.max_von_mises_mpa:.0f} MPa "
        f"(displacements {scale:.0f} times as large)"
    )
    with written_whole(path) as target:
        figure.savefig(target, dpi=110, format="png")
    plt.close(figure)


def save_drawn_picture(path: Path, drawn_mm: Mapping[str, Sequence[float]], case: str) -> None:
    """Mean sinking of A to E in every draw by scheme, draws joined by lines, beside the case report's.

    Args:
        drawn_mm: by scheme (n,), the k-th of every scheme belong to the same draw.   case: its name.
    """
    import matplotlib.pyplot as plt

    table = np.array(list(drawn_mm.values()))
    at = np.arange(len(table))
    figure, panel = plt.subplots(figsize=(7, 4.5), layout="constrained")
    panel.plot(at, table, color="0.75", lw=0.8, zorder=1)
    for x, values in zip(at, table, strict=True):
        panel.plot(np.full(len(values), x), values, "o", color="tab:blue", ms=4, zorder=2)
        panel.plot([x - 0.15, x + 0.15], [np.median(values)] * 2, color="tab:blue", lw=3, zorder=3)
    named = zip(at, drawn_mm, strict=True)
    known = [(x, DISPLACEMENT_MM[name]) for x, name in named if name in DISPLACEMENT_MM]
    for x, points in known:
        panel.plot(np.full(len(points), x + 0.25), points, "_", color="tab:orange", ms=9)
        panel.plot(x + 0.25, np.mean(points), "D", color="tab:orange", ms=5)
    panel.plot([], [], "o-", color="tab:blue", label=f"{case}, {table.shape[1]} draws: mean of A-E, median")
    if known:
        panel.plot([], [], "D", color="tab:orange", label="case report, another patient: A to E, mean")
    panel.set_xticks(at, list(drawn_mm))
    panel.set_xlim(-0.5, len(table) - 0.5)
    panel.set_ylim(0.0, None)
    panel.set_ylabel("sinks by, mm")
    panel.legend(loc="upper left", fontsize="small")
    with written_whole(path) as target:
        figure.savefig(target, dpi=110, format="png")
    plt.close(figure)


def _shade(triangles: FloatArray, depth: FloatArray) -> FloatArray:
    """(f, 4) colours of bone, lit from the viewer, half transparent so that metal is seen."""
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    size = np.maximum(np.linalg.norm(normal, axis=1), 1e-12)
    light = 0.35 + 0.6 * np.abs(normal @ depth) / size
    return np.column_stack([np.outer(light, (0.93, 0.89, 0.80)), np.full(len(light), 0.25)])
