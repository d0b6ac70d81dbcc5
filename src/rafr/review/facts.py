"""What a surgeon reads beside the bones, as Markdown."""

from __future__ import annotations

from rafr.planning.plan import BodyPlan, ReductionPlan


def plan_facts(plan: ReductionPlan) -> str:
    """Verdict, hash and one row per body: way to go, expected error, clearance, force."""
    verdict = "accepted by the planner" if plan.assessment.accepted else "**NOT accepted by the planner**"
    lines = [
        f"Plan `{plan.hash[:12]}`: {verdict}",
        "",
        f"Method: {plan.method}",
        "",
        *(f"- {reason}" for reason in plan.assessment.reasons),
        "",
        "| body | way mm | turn ° | expected error mm | least gap mm | most force N |",
        "|---|---|---|---|---|---|",
        *(_row(plan.body(name)) for name in plan.order),
        "",
        f"Symmetry plane: {plan.symmetry_plane.rms_mm:.1f} mm rms on intact anatomy. "
        "Gaps and forces are predictions; a gap below 0 means that the surfaces overlap.",
    ]
    return "\n".join(lines)


def body_facts(body: BodyPlan) -> dict[str, float]:
    """Way and turn from the path's first pose to its last, expected error, least gap and most force."""
    import numpy as np

    motion = body.path[-1].T_path_displaced @ body.path[0].T_path_displaced.inverse()
    centre = body.path[0].T_path_displaced.translation
    return {
        "way_mm": float(np.linalg.norm(motion.apply(centre) - centre)),
        "turn_deg": float(np.degrees(motion.angle)),
        "expected_error_mm": body.expected_error_mm,
        "least_gap_mm": min(p.clearance_mm for p in body.path),
        "peak_force_n": max(p.force_n for p in body.path),
    }


def _row(body: BodyPlan) -> str:
    facts = body_facts(body)
    return (
        f"| {body.name.replace('_', ' ')} | {facts['way_mm']:.1f} | {facts['turn_deg']:.1f} "
        f"| {facts['expected_error_mm']:.1f} | {facts['least_gap_mm']:.1f} | {facts['peak_force_n']:.0f} |"
    )


def path_facts(plan: ReductionPlan, step: int) -> str:
    """Clearance, force, torque and traction predicted at a step counted through all paths in order."""
    for name in plan.order:
        path = plan.body(name).path
        if step < len(path):
            pose = path[max(step, 0)]
            traction = "" if pose.traction_n is None else f", traction {pose.traction_n:.0f} N"
            where = f"{name.replace('_', ' ')}, pose {max(step, 0) + 1} of {len(path)}"
            gap, load = f"gap {pose.clearance_mm:.1f} mm", f"force {pose.force_n:.0f} N"
            return f"{where}: {gap}, {load}, torque {pose.torque_nm:.1f} N m{traction}"
        step -= len(path)
    return "at the target"
