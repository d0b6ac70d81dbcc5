"""Calibrations as tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from rich.table import Table

from rafr.assessment import Assessment
from rafr.geometry import RigidTransform
from rafr.tracking.calibration.hand_eye import HandEyeCalibration
from rafr.tracking.calibration.phantom import PhantomRegistration
from rafr.tracking.calibration.pivot_result import PivotCalibration


def pivot_tables(result: PivotCalibration) -> tuple[Table, ...]:
    tip = _facts("pivot", result.assessment)
    sd = np.sqrt(np.diag(result.covariance_mm2))
    tip.add_row("tip in the tool's frame", f"{_numbers(result.tip_mm, 3)} mm")
    tip.add_row("standard deviation", f"{_numbers(sd, 3)} mm, {result.sd_mm:.3f} along the weakest direction")
    tip.add_row("if slow errors went in step with the tilt", f"{result.systematic_mm:.2f} mm")
    tip.add_row("tip to divot, rms", f"{result.rms_mm:.3f} mm")
    tip.add_row("correlation of successive errors", f"{result.correlation:.2f}")
    tip.add_row("rms turn of the weakest direction", f"{result.turn_deg:.1f} deg")
    tip.add_row("condition number", f"{result.condition_number:.2f}")
    dwells = _table("dwells", ("frames", "rms", "tilt range", "used", "rejected", "divot"))
    for d in result.dwells:
        dwells.add_row(
            d.label,
            f"{d.rms_mm:.3f} mm",
            f"{d.tilt_range_deg:.0f}°",
            str(len(d.used)),
            str(len(d.rejected)),
            f"{_numbers(d.divot_mm, 2)} mm",
        )
    return tip, dwells


def phantom_tables(result: PhantomRegistration) -> tuple[Table, ...]:
    facts = _facts("phantom", result.assessment)
    facts.add_row("FRE", f"{result.fre_mm:.3f} mm")
    facts.add_row("FLE that explains it", f"{result.fle_mm:.3f} mm")
    origin = "given" if result.pivot is None else "found in these dwells"
    facts.add_row(f"tip ({origin})", f"{_numbers(result.tip_mm, 3)} mm")
    if result.pivot is not None:
        facts.add_row("  standard deviation", f"{result.pivot.sd_mm:.3f} mm along the weakest direction")
        facts.add_row("  if slow errors went in step with the tilt", f"{result.pivot.systematic_mm:.2f} mm")
    facts.add_row("T_reference_phantom", _pose(result.T_reference_phantom))
    for name, tre in result.targets_tre_mm.items():
        facts.add_row(f"TRE predicted at {name}", f"{tre:.3f} mm")
    marks = _table(
        "landmarks", ("name", "frames", "residual", "left out", "TRE predicted", "tip's scatter", "rejected")
    )
    for m in result.landmarks:
        left_out = "–" if m.leave_one_out_mm is None else f"{m.leave_one_out_mm:.2f} mm"
        residual = float(np.linalg.norm(m.residual_mm))
        lengths = (f"{residual:.2f} mm", left_out, f"{m.tre_mm:.2f} mm", f"{m.scatter_mm:.2f} mm")
        marks.add_row(m.name, m.frames, *lengths, f"{m.rejected} of {m.used + m.rejected}")
    return facts, marks


def hand_eye_tables(result: HandEyeCalibration, reference: str) -> tuple[Table, ...]:
    """`reference`: as in `hand_eye_json`."""
    facts = _facts("hand-eye", result.assessment)
    for key, name, T in (
        ("X", "T_flange_tool", result.T_flange_tool),
        ("Z", f"T_base_{reference}", result.T_base_reference),
    ):
        facts.add_row(name, _pose(T))
        facts.add_row(
            "  standard deviation", f"{result.sd_mm(key):.3f} mm, {result.sd_deg(key):.4f}° (weakest)"
        )
    facts.add_row("residual, rms", f"{result.rms_mm:.3f} mm, {result.rms_deg:.4f}°")
    facts.add_row("poses", f"{len(result.pairs)}, {len(result.rejected)} rejected")
    facts.add_row("rms turns of the flange", f"{_numbers(result.turns_deg, 1)} deg")
    poses = _table("poses", ("frame", "shift", "turn", ""))
    for k, mm, deg, used in zip(
        result.pairs.frames, result.shift_mm, result.turn_deg, result.used, strict=True
    ):
        poses.add_row(str(k), f"{mm:.3f} mm", f"{deg:.4f}°", "" if used else "rejected")
    return facts, poses


def _facts(what: str, assessment: Assessment) -> Table:
    verdict = "[green]accepted[/]" if assessment.accepted else "[red]not accepted[/]"
    table = Table(title=f"{what}: {verdict}", title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    return table


def _table(title: str, headings: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for k, heading in enumerate(headings):
        table.add_column(heading, justify="left" if k == 0 else "right", no_wrap=k == 0)
    return table


def _numbers(values: np.ndarray, digits: int) -> str:
    return ", ".join(f"{v:.{digits}f}" for v in values)


def _pose(T: RigidTransform) -> str:
    return f"{_numbers(T.translation, 3)} mm, turned {_numbers(np.degrees(T.rotvec), 3)} deg"
