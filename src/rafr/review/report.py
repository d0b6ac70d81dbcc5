"""The report of a run: `report.json`, pictures and curves.

The final measurement lives here. It is the only reader of the truth besides the simulator.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafr import __version__
from rafr.cases.case import Case
from rafr.cases.truth import Truth, read_truth
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.review.run import Registered, RunRecord

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

_XRAY_PIXELS = 400  # a side
_PACKAGES = ("ros-rclpy", "mujoco", "casadi", "pin", "SimpleITK", "open3d", "numpy", "scipy")


def truth_of(case: Case) -> Truth | None:
    """The truth of a simulated case; None for a real patient."""
    return read_truth(case) if case.truth_path.is_file() else None


def build_report(
    case: Case, record: RunRecord, meshes: Mapping[str, TriangleMesh], truth: Truth | None, seed: int
) -> dict[str, Any]:
    """`report.json` as described in docs: what was reached, what it took, how it was approved.

    Args:
        meshes: surface of every body, LPS mm in the CT.
        truth: of a simulated case; residuals are then to the truth, else to the plan, as
            `residual_reference` says.
    """
    held = record.reduction_samples
    limits = [s.force_limit for s in record.samples if s.force_limit > 0]
    report = {
        "case": case.id,
        "outcome": record.outcome,
        "date": datetime.now().astimezone().isoformat(sep=" ", timespec="minutes"),
        "simulated": truth is not None,
        "patient": _patient(case),
        "plan": _plan(record),
        "bodies": {b.name: _body(b.name, record, meshes[b.name], truth) for b in case.moving},
        "peak_force_n": max((s.force for s in held), default=0.0),
        "force_limit_n": max(limits, default=None),
        "peak_torque_nm": max((s.torque for s in held), default=0.0),
        "duration_s": record.duration,
        "phases": [phase.to_json() for phase in record.all_phases],
        "registration": _registration(record, meshes),
        "tracking": {"visible_share": sum(s.tracked for s in held) / len(held) if held else None},
        "holds": [*record.holds, *record.lost],
        "adjustments": record.adjustments,
        "tissue_stiffness": next((s.stiffness for s in reversed(held) if math.isfinite(s.stiffness)), None),
        "seed": seed,
        "versions": versions(),
        "residual_reference": "plan" if truth is None else "truth",
        "residual_measured_by": _measured_by(record),
        "approval": {"approver": record.approver, "automatic": record.automatic},
        "auto_approved": record.automatic,
        "plan_hash": record.plan.hash if record.plan is not None else None,
        "peak_true_force_n": max((s.force for s in record.truth), default=None),
        "wall_s": record.wall_seconds,
        "injected": dict(record.injected),
        "recovered": record.recovered,
    }
    cleaned: dict[str, Any] = _finite(report)
    return cleaned


def pelvis_alignment(
    case: Case, record: RunRecord, meshes: Mapping[str, BodyMesh], truth: Truth | None
) -> dict[str, Any] | None:
    """Landmarks, leg length, rotation and symmetry before, as planned and as achieved; None without a plan.

    Where bodies belong is the truth's word where there is one, else the plan's.
    """
    from rafr.planning.alignment import alignment_of

    if record.plan is None:
        return None
    planned = {b.name: b.T_reduced_displaced for b in record.plan.bodies}
    wanted = planned if truth is None else {name: truth.T_reduced_displaced[name] for name in planned}
    poses = {"before": {name: RigidTransform.identity() for name in planned}, "planned": planned}
    achieved = {name: _achieved(name, record) for name in planned}
    known = {name: T for name, T in achieved.items() if T is not None}
    if len(known) == len(planned):
        poses["achieved"] = known
    aligned: dict[str, Any] = _finite(
        alignment_of(case, meshes, wanted, record.plan.symmetry_plane.plane, poses)
    )
    return aligned


def _patient(case: Case) -> dict[str, Any]:
    return {
        "fracture": case.fracture,
        "description": case.description,
        "mass_kg": case.patient_mass_kg,
        "traction_n": None if case.traction is None else case.traction.force_n,
    }


def _plan(record: RunRecord) -> dict[str, Any] | None:
    """What the plan promised; None without one."""
    from rafr.review.facts import body_facts

    plan = record.plan
    if plan is None:
        return None
    return {
        "method": plan.method,
        "accepted": plan.assessment.accepted,
        "reasons": list(plan.assessment.reasons),
        "bodies": {name: body_facts(plan.body(name)) for name in plan.order},
    }


def _finite(value: Any) -> Any:
    """JSON knows no NaN: what is not a finite number becomes null."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _body(name: str, record: RunRecord, mesh: TriangleMesh, truth: Truth | None) -> dict[str, Any]:
    reached = _achieved(name, record)
    planned = record.plan.body(name).T_reduced_displaced if record.plan is not None else None
    wanted = truth.T_reduced_displaced[name] if truth is not None else planned
    residual = _difference(reached, wanted, mesh)
    to_plan = _difference(reached, planned, mesh)
    return {
        "T_achieved_displaced": None if reached is None else reached.tolist(),
        "residual_mm": residual["mm"],
        "residual_deg": residual["deg"],
        "matta": _matta(reached, wanted, mesh),
        "residual_to_plan_mm": to_plan["mm"],
        "residual_to_plan_deg": to_plan["deg"],
        "displaced": _difference(RigidTransform.identity(), wanted, mesh),
        "plan_error": _difference(planned, wanted, mesh) if truth is not None else None,
    }


