"""`rafr fixation`: finite elements of the reduced pelvis with several fixation schemes."""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rafr.cases.case import Case
from rafr.cli.main import EXIT_DONE, EXIT_NOT_ACCEPTABLE
from rafr.cli.output import add_json_option, check_json_target, made_folder, progress_bar, write_json
from rafr.errors import InputError
from rafr.progress import Progress, part_of

if TYPE_CHECKING:
    from rafr.fixation.implants.implant import Scheme
    from rafr.fixation.implants.planned import Planner
    from rafr.fixation.study.results import SchemeResult
    from rafr.geometry import RigidTransform

PUBLISHED = ("SDS1EDS2", "L5SDS1", "L5EDS2")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="case folder")
    poses = parser.add_mutually_exclusive_group()
    poses.add_argument("--plan", metavar="FILE", help="plan to the reduced poses (default: plan now)")
    poses.add_argument(
        "--achieved",
        metavar="FILE",
        help="poses reached instead: report.json of a run, or `rafr register --cbct FILE --json`",
    )
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
    from rafr.cli.fixation_output import save_study, show_study, study_data
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
    data = study_data(case, model, options, study, refused, others) | {
        "poses": "achieved" if args.achieved else "planned",
        "seconds": round(time.monotonic() - begin, 1),
        "memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2),
    }
    if folder is not None:
        save_study(folder, model, study, schemes)
    if args.json is not None:
        write_json(args.json, data)
    if args.json != "-":
        show_study(study, data, folder)
    return EXIT_DONE if study.assessment.accepted else EXIT_NOT_ACCEPTABLE


def _poses(args: argparse.Namespace, case: Case, progress: Progress) -> dict[str, RigidTransform]:
    from rafr.cases.achieved import read_achieved
    from rafr.fixation.model import planned_poses
    from rafr.planning.plan_file import read_plan
    from rafr.planning.reduction import plan_reduction

    if args.achieved is not None:
        return read_achieved(Path(args.achieved), case)
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
