"""`rafr plan`: target and path of every fragment."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafr.cli.main import EXIT_DONE, EXIT_NOT_ACCEPTABLE
from rafr.cli.output import add_json_option, made_folder, progress_bar, write_json
from rafr.progress import Progress, part_of

if TYPE_CHECKING:
    from rafr.cases.case import Case
    from rafr.planning.plan import BodyPlan, ReductionPlan
    from rafr.planning.target.targets import TargetResult


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="case folder")
    parser.add_argument(
        "--via",
        metavar="FILE",
        help="poses a body is to pass, exactly (YAML or JSON: body name -> list of 4x4 T_path_displaced, mm)",
    )
    parser.add_argument(
        "--targets",
        type=Path,
        metavar="DIR_OR_FILE",
        help="targets made in 3D Slicer: a transform file per body, BODY.tfm, .h5 or .mat (docs/exchange.md)",
    )
    parser.add_argument("-o", "--out", metavar="DIR", help="save pictures of target and path there")
    parser.add_argument(
        "--shape-model", type=Path, metavar="NPZ", help="statistical shape model, for what has no counterpart"
    )
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    from rafr.cases.load import open_case
    from rafr.planning.path.via import read_via
    from rafr.planning.reduction import plan_reduction

    via = None if args.via is None else read_via(Path(args.via))
    folder = None if args.out is None else made_folder(args.out)
    case = open_case(Path(args.case))
    with progress_bar("plan") as progress:
        given = None if args.targets is None else _targets(args, case, part_of(progress, 0.0, 0.6))
        rest = progress if given is None else part_of(progress, 0.6, 1.0)
        plan = plan_reduction(case, targets=given, via=via, progress=rest, **_options(args))
    if folder is not None:
        _save_pictures(folder, case, plan)
    if args.json is not None:
        write_json(args.json, {**plan.to_json(), "pelvis": _alignment(case, plan)})
    if args.json != "-":
        _show(plan, folder)
    return EXIT_DONE if plan.assessment.accepted else EXIT_NOT_ACCEPTABLE


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """What departs from the planner's defaults."""
    from rafr.planning.target.config import TargetConfig

    return {} if args.shape_model is None else {"config": TargetConfig(shape_model=args.shape_model)}


def _targets(args: argparse.Namespace, case: Case, progress: Progress) -> TargetResult:
    """What a surgeon made in another program, checked; bodies without a file keep the target found here."""
    from rafr.cases.meshes import body_meshes
    from rafr.exchange.targets import check_near, read_targets
    from rafr.planning.target.given import given_targets

    given = read_targets(args.targets, case)
    meshes = body_meshes(case)
    check_near(args.targets, given, meshes)
    return given_targets(case, meshes, given, progress=progress, **_options(args))


def _alignment(case: Case, plan: ReductionPlan) -> dict[str, Any]:
    """Landmarks, leg length, rotation and symmetry before and as planned."""
    from rafr.cases.meshes import body_meshes
    from rafr.geometry import RigidTransform
    from rafr.planning.alignment import alignment_of

    planned = {b.name: b.T_reduced_displaced for b in plan.bodies}
    before = {name: RigidTransform.identity() for name in planned}
    poses = {"before": before, "planned": planned}
    return alignment_of(case, body_meshes(case), planned, plan.symmetry_plane.plane, poses)


def _save_pictures(folder: Path, case: Case, plan: ReductionPlan) -> None:
    from rafr.cases.meshes import body_meshes
    from rafr.planning.pictures import save_path_picture, save_target_picture, save_way_pictures
    from rafr.review.gap_map import save_gap_map

    meshes = body_meshes(case)
    save_target_picture(folder / "target.png", plan, meshes)
    save_gap_map(folder / "gap.png", plan, meshes)
    save_path_picture(folder / "path.png", plan)
    save_way_pictures(folder, plan, meshes)


def _show(plan: ReductionPlan, folder: Path | None) -> None:
    from rich.console import Console

    console = Console()
    console.print(_table(plan))
    plane = plan.symmetry_plane
    console.print(f"symmetry plane: rms {plane.rms_mm:.2f} mm on intact anatomy; {plan.seconds:.0f} s")
    for reason in plan.assessment.reasons:
        console.print(f"• {reason}", markup=False)
    verdict = "[green]accepted[/]" if plan.assessment.accepted else "[red]not accepted[/]"
    console.print(f"plan {verdict}, hash {plan.hash[:12]}")
    if folder is not None:
        names = ("target", "gap", "path", *(f"way-{body.name}" for body in plan.bodies))
        console.print(f"pictures: {', '.join(str(folder / f'{n}.png') for n in names)}", markup=False)


def _table(plan: ReductionPlan) -> Any:
    from rich.table import Table

    table = Table(title=f"Reduction plan of {plan.case_id}")
    for heading in ("body", "to move", "Matta now", "expected error", "evidence", "path"):
        table.add_column(heading)
    for name in plan.order:
        body = plan.body(name)
        kinds = {key.split(":")[0]: 0.0 for key in body.after["evidence_mm2"]}
        for key, area in body.after["evidence_mm2"].items():
            kinds[key.split(":")[0]] += area / 100.0
        table.add_row(
            f"{name} {list(body.labels)}",
            f"{body.before['mean_mm']:.1f} mm, {body.before['deg']:.1f}°",
            f"{body.before['matta']['grade']} ({body.before['matta']['max_mm']:.0f} mm)",
            f"{body.expected_error_mm:.1f} mm",
            ", ".join(f"{kind} {area:.0f} cm²" for kind, area in kinds.items() if area > 0),
            f"{len(body.path)} poses, clearance {min(p.clearance_mm for p in body.path):.1f} mm,\n"
            f"{max(p.force_n for p in body.path):.0f} N, {max(p.torque_nm for p in body.path):.1f} N·m"
            + _beside(body),
        )
    return table


def _beside(body: BodyPlan) -> str:
    """What the straight path would cost, and the traction for which all this holds."""
    lines = ""
    if body.straight_path is not None:
        straight = body.straight_path.summary
        lines += f"\nstraight: {straight.min_clearance_mm:.1f} mm, {straight.peak_force_n:.0f} N"
    if body.traction_n is not None:
        lines += f"\ntraction {min(body.traction_n):.0f} to {max(body.traction_n):.0f} N"
    return lines
