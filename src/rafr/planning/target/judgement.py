"""Whether the evidence for a target suffices."""

from __future__ import annotations

from rafr.assessment import ACCEPTED, Assessment
from rafr.planning.target.config import TargetConfig
from rafr.planning.target.solve import Solution


def faces_fit(name: str, body: int, solution: Solution, config: TargetConfig) -> Assessment:
    """Broken faces interlock: few points of theirs miss each other by more than the evidence allows."""
    rows = [r for kind, r in solution.rows_of(body) if kind.startswith("face:")]
    patches = sum(float(r.patches.sum()) for r in rows)
    if patches < config.fewest_face_patches:
        return ACCEPTED
    fit = sum(r.support for r in rows) / patches
    if fit >= config.fitting_faces_share:
        return ACCEPTED
    reason = f"{name}: its fracture faces fit by {100 * fit:.0f} % only"
    if fit >= config.unfit_faces_share:
        return Assessment(True, (f"{reason}: look whether bone is crushed or missing",))
    return Assessment(False, (f"{reason}: bone missing, or a fragment of something else",))


def enough_evidence(
    name: str, expected: float, evidence: dict[str, float], mirrored: bool, config: TargetConfig
) -> Assessment:
    """Whether the evidence suffices; `mirrored`: an intact counterpart was in place for the body."""
    kinds = {key.split(":")[0] for key, area in evidence.items() if area > 0.0}
    lacking = [] if mirrored else ["no intact counterpart to mirror"]
    lacking += [] if "face" in kinds else ["no fracture face to fit"]
    if not kinds & {"mirror", "face", "shape"}:
        return Assessment(False, (f"{name}: {' and '.join(lacking)}: target unknown",))
    if expected > config.largest_expected_mm:
        limit = config.largest_expected_mm
        reason = f"{name}: the target is uncertain by {expected:.1f} mm (limit {limit:g} mm)"
        return Assessment(False, ("; ".join([reason, *lacking]),))
    if not mirrored:
        return Assessment(True, (f"{name}: no intact counterpart; planned from {', '.join(sorted(kinds))}",))
    return ACCEPTED
