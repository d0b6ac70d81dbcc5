"""What a surgeon reads beside the bones, in numbers and words."""

from __future__ import annotations

from rafr.planning.plan import BodyPlan, ReductionPlan


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
