"""`rafr fixation`: finite elements of the reduced pelvis with several fixation schemes."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafr.cases.case import Case
from rafr.cli.main import EXIT_DONE, EXIT_NOT_ACCEPTABLE
from rafr.cli.output import add_json_option, check_json_target, made_folder, progress_bar, write_json
from rafr.errors import InputError
from rafr.progress import Progress, part_of

if TYPE_CHECKING:
    from rafr.fixation.implants.implant import Scheme
    from rafr.fixation.implants.planned import Planner
    from rafr.fixation.model import ModelOptions, PelvisModel
    from rafr.fixation.study.compare import Study
    from rafr.fixation.study.results import SchemeResult
    from rafr.geometry import RigidTransform

PUBLISHED = ("SDS1EDS2", "L5SDS1", "L5EDS2")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="case folder")
    parser.add_argument("--plan", metavar="FILE", help="plan to the reduced poses (default: plan now)")
    parser.add_argument(
        "--schemes",
        metavar="NAME_OR_FILE[,…]",
        default=",".join(PUBLISHED),
        help="schemes to compare: SDS1EDS2, L5SDS1, L5EDS2, anterior (planned), YAML files with screws and "
        "rods, `fixation` (the case's fixation.yaml), `case` (screws of its case.yaml); "
        "default: %(default)s",
    )
    parser.add_argument(
        "--side", choices=("left", "right"), help="of standard screw and rod (default: displaced)"
    )
    parser.add_argument(
        "--load", type=float, default=500.0, metavar="N", help="down on L4 (default: %(default)g)"
    )
    parser.add_argument(
        "--edge", type=float, default=5.0, metavar="MM", help="of elements (default: %(default)g)"
    )
    parser.add_argument(
        "--draws",
        type=int,
        default=0,
        metavar="N",
        help="patients and operations drawn at random for the ranking (default: none)",
    )
    parser.add_argument(
        "--draw-edge", type=float, default=9.0, metavar="MM", help="of their elements (default: %(default)g)"
    )
    parser.add_argument(
        "--sensitivity", action="store_true", help="the first scheme under other supports and loads"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws")
    parser.add_argument("-o", "--out", metavar="DIR", help="save pictures and schemes there")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    from rafr.cases.load import open_case
    from rafr.errors import InfeasibleError
    from rafr.fixation.model import ModelOptions, build_model
    from rafr.fixation.study.compare import compare, sensitivity

    if args.draws < 0 or args.seed < 0:
        raise InputError("--draws, --seed", f"{args.draws}, {args.seed}", "0 or more")
    begin = time.monotonic()
    check_json_target(args.json)
    folder = None if args.out is None else made_folder(args.out)
    case = open_case(Path(args.case), voxels=False)  # materials will read them
    options = ModelOptions()
    options = replace(
        options,
        mesh=replace(options.mesh, edge_mm=args.edge),
        load=replace(options.load, force_n=args.load),
    )
    coarse = replace(options, mesh=replace(options.mesh, edge_mm=args.draw_edge))
    others: dict[str, SchemeResult] = {}
    with progress_bar("fixation") as progress:
        poses = _poses(args, case, part_of(progress, 0.0, 0.2))
        planner, schemes, refused = _schemes(args, case, poses, part_of(progress, 0.2, 0.25))
        try:
            model = build_model(case, poses, options, part_of(progress, 0.25, 0.4))
            of_draws = build_model(case, poses, coarse, part_of(progress, 0.4, 0.45)) if args.draws else None
            study = compare(
                model,
                schemes,
                planner.catalogue.material,
                coarse=of_draws,
                count=args.draws,
                seed=args.seed,
                progress=part_of(progress, 0.45, 0.8 if args.sensitivity else 1.0),
            )
            if args.sensitivity:
                metal = planner.catalogue.material
                others = sensitivity(case, poses, schemes[0], metal, coarse, part_of(progress, 0.8, 1.0))
        except InfeasibleError as error:
            return _without_result(args, case, refused, error.reasons)
    data = _data(case, model, options, study, refused, others)
    data["seconds"] = round(time.monotonic() - begin, 1)
    if folder is not None:
        _save(folder, model, study, schemes)
    if args.json is not None:
        write_json(args.json, data)
    if args.json != "-":
        _show(study, data, folder)
    return EXIT_DONE


def _poses(args: argparse.Namespace, case: Case, progress: Progress) -> dict[str, RigidTransform]:
    from rafr.fixation.model import planned_poses
    from rafr.planning.plan_file import read_plan
    from rafr.planning.reduction import plan_reduction

    if args.plan is not None:
        return planned_poses(read_plan(Path(args.plan), case))
    return planned_poses(plan_reduction(case, progress=progress))


def _schemes(
    args: argparse.Namespace, case: Case, poses: dict[str, RigidTransform], progress: Progress
) -> tuple[Planner, list[Scheme], dict[str, tuple[str, ...]]]:
    """Those that this pelvis has room for, and why the others have none."""
    from rafr.cases.meshes import body_meshes
    from rafr.errors import InfeasibleError
    from rafr.fixation.implants.anatomy import Anatomy
    from rafr.fixation.implants.of_case import given_scheme
    from rafr.fixation.implants.planned import Planner
    from rafr.fixation.implants.schemes import plan_scheme

    planner = Planner(Anatomy.of_case(case, body_meshes(case), poses))
    schemes: list[Scheme] = []
    refused: dict[str, tuple[str, ...]] = {}
    names = args.schemes.split(",")
    for n, name in enumerate(names):
        own = part_of(progress, n / len(names), (n + 1) / len(names))
        try:
            schemes.append(
                given_scheme(name, case, planner, poses)
                or plan_scheme(name, planner.anatomy, side=args.side or "", planner=planner, progress=own)
            )
        except InfeasibleError as error:
            refused[name] = error.reasons
    twice = {s.name for s in schemes if sum(o.name == s.name for o in schemes) > 1}
    if twice:
        raise InputError("--schemes", f"{min(twice)} is there twice", "schemes of different names")
    if not schemes:
        reasons = "; ".join(f"{name}: {', '.join(why)}" for name, why in refused.items())
        raise InputError("--schemes", f"none has room in this pelvis ({reasons})", "one that has")
    return planner, schemes, refused


def _data(
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
        "assessment": {"accepted": True, "reasons": list(study.failed)},
    }


def _without_result(
    args: argparse.Namespace, case: Case, refused: dict[str, tuple[str, ...]], reasons: tuple[str, ...]
) -> int:
    from rich.console import Console

    data = {
        "case": case.id,
        "schemes": {},
        "refused": {name: list(why) for name, why in refused.items()},
        "assessment": {"accepted": False, "reasons": list(reasons)},
    }
    if args.json is not None:
        write_json(args.json, data)
    Console(stderr=True).print(f"no result: {'; '.join(reasons)}", style="bold", markup=False)
    return EXIT_NOT_ACCEPTABLE


def _save(folder: Path, model: PelvisModel, study: Study, schemes: list[Scheme]) -> None:
    from rafr.fixation.implants.given import write_scheme
    from rafr.fixation.model.pictures import save_model_picture

    save_model_picture(folder / "model.png", model)
    for scheme in schemes:
        write_scheme(folder / f"{scheme.name}.yaml", scheme)
    if study.solved:
        from rafr.fixation.study.pictures import save_solved_picture

        for name, solved in study.solved.items():
            save_solved_picture(folder / f"{name}.png", solved)


def _show(study: Study, data: dict[str, Any], folder: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    from rafr.fixation.study.published import DISPLACEMENT_MM, MAX_VON_MISES_MPA, POINTS

    sinking = Table(title=f"{data['case']}: sinking under {data['load_n']:g} N on L4, mm")
    holding = Table(title="implants and fracture")
    for table, titles in (
        (sinking, (*POINTS, "mean")),
        (holding, ("metal, MPa", "safety", "N/mm", "opens, mm", "slips, mm")),
    ):
        table.add_column("scheme")
        for title in titles:
            table.add_column(title, justify="right")
    for name, solved in study.solved.items():
        r = solved.result
        sinking.add_row(name, *(f"{v:.3f}" for v in (*r.displacement_mm.values(), r.mean_mm)))
        holding.add_row(
            name,
            f"{r.max_von_mises_mpa:.0f}",
            f"{r.safety_factor:.1f}",
            f"{r.stiffness_n_per_mm:.0f}",
            f"{max(r.fracture_gap_mm.values(), default=0.0):.3f}",
            f"{max(r.fracture_slip_mm.values(), default=0.0):.3f}",
        )
    for name, values in DISPLACEMENT_MM.items():
        cells = [f"{v:.3f}" for v in (*values, sum(values) / len(values))]
        sinking.add_row(f"{name} (case report)", *cells, style="dim")
        holding.add_row(f"{name} (case report)", f"{MAX_VON_MISES_MPA[name]:.0f}", style="dim")
    terminal = Console()
    terminal.print(sinking)
    terminal.print(holding)
    for name, result in data["sensitivity"].items():
        terminal.print(f"{name}: {result['mean_mm']:.3f} mm, metal {result['max_von_mises_mpa']:.0f} MPa")
    for name, why in data["refused"].items():
        terminal.print(f"{name} has no room: {'; '.join(why)}", markup=False)
    if data["recommendation"]:
        terminal.print(data["recommendation"], style="bold", markup=False)
    for note in (*data["notes"], *data["failed_draws"]):
        terminal.print(note, style="dim", markup=False)
    if folder is not None:
        terminal.print(f"pictures: {folder}", markup=False)