def _achieved(name: str, record: RunRecord) -> RigidTransform | None:
    """`T_current_displaced` (mm) at the end: as the simulator knows, else as the X-ray check found it."""
    known = record.truth[-1].T_current_displaced.get(name) if record.truth else None
    if known is not None:
        return known
    if len(record.registrations) < 2 or name not in record.registrations[-1].T_cbct_ct:
        return None
    T_cbct_ct = record.registrations[-1].T_cbct_ct
    return next(iter(T_cbct_ct.values())).inverse() @ T_cbct_ct[name]


def _measured_by(record: RunRecord) -> str | None:
    """Who says where the bodies stand at the end."""
    if record.truth:
        return "simulator"
    return "second CBCT" if len(record.registrations) > 1 else None


def _difference(
    reached: RigidTransform | None, wanted: RigidTransform | None, mesh: TriangleMesh
) -> dict[str, Any]:
    """`mm` {mean, p95, max} and `deg` between two poses; None where one of them is unknown."""
    from rafr.planning.metrics import pose_error

    if reached is None or wanted is None:
        return {"mm": None, "deg": None}
    error = pose_error(reached, wanted, mesh)
    return {"mm": {k: error[f"{k}_mm"] for k in ("mean", "p95", "max")}, "deg": error["deg"]}


def _matta(
    reached: RigidTransform | None, wanted: RigidTransform | None, mesh: TriangleMesh
) -> dict[str, Any]:
    from rafr.planning.metrics import matta

    if reached is None or wanted is None:
        return {"grade": None, "max_mm": None}
    return matta(mesh, reached, wanted)


def _registration(record: RunRecord, meshes: Mapping[str, TriangleMesh]) -> dict[str, Any]:
    """The registration the plan was made from, and how far off it was where that is known."""
    if not record.registrations:
        return {}
    first = record.registrations[0]
    return {
        "accepted": first.accepted,
        "reasons": list(first.reasons),
        "fiducial_error_mm": first.fiducial_error_mm,
        "bodies": {name: _registered_body(first, name, meshes[name]) for name in first.T_cbct_ct},
    }


def _registered_body(registered: Registered, name: str, mesh: TriangleMesh) -> dict[str, Any]:
    from rafr.planning.metrics import pose_error

    T_cbct_ct = registered.T_cbct_ct[name]
    body: dict[str, Any] = {
        "T_cbct_ct": T_cbct_ct.tolist(),
        "tre_estimate_mm": registered.tre_estimate_mm[name],
        "overlap": registered.overlap[name],
    }
    if name in registered.true_poses:  # a moving body, relative to the reference
        T_cbct_reference = next(iter(registered.T_cbct_ct.values()))
        found = T_cbct_reference.inverse() @ T_cbct_ct
        body["error_mm"] = pose_error(found, registered.true_poses[name], mesh)["mean_mm"]
    return body


def versions() -> dict[str, str]:
    """Of rafr, Python and the packages that decide the result."""
    found = {"rafr": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def save_pictures(
    folder: Path, case: Case, record: RunRecord, meshes: Mapping[str, TriangleMesh], truth: Truth | None
) -> list[str]:
    """Write `before_after.png` and `curves.png`; returns what was written.

    Outlines show where each fragment should be: by the truth where it is known, else by the plan.
    """
    from rafr.pictures.bones import save_before_after
    from rafr.review.curves import save_curves

    written = []
    poses = record.truth[-1].T_current_displaced if record.truth else {}
    if poses:
        after = {n: m.transformed(poses[n]) if n in poses else m for n, m in meshes.items()}
        targets = _targets(case, record, truth)
        outlines = {n: meshes[n].transformed(T) for n, T in targets.items()}
        title = f"{case.id}: {record.outcome}"
        save_before_after(folder / "before_after.png", meshes, after, targets=outlines, title=title)
        written.append("before_after.png")
    if len(record.reduction_samples) > 1:
        save_curves(folder / "curves.png", record.reduction_samples, record.truth, case.id)
        written.append("curves.png")
    return written


def save_xrays(folder: Path, case: Case, record: RunRecord) -> None:
    """Write `xrays.png`: the graded views before, as planned, and as the bodies stand now.

    Achieved is what the simulator knows, else what the last registration found. Without a plan nothing is
    written.
    """
    if record.plan is None:
        return
    from rafr.pictures.bones import save_picture
    from rafr.xray.displacement import GRADED_VIEWS
    from rafr.xray.of_case import series_of_case
    from rafr.xray.view import DEVICES

    found = {b.name: _achieved(b.name, record) for b in case.moving}
    achieved = {name: pose for name, pose in found.items() if pose is not None}
    device = replace(DEVICES["radiograph"], pixels=_XRAY_PIXELS)
    series = series_of_case(case, record.plan, achieved or None, views=GRADED_VIEWS, device=device)
    save_picture(folder / "xrays.png", series.sheet())


def _targets(case: Case, record: RunRecord, truth: Truth | None) -> dict[str, RigidTransform]:
    if truth is not None:
        return {b.name: truth.T_reduced_displaced[b.name] for b in case.moving}
    if record.plan is not None:
        return {b.name: record.plan.body(b.name).T_reduced_displaced for b in case.moving}
    return {}
