"""Pictures of a plan: before and target side by side, and what the path costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rafr.files import written_whole
from rafr.planning.plan import BodyPlan, ReductionPlan

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh


_SHOWN = (0.0, 0.35, 0.7, 1.0)  # of a way, by poses


def save_target_picture(path: Path, plan: ReductionPlan, meshes: Mapping[str, BodyMesh]) -> None:
    """AP, inlet and outlet view of the pelvis as displaced, above it as planned (PNG)."""
    from rafr.pictures.bones import save_before_after

    before = {name: m.mesh for name, m in meshes.items()}
    goal = {b.name: meshes[b.name].mesh.transformed(b.T_reduced_displaced) for b in plan.bodies}
    save_before_after(path, before, {**before, **goal}, title=f"{plan.case_id}: displaced and planned")


def save_path_picture(path: Path, plan: ReductionPlan) -> None:
    """Clearance and predicted force along every body's path, beside those of the straight path (PNG)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 2.8 * len(plan.bodies)), layout="constrained")
    for k, body in enumerate(plan.bodies):
        _draw_body([figure.add_subplot(len(plan.bodies), 2, 2 * k + c) for c in (1, 2)], body)
    with written_whole(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)


def save_way_pictures(folder: Path, plan: ReductionPlan, meshes: Mapping[str, BodyMesh]) -> None:
    """Every body on its way among the others, start to target, AP and lateral (`way-BODY.png`)."""
    from rafr.pictures.bones import save_views

    goals = {b.name: b.T_reduced_displaced for b in plan.bodies}
    standing = {name: mesh.mesh for name, mesh in meshes.items()}
    for body in plan.bodies:  # as named first, so that the reference keeps its colour
        standing[body.name] = meshes[body.name].mesh.transformed(body.path[0].T_path_displaced)
    for name in plan.order:
        path, rows = plan.body(name).path, []
        for share in _SHOWN:
            pose = path[round(share * (len(path) - 1))]
            moved = meshes[name].mesh.transformed(pose.T_path_displaced)
            rows.append((f"{100 * share:.0f} % of the way", {**standing, name: moved}))
        standing[name] = meshes[name].mesh.transformed(goals[name])
        side = "lateral-left" if standing[name].centroid[0] > 0.0 else "lateral-right"
        save_views(
            folder / f"way-{name}.png",
            rows,
            views=("anterior", side),
            targets={name: standing[name]},
            title=f"{plan.case_id}: {name} on its way, target outlined",
        )


def _draw_body(axes: list[Any], body: BodyPlan) -> None:
    share = np.linspace(0.0, 100.0, len(body.path))
    clearance, load = axes
    clearance.plot(share, [p.clearance_mm for p in body.path], color="tab:blue", label="planned")
    clearance.axhline(0.0, color="0.6", linewidth=0.8)
    clearance.set(title=f"{body.name}: clearance", xlabel="path (%)", ylabel="mm")
    load.plot(share, [p.force_n for p in body.path], color="tab:red", label="force, planned")
    if body.traction_n is not None:
        load.plot(share, body.traction_n, color="tab:green", linestyle=":", label="traction, planned")
    load.set(title=f"{body.name}: load on the arm", xlabel="path (%)", ylabel="force (N)")
    if body.straight_path is not None:
        straight = body.straight_path
        even = np.linspace(0.0, 100.0, len(straight.force_n))
        clearance.plot(even, straight.clearance_mm, color="0.45", linestyle="--", label="straight")
        load.plot(even, straight.force_n, color="0.45", linestyle="--", label="force, straight")
    clearance.legend(frameon=False)
    torque = load.twinx()
    torque.plot(share, [p.torque_nm for p in body.path], color="tab:purple", label="torque, planned")
    torque.set_ylabel("torque (N·m)")
    lines = [*load.get_lines(), *torque.get_lines()]
    load.legend(lines, [str(line.get_label()) for line in lines], loc="best", frameon=False)
