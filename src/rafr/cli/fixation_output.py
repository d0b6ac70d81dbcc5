"""What `rafr fixation` says: JSON, pictures, tables."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from rafr.cases.case import Case
    from rafr.fixation.implants.implant import Scheme
    from rafr.fixation.model import ModelOptions, PelvisModel
    from rafr.fixation.study.compare import Study
    from rafr.fixation.study.results import SchemeResult


def study_data(
    case: Case,
    model: PelvisModel,
    options: ModelOptions,
    study: Study,
    refused: dict[str, tuple[str, ...]],
    others: dict[str, SchemeResult],
) -> dict[str, Any]:
    from rafr.fixation.implants.given import scheme_to_data
    from rafr.fixation.study.published import (
        DISPLACEMENT_MM,
        MAX_VON_MISES_MPA,
        WHY_NOT,
        point_statistics,
    )
    from rafr.fixation.study.ranking import recommendation

    ranking = study.ranking
    schemes = {
        name: {
            **solved.result.to_json(),
            "notes": list(solved.fixed.scheme.notes),
            "implants": scheme_to_data(solved.fixed.scheme),
            "elements": len(solved.fixed.problem.mesh.elements),
        }
        for name, solved in study.solved.items()
    }
    return {
        "case": case.id,
        "schemes": schemes,
        "refused": {name: list(why) for name, why in refused.items()},
        "ranking": None if ranking is None else asdict(ranking),
        "recommendation": None if ranking is None else recommendation(ranking),
        "drawn_mm": study.drawn_mm,
        "drawn": [asdict(draw) for draw in study.drawn],
        "influences": study.influences,
        "draw_elements": study.draw_elements,
        "failed_draws": list(study.failed),
        "sensitivity": {name: result.to_json() for name, result in others.items()},
        "published": {
            "displacement_mm": DISPLACEMENT_MM,
            "max_von_mises_mpa": MAX_VON_MISES_MPA,
            "statistics": asdict(point_statistics(DISPLACEMENT_MM)),
            "why_not": WHY_NOT,
        },
        "mesh": {
            "elements": len(model.mesh.elements),
            "nodes": len(model.mesh.nodes),
            "edge_mm": options.mesh.edge_mm,
        },
        "load_n": options.load.force_n,
        "notes": list(model.notes),
        "assessment": study.assessment.to_json(),
    }


def save_study(folder: Path, model: PelvisModel, study: Study, schemes: list[Scheme]) -> None:
    from rafr.fixation.implants.given import write_scheme
    from rafr.fixation.model.pictures import save_model_picture
    from rafr.fixation.study.pictures import save_drawn_picture, save_solved_picture

    save_model_picture(folder / "model.png", model)
    for scheme in schemes:
        write_scheme(folder / f"{scheme.name}.yaml", scheme)
    for name, solved in study.solved.items():
        save_solved_picture(folder / f"{name}.png", solved)
    if study.ranking is not None:
        save_drawn_picture(folder / "ranking.png", study.drawn_mm, model.case_id)


def show_study(study: Study, data: dict[str, Any], folder: Path | None) -> None:
    """Tables and remarks on the terminal; `data` of `study_data`, `folder`: where pictures are."""
    from rich.console import Console

    terminal = Console()
    for table in (_sinking(study, data), _holding(study)):
        terminal.print(table)
    if data["sensitivity"]:
        terminal.print(_sensitivity(data["sensitivity"], next(iter(study.solved))))
    for name, why in data["refused"].items():
        terminal.print(f"{name} has no room: {'; '.join(why)}", markup=False)
    if data["recommendation"]:
        terminal.print(data["recommendation"], style="bold", markup=False)
    for outcome, by in data["influences"].items():
        strongest = ", ".join(f"{name} {r:+.2f}" for name, r in list(by.items())[:3])
        terminal.print(f"{outcome} goes with: {strongest} (rank correlation)", markup=False)
    for note in (*data["notes"], *data["assessment"]["reasons"]):
        terminal.print(note, style="dim", markup=False)
    if folder is not None:
        terminal.print(f"pictures: {folder}", markup=False)
    terminal.print(f"{data['seconds']:.0f} s, {data['memory_gb']:.1f} GB", style="dim")


def _sinking(study: Study, data: dict[str, Any]) -> Table:
    from rafr.fixation.study.published import DISPLACEMENT_MM, POINTS

    table = _table(f"{data['case']}: sinking under {data['load_n']:g} N on L4, mm", "scheme", *POINTS, "mean")
    for name, solved in study.solved.items():
        r = solved.result
        table.add_row(name, *(f"{v:.3f}" for v in (*r.displacement_mm.values(), r.mean_mm)))
    for name, values in DISPLACEMENT_MM.items():
        cells = [f"{v:.3f}" for v in (*values, sum(values) / len(values))]
        table.add_row(f"{name} (case report)", *cells, style="dim")
    return table


def _holding(study: Study) -> Table:
    from rafr.fixation.study.published import MAX_VON_MISES_MPA

    columns = ("metal, MPa", "safety", "N/mm", "opens, mm", "slips, mm")
    table = _table("implants and fracture", "scheme", *columns)
    for name, solved in study.solved.items():
        r = solved.result
        table.add_row(
            name,
            f"{r.max_von_mises_mpa:.0f}",
            f"{r.safety_factor:.1f}",
            f"{r.stiffness_n_per_mm:.0f}",
            f"{max(r.fracture_gap_mm.values(), default=0.0):.3f}",
            f"{max(r.fracture_slip_mm.values(), default=0.0):.3f}",
        )
    for name, stress in MAX_VON_MISES_MPA.items():
        table.add_row(f"{name} (case report)", f"{stress:.0f}", style="dim")
    return table


def _table(title: str, named: str, *numbers: str) -> Table:
    """No rows yet; a column of names, then columns of numbers."""
    from rich.table import Table

    table = Table(title=title)
    table.add_column(named)
    for column in numbers:
        table.add_column(column, justify="right")
    return table


def _sensitivity(results: dict[str, Any], scheme: str) -> Table:
    columns = ("sinks, mm", "of as chosen", "metal, MPa", "of as chosen")
    table = _table(f"{scheme} under other supports and loads", "", *columns)
    chosen = next(iter(results.values()))
    for name, result in results.items():
        row = []
        for key, digits in (("mean_mm", 3), ("max_von_mises_mpa", 0)):
            share = result[key] / chosen[key] if chosen[key] else float("nan")
            row += [f"{result[key]:.{digits}f}", f"{100 * share:.0f} %"]
        table.add_row(name, *row)
    return table
