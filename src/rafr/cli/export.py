"""`rafr export`: a case and its plan for a PACS, for 3D Slicer and for other programs."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rafr.cli.main import EXIT_DONE
from rafr.cli.output import add_json_option, check_json_target, progress_bar, write_json
from rafr.errors import InputError
from rafr.exchange.mesh_files import MESH_FORMATS, SPACES
from rafr.exchange.transform_files import TRANSFORM_FORMATS

if TYPE_CHECKING:
    from rafr.exchange.export import Export, ExportOptions


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Export a case and its plan. Without --dicom, --meshes and --transforms: all three, as STL and .tfm."
    )
    parser.add_argument("case", metavar="CASE", help="case folder")
    parser.add_argument("-o", "--out", metavar="DIR", required=True, help="the new folder")
    parser.add_argument("--plan", metavar="PLAN.json", help="the plan (rafr plan CASE --json PLAN.json)")
    parser.add_argument(
        "--report",
        metavar="REPORT.json",
        help="what was achieved: of a run (rafr sim), or rafr register --json",
    )
    parser.add_argument(
        "--dicom", action="store_true", help="labels (SEG) and motions (REG); the CT too unless it was DICOM"
    )
    parser.add_argument(
        "--meshes", nargs="?", const="stl", choices=MESH_FORMATS, help="surfaces in mm (default: stl)"
    )
    parser.add_argument(
        "--transforms",
        nargs="?",
        const="tfm",
        choices=TRANSFORM_FORMATS,
        help="motions for 3D Slicer (default: tfm); needs --plan or --report",
    )
    parser.add_argument("--space", choices=SPACES, default="lps", help="axes of the meshes (default: lps)")
    parser.add_argument(
        "--series", metavar="FOLDER", type=Path, help="the CT's DICOM series, where the case does not know it"
    )
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    from rafr.cases.achieved import read_achieved
    from rafr.cases.load import open_case
    from rafr.exchange.export import export_case
    from rafr.planning.plan_file import read_plan

    check_json_target(args.json)
    case = open_case(Path(args.case))
    options = _options(args)
    plan = None if args.plan is None else read_plan(Path(args.plan), case)
    achieved = None if args.report is None else read_achieved(Path(args.report), case)
    if args.transforms is not None and plan is None and achieved is None:
        raise InputError(
            "--transforms", "nothing moves without a plan", "--plan PLAN.json or --report REPORT.json"
        )
    start = time.perf_counter()
    with progress_bar("export") as progress:
        written = export_case(case, Path(args.out), options, plan, achieved, progress)
    seconds = time.perf_counter() - start
    if args.json is not None:
        summary = {"case": case.id, "folder": args.out, "files": written.files, "dicom": written.dicom}
        write_json(args.json, {**summary, "seconds": seconds})
    if args.json != "-":
        _show(args.out, written, seconds)
    return EXIT_DONE


def _options(args: argparse.Namespace) -> ExportOptions:
    from rafr.exchange.export import ExportOptions

    if not (args.dicom or args.meshes or args.transforms):
        return ExportOptions(space=args.space, series=args.series)
    return ExportOptions(args.dicom, args.meshes, args.space, args.transforms, args.series)


def _show(folder: str, written: Export, seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=folder)
    for heading in ("what", "files", "MB"):
        table.add_column(heading)
    groups: dict[str, list[int]] = {}
    for name, size in written.files.items():
        groups.setdefault(str(Path(name).parent), []).append(size)
    for group, sizes in groups.items():
        table.add_row(group, str(len(sizes)), f"{sum(sizes) / 1e6:.1f}")
    console = Console()
    console.print(table)
    console.print(f"exported in {seconds:.0f} s", markup=False)
