"""Pictures of a plan: before and target side by side, and what the path costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rafr.planning.plan import BodyPlan, ReductionPlan

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh


def save_target_picture(path: Path, plan: ReductionPlan, meshes: Mapping[str, BodyMesh]) -> None:
    """AP, inlet and outlet view of the pelvis as displaced, above it as planned (PNG)."""
    from rafr.review.picture import save_before_after

    before = {name: m.mesh for name, m in meshes.items()}
    goal = {b.name: meshes[b.name].mesh.transformed(b.T_reduced_displaced) for b in plan.bodies}
    save_before_after(path, before, {**before, **goal}, title=f"{plan.case_id}: displaced and planned")


def save_path_picture(path: Path, plan: ReductionPlan) -> None:
    """Clearance and predicted tissue force and torque along every body's path (PNG)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 2.8 * len(plan.bodies)), layout="constrained")
    for k, body in enumerate(plan.bodies):
        _draw_body([figure.add_subplot(len(plan.bodies), 2, 2 * k + c) for c in (1, 2)], body)
    temporary = path.with_name(f".{path.name}")
    FigureCanvasAgg(figure).print_png(temporary)
    temporary.replace(path)


def _draw_body(axes: list[Any], body: BodyPlan) -> None:
    share = np.linspace(0.0, 100.0, len(body.path))
    clearance, load = axes
    clearance.plot(share, [p.clearance_mm for p in body.path], color="tab:blue")
    clearance.axhline(0.0, color="0.6", linewidth=0.8)
    clearance.set(title=f"{body.name}: clearance", xlabel="path (%)", ylabel="mm")
    load.plot(share, [p.force_n for p in body.path], color="tab:red", label="force")
    load.set(title=f"{body.name}: soft tissue", xlabel="path (%)", ylabel="force (N)")
    torque = load.twinx()
    torque.plot(share, [p.torque_nm for p in body.path], color="tab:purple", label="torque")
    torque.set_ylabel("torque (N·m)")
    lines = [*load.get_lines(), *torque.get_lines()]
    load.legend(lines, [str(line.get_label()) for line in lines], loc="upper left", frameon=False)
