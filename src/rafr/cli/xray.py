"""`rafr xray`: radiographs of a case before, as planned and as achieved, and what is measured on them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafr.assessment import ACCEPTED, Assessment
from rafr.cli.main import EXIT_DONE, EXIT_NOT_ACCEPTABLE
from rafr.cli.output import add_json_option, check_json_target, made_folder, progress_bar, write_json
from rafr.errors import InputError
from rafr.planning.plan_file import read_plan
from rafr.progress import part_of

if TYPE_CHECKING:
    from rafr.cases.case import Case
    from rafr.planning.plan import ReductionPlan
    from rafr.xray.series import Series, State

_DEVICES = ("radiograph", "c-arm")
_SATISFACTORY = ("excellent", "good")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="case folder")
    parser.add_argument(
        "--plan", metavar="FILE", help="plan as `rafr plan --json` wrote it: pictures as planned"
    )
    parser.add_argument(
        "--achieved",
        metavar="FILE",
        help="where the bodies are now: report.json of a run, `rafr register --cbct FILE --json` of the "
        "second CBCT, or body name -> 4x4 T_current_displaced, mm",
    )
    parser.add_argument(
        "-o", "--out", metavar="DIR", required=True, help="folder for the pictures, made where absent"
    )
    parser.add_argument(
        "--device",
        choices=_DEVICES,
        default=_DEVICES[0],
        help="whole pelvis (default), or a mobile C-arm's field",
    )
    parser.add_argument("--pixels", type=int, default=512, metavar="N", help="a side (default 512)")
    parser.add_argument(
        "--kev", type=float, default=60.0, metavar="E", help="effective energy (default 60 keV)"
    )
    parser.add_argument("--pins", action="store_true", help="propose Schantz pins where the case gives none")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    from rafr.cases.achieved import read_achieved
    from rafr.cases.load import open_case
    from rafr.xray.attenuation import linear_attenuation
    from rafr.xray.of_case import series_of_case
    from rafr.xray.rods import screws_of
    from rafr.xray.view import DEVICES

    check_json_target(args.json)
    if not 64 <= args.pixels <= 2048:
        raise InputError("--pixels", f"{args.pixels}", "64 to 2048")
    linear_attenuation("water", args.kev)
    with progress_bar("xray") as progress:
        progress(0.0, "reading the case")
        case = open_case(Path(args.case))
        plan = None if args.plan is None else read_plan(Path(args.plan), case)
        achieved = None if args.achieved is None else read_achieved(Path(args.achieved), case)
        screws_of(case)  # said before anything is written
        folder = made_folder(args.out)
        series = series_of_case(
            case,
            plan,
            achieved,
            device=replace(DEVICES[args.device], pixels=args.pixels),
            kev=args.kev,
            pins=args.pins,
            progress=part_of(progress, 0.2, 0.95),
        )
        progress(0.95, "writing")
        _save(folder, series)
    assessment = _assess(series, plan)
    if args.json is not None:
        write_json(args.json, _facts(args, case, series, assessment))
    _show(case, series, assessment, folder, to_stderr=args.json == "-")
    return EXIT_DONE if assessment.accepted else EXIT_NOT_ACCEPTABLE


def _save(folder: Path, series: Series) -> None:
    from rafr.pictures.bones import save_picture

    try:
        for view, image in series.pictures().items():
            save_picture(folder / f"{view}.png", image)
        save_picture(folder / "sheet.png", series.sheet())
    except OSError as error:
        raise InputError(folder, f"cannot be written to ({error.strerror})", "a folder to write to") from None


def _assess(series: Series, plan: ReductionPlan | None) -> Assessment:
    """An achieved reduction is acceptable when Matta calls it satisfactory (excellent or good)."""
    judged = ACCEPTED
    if plan is not None and not plan.assessment.accepted:
        judged &= Assessment(True, ("the plan that displacement is measured from is not accepted",))
    if "achieved" not in [state.name for state in series.states]:
        return judged
    matta = series.matta("achieved")
    if matta["grade"] is None:
        why = "no plan is given" if plan is None else "no edges of the bodies face each other as planned"
        return judged & Assessment(True, (f"the achieved reduction is not graded: {why}",))
    if matta["grade"] in _SATISFACTORY:
        return judged
    reason = f"the achieved reduction is {matta['grade']}: {matta['max_mm']:.1f} mm between fracture edges"
    return judged & Assessment(False, (reason,))


def _facts(args: argparse.Namespace, case: Case, series: Series, assessment: Assessment) -> dict[str, Any]:
    from rafr.planning.metrics import VIEW_TILT_DEG

    views = {
        name: {
            "source_mm": [round(float(x), 3) for x in view.source],
            "magnification": view.magnification,
            "pixel_mm": view.pixel_mm,
            "picture": f"{name}.png",
        }
        for name, view in series.views.items()
    }
    return {
        "case": case.id,
        "device": args.device,
        "effective_kev": args.kev,
        "tilt_deg": VIEW_TILT_DEG,
        "views": views,
        "states": {state.name: _state(series, state) for state in series.states},
        "assessment": assessment.to_json(),
    }


def _state(series: Series, state: State) -> dict[str, Any]:
    seen = {
        view: None
        if (s := series.seen[state.name, view]) is None
        else {"mm": s.mm, "body": s.body, "from": s.other}
        for view in series.views
    }
    brightest = {view: float(series.attenuation[state.name, view].max()) for view in series.views}
    return {
        "is_target": state.is_target,
        "matta": series.matta(state.name),
        "displacement": seen,
        "largest_attenuation": brightest,
    }


def _show(case: Case, series: Series, assessment: Assessment, folder: Path, to_stderr: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{case.id}: displacement between fracture edges on the radiograph")
    for heading in ("state", *series.views, "Matta"):
        table.add_column(heading)
    for state in series.states:
        matta = series.matta(state.name)
        millimetres = ["–" if mm is None else f"{mm:.1f} mm" for mm in matta["views_mm"].values()]
        table.add_row(state.name, *millimetres, "target" if state.is_target else matta["grade"] or "–")
    console = Console(file=sys.stderr if to_stderr else sys.stdout)
    console.print(table)
    for reason in assessment.reasons:
        console.print(f"• {reason}", markup=False)
    names = ", ".join(str(folder / f"{name}.png") for name in (*series.views, "sheet"))
    console.print(f"pictures: {names}", markup=False)
