"""`rafr register CASE`: where every body of the CT lies in the CBCT."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rafr.cli.output import add_json_option, progress_bar, write_json
from rafr.errors import InputError

if TYPE_CHECKING:
    from rafr.cases.case import Case
    from rafr.imaging.volume import Volume
    from rafr.registration.result import RegistrationResult

_PICTURE = "registration.png"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="case folder")
    parser.add_argument("--cbct", metavar="FILE", help="CBCT image or DICOM folder (default: the case's own)")
    parser.add_argument(
        "--body", metavar="NAME", action="append", help="register this body only (may be given again)"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="random seed (default 0)")
    parser.add_argument("-o", "--out", metavar="DIR", help=f"folder for {_PICTURE}, made where absent")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    from rafr.cases.load import open_case
    from rafr.registration.register import load_cbct, register_case

    if args.seed < 0:
        raise InputError("--seed", f"{args.seed} is negative", "0 or more")
    with progress_bar("register") as progress:
        progress(0.0, "reading the case")
        case = open_case(args.case)
        cbct = load_cbct(case, None if args.cbct is None else Path(args.cbct))
        bodies = tuple(dict.fromkeys(args.body)) if args.body else None
        result = register_case(case, cbct, bodies=bodies, seed=args.seed, progress=progress)
        if args.out:
            _save_picture(Path(args.out), case, cbct, result)
    if args.json:
        write_json(args.json, result.to_json())
    if args.json != "-":
        _print_table(case, result)
    for reason in result.assessment.reasons:
        print(f"rafr register: {reason}", file=sys.stderr)
    return 0 if result.assessment.accepted else 1


def _save_picture(folder: Path, case: Case, cbct: Volume, result: RegistrationResult) -> None:
    from rafr.cases.meshes import body_meshes
    from rafr.registration.picture import save_overlay

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(folder, f"cannot be made ({error.strerror})", "a folder to write to") from None
    meshes = {name: b.mesh for name, b in body_meshes(case).items()}
    verdict = "accepted" if result.assessment.accepted else "NOT accepted"
    poses = {b.name: b.T_cbct_ct for b in result.bodies}
    save_overlay(
        folder / _PICTURE, cbct, meshes, poses, f"{case.id}: outlines of the CT on the CBCT, {verdict}"
    )


def _print_table(case: Case, result: RegistrationResult) -> None:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    accepted = result.assessment.accepted
    verdict = "[green]accepted[/]" if accepted else "[red]not accepted[/]"
    table = Table(title=f"{case.id}: CT to CBCT, {verdict}", title_justify="left")
    for heading in ("body", "shift mm", "turn °", "moved since CT mm, °", "expected error mm", "in view"):
        table.add_column(heading, justify="left" if heading == "body" else "right")
    names = [b.name for b in result.bodies]
    for body in result.bodies:
        moved = "–"
        if case.reference.name in names and body.name != case.reference.name:
            T = result.current_from_ct(body.name, case.reference.name)
            moved = f"{np.linalg.norm(T.translation):.2f}, {np.degrees(T.angle):.2f}"
        pose = body.T_cbct_ct
        table.add_row(
            body.name,
            f"{np.linalg.norm(pose.translation):.1f}",
            f"{np.degrees(pose.angle):.1f}",
            moved,
            f"{body.tre_estimate_mm:.2f}",
            f"{body.overlap:.0%}",
        )
    console = Console()
    console.print(table)
    console.print(f"{result.seconds:.1f} s")
