"""`rafr register CASE`: where every body of the CT lies in the CBCT."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafr.cli.output import add_json_option, made_folder, progress_bar, write_json
from rafr.errors import InfeasibleError, InputError

if TYPE_CHECKING:
    from rafr.cases.case import Case
    from rafr.cases.meshes import BodyMesh
    from rafr.geometry import RigidTransform, TriangleMesh
    from rafr.geometry.rigid_transform import FloatArray
    from rafr.imaging.volume import Volume
    from rafr.registration.result import RegistrationResult

_OUTLINES, _CHECKERBOARD = "registration.png", "checkerboard.png"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="case folder")
    parser.add_argument("--cbct", metavar="FILE", help="CBCT image or DICOM folder (default: the case's own)")
    parser.add_argument(
        "--body", metavar="NAME", action="append", help="register this body only (may be given again)"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="random seed (default 0)")
    parser.add_argument(
        "-o", "--out", metavar="DIR", help=f"folder for {_OUTLINES} and {_CHECKERBOARD}, made where absent"
    )
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    from rafr.cases.load import open_case
    from rafr.cases.meshes import body_meshes
    from rafr.registration.register import load_cbct, register_case

    if args.seed < 0:
        raise InputError("--seed", f"{args.seed} is negative", "0 or more")
    folder = made_folder(args.out) if args.out else None
    with progress_bar("register") as progress:
        progress(0.0, "reading the case")
        case = open_case(args.case)
        cbct = load_cbct(case, None if args.cbct is None else Path(args.cbct))
        bodies = tuple(dict.fromkeys(args.body)) if args.body else None
        result = register_case(case, cbct, bodies=bodies, seed=args.seed, progress=progress)
        surfaces = body_meshes(case)
        meshes = {name: b.mesh for name, b in surfaces.items()}
        if folder is not None:
            _save_pictures(folder, case, cbct, meshes, result)
        spheres = _spheres(case, cbct, surfaces, result)
    if args.json:
        write_json(args.json, result.to_json() | ({} if spheres is None else {"fiducials": spheres}))
    if args.json != "-":
        _print_table(case, meshes, result)
        if spheres is not None:
            _print_spheres(spheres)
    for reason in result.assessment.reasons:
        print(f"rafr register: {reason}", file=sys.stderr)
    return 0 if result.assessment.accepted else 1


def _spheres(
    case: Case, cbct: Volume, meshes: Mapping[str, BodyMesh], result: RegistrationResult
) -> dict[str, Any] | None:
    """The reference tool's spheres in the CBCT and what they let expect of tracking; None: none are known."""
    from rafr.registration.fiducials import locate_fiducials
    from rafr.registration.targets import targets_in_cbct, tracked_error

    if case.fiducials_mm is None:
        return None
    try:
        found = locate_fiducials(cbct, case.fiducials_mm)
    except InfeasibleError as error:
        return {"found": 0, "reasons": list(error.reasons)}
    spheres: dict[str, Any] = {
        "found": found.found,
        "fre_mm": found.fre_mm,
        "T_cbct_marker": found.T_cbct_marker.tolist(),
    }
    poses = {b.name: b.T_cbct_ct for b in result.bodies if b.overlap > 0.0}
    if case.reference.name in poses:
        targets = targets_in_cbct(meshes, poses, case.reference.name)
        spheres["tre_mm"] = {name: float(found.tre_mm(point)) for name, point in targets.items()}
        spheres["tracked_error_mm"] = {
            name: tracked_error(result.body(name), found, meshes[name].mesh.vertices) for name in poses
        }
    return spheres


def _print_spheres(spheres: dict[str, Any]) -> None:
    if "reasons" in spheres:
        print(f"reference tool: {'; '.join(spheres['reasons'])}")
        return
    print(f"reference tool: {spheres['found']} spheres, FRE {spheres['fre_mm']:.2f} mm; expected error (TRE)")
    for what in ("tre_mm", "tracked_error_mm"):
        errors = spheres.get(what, {})
        of = "of the tool at" if what == "tre_mm" else "of tracked bones:"
        if errors:
            print(f"  {of} " + ", ".join(f"{n.replace('_', ' ')} {v:.2f} mm" for n, v in errors.items()))


def _save_pictures(
    folder: Path, case: Case, cbct: Volume, meshes: dict[str, TriangleMesh], result: RegistrationResult
) -> None:
    from rafr.cases.load import load_ct, load_labels
    from rafr.registration.picture import save_checkerboard, save_overlay

    verdict = "accepted" if result.assessment.accepted else "NOT accepted"
    poses = {b.name: b.T_cbct_ct for b in result.bodies}
    title = f"{case.id}: outlines of the CT on the CBCT, {verdict}"
    save_overlay(folder / _OUTLINES, cbct, meshes, poses, title)
    labels = {b.name: b.labels for b in case.bodies}
    title = f"{case.id}: CBCT and CT in turn, {verdict}"
    save_checkerboard(
        folder / _CHECKERBOARD, cbct, load_ct(case), load_labels(case), labels, meshes, poses, title
    )


def _print_table(case: Case, meshes: dict[str, TriangleMesh], result: RegistrationResult) -> None:
    from rich.console import Console
    from rich.table import Table

    accepted = result.assessment.accepted
    verdict = "[green]accepted[/]" if accepted else "[red]not accepted[/]"
    table = Table(title=f"{case.id}: CT to CBCT, {verdict}", title_justify="left")
    table.add_column("body", no_wrap=True)
    for heading in ("CT to CBCT", "moved since CT", "expected error", "in view"):
        table.add_column(heading, justify="right")
    names = [b.name for b in result.bodies]
    for body in result.bodies:
        centre = meshes[body.name].centroid
        relative = case.reference.name in names and body.name != case.reference.name
        moved = result.current_from_ct(body.name, case.reference.name) if relative else None
        table.add_row(
            body.name,
            _motion(body.T_cbct_ct, centre),
            "–" if moved is None else _motion(moved, centre),
            f"{body.tre_estimate_mm:.2f} mm",
            f"{body.overlap:.0%}",
        )
    console = Console()
    console.print(table)
    console.print(f"{result.seconds:.1f} s")


def _motion(T: RigidTransform, centre: FloatArray) -> str:
    """How far a motion takes a body's centre, and how far it turns it."""
    import numpy as np

    return f"{np.linalg.norm(T.apply(centre) - centre):.1f} mm {np.degrees(T.angle):.1f}°"
