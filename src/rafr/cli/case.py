"""`rafr case new | simulate | show | segment`: make, simulate and look at case folders; label a CT."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rafr.cases.case import CASE_FILE, FRACTURE_KINDS, Case
from rafr.cli import case_segment
from rafr.cli.output import add_json_option, progress_bar, write_json
from rafr.errors import InputError
from rafr.progress import Progress, part_of

_PICTURE = "overview.png"
_VIEWS = ("anterior", "inlet", "outlet", "lateral-left", "lateral-right", "posterior")


def configure(parser: argparse.ArgumentParser) -> None:
    actions: Any = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("new", help="make a case folder from a CT and its labels")
    new.add_argument("ct", metavar="CT", help="image, DICOM folder, or the folder of a PENGWIN patient")
    new.add_argument("labels", metavar="LABELS", nargs="?", help="label image (not for a PENGWIN patient)")
    new.add_argument("-o", "--out", metavar="DIR", required=True, help="the new case folder")

    simulate = actions.add_parser("simulate", help="break an intact pelvis: a case with known truth")
    simulate.add_argument(
        "pelvis", metavar="PELVIS", nargs="?", help="VSD .mat file, labelled volume or folder of meshes"
    )
    simulate.add_argument("--virtual", action="store_true", help="a parametric pelvis instead of PELVIS")
    simulate.add_argument(
        "--fracture", metavar="KIND", required=True, help=f"one of: {', '.join(FRACTURE_KINDS)}"
    )
    simulate.add_argument("--seed", metavar="N", type=int, default=0, help="random seed (default 0)")
    simulate.add_argument(
        "--spacing", metavar="MM", type=float, default=0.9, help="voxel size of the CT (default 0.9 mm)"
    )
    simulate.add_argument("-o", "--out", metavar="DIR", required=True, help="the new case folder")

    show = actions.add_parser("show", help="picture and facts of a case")
    show.add_argument("case", metavar="CASE", help="case folder")
    show.add_argument("-o", "--out", metavar="DIR", help=f"folder for {_PICTURE} (default: the case folder)")

    segment = actions.add_parser("segment", help="find bones and fragments in a CT: the labels of a case")
    case_segment.configure(segment)
    for command in (new, simulate, show, segment):
        add_json_option(command)


def run(args: argparse.Namespace) -> int:
    if args.json and args.json != "-" and not Path(args.json).parent.is_dir():
        raise InputError(args.json, "its folder does not exist", "a file in an existing folder")
    actions = {"new": _new, "simulate": _simulate, "show": _show, "segment": case_segment.run}
    return actions[args.action](args)


def _new(args: argparse.Namespace) -> int:
    from rafr.cases.importer import import_case

    with progress_bar("case new") as progress:
        made = import_case(args.ct, args.labels, args.out, part_of(progress, 0.0, 0.7))
        facts = _facts(made.case, part_of(progress, 0.7, 1.0))
    missing = "nothing looks loose: name the moving bodies yourself, under `bodies:` in case.yaml"
    acceptable = bool(made.case.bodies)
    reasons = [*made.reasons] if acceptable else [*made.reasons, missing]
    facts["assessment"] = {"accepted": acceptable, "reasons": reasons}
    _report(args, facts, reasons, f"made {args.out}; bodies may be regrouped in {Path(args.out) / CASE_FILE}")
    return 0 if acceptable else 1


def _simulate(args: argparse.Namespace) -> int:
    import numpy as np

    from rafr.cases.folder import refuse_existing

    _check_simulation(args)
    refuse_existing(Path(args.out))
    from rafr.cases.simulate import simulate_case

    with progress_bar("case simulate") as progress:
        if args.virtual:
            from rafr.cases.virtual import virtual_pelvis

            pelvis = virtual_pelvis(np.random.default_rng(args.seed))
        else:
            from rafr.cases.pelvis import read_pelvis

            pelvis = read_pelvis(Path(args.pelvis))
        made = simulate_case(
            pelvis,
            args.fracture,
            args.seed,
            Path(args.out),
            spacing_mm=args.spacing,
            progress=part_of(progress, 0.05, 0.9),
        )
        facts = _facts(made, part_of(progress, 0.9, 1.0))
    facts["seed"] = args.seed
    _report(args, facts, [], f"made {args.out}")
    return 0


def _check_simulation(args: argparse.Namespace) -> None:
    if args.fracture not in FRACTURE_KINDS:
        close = difflib.get_close_matches(args.fracture, FRACTURE_KINDS, n=1)
        expected = f"{close[0]!r}" if close else f"one of {', '.join(FRACTURE_KINDS)}"
        raise InputError("--fracture", f"{args.fracture!r} is not a fracture kind", expected)
    if args.seed < 0:
        raise InputError("--seed", f"{args.seed} is negative", "an integer, 0 or more")
    if args.virtual == (args.pelvis is not None):
        problem = "both PELVIS and --virtual are given" if args.virtual else "no pelvis is given"
        raise InputError("case simulate", problem, "either PELVIS or --virtual")


def _show(args: argparse.Namespace) -> int:
    from rafr.cases.case import load_case
    from rafr.cases.load import open_case

    with progress_bar("case show") as progress:
        progress(0.0, "checking the case")
        case = open_case(args.case)
        facts = _facts(case, part_of(progress, 0.3, 0.7))
        progress(0.7, "drawing")
        picture = _draw(case, Path(args.out) if args.out else case.folder)
    proposed = not load_case(args.case).bodies
    facts["bodies_proposed"] = proposed
    facts["picture"] = str(picture)
    notes = ["case.yaml names no bodies: these are proposed from the labels"] if proposed else []
    _report(args, facts, notes, f"picture: {picture}")
    return 0


def _facts(case: Case, progress: Progress) -> dict[str, Any]:
    from rafr.cases.facts import case_facts
    from rafr.cases.load import load_ct, load_labels
    from rafr.cases.meshes import body_meshes

    meshes = body_meshes(case, progress)
    return case_facts(case, load_ct(case), load_labels(case), meshes)


def _draw(case: Case, folder: Path) -> Path:
    """Six views of all bodies; the picture's path."""
    from rafr.cases.meshes import body_meshes
    from rafr.pictures.bones import save_views

    bodies = {name: body.mesh for name, body in body_meshes(case).items()}
    rows = [("", bodies)]
    path = folder / _PICTURE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_views(path, rows, views=_VIEWS, columns=3, title=case.id, size=(480, 420))
    except OSError as error:
        raise InputError(path, f"cannot be written ({error.strerror})", "a folder to write to (-o)") from None
    return path


def _report(args: argparse.Namespace, facts: dict[str, Any], notes: Sequence[str], last: str) -> None:
    """JSON where asked for; a table for people, which leaves standard output to JSON."""
    from rich.console import Console
    from rich.table import Table

    if args.json:
        write_json(args.json, facts)
    console = Console(file=sys.stderr if args.json == "-" else sys.stdout, highlight=False, soft_wrap=True)
    ct = facts["ct"]
    size, spacing = " x ".join(map(str, ct["size"])), " x ".join(f"{s:.2f}" for s in ct["spacing_mm"])
    console.print(f"[bold]{facts['case']}[/bold]  CT {size} voxels of {spacing} mm  {facts['description']}")
    table = Table("body", "labels", "volume", "size x, y, z", box=None, pad_edge=False)
    for name, body in facts["bodies"].items():
        labels = ", ".join(map(str, body["labels"]))
        extent = " x ".join(f"{s:.0f}" for s in body["size_mm"])
        table.add_row(name, labels, f"{body['volume_mm3'] / 1000:.1f} cm³", f"{extent} mm")
    console.print(table)
    for note in notes:
        console.print(f"  · {note}", markup=False)
    console.print(last, markup=False)
