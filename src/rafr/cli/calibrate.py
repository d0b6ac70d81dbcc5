"""`rafr calibrate pivot | phantom | hand-eye | payload`, from recordings; `camera`: from pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafr.assessment import Assessment
from rafr.cli import calibrate_camera, calibrate_payload
from rafr.cli.main import EXIT_DONE, EXIT_NOT_ACCEPTABLE
from rafr.cli.output import add_json_option, check_json_target, made_folder, write_json
from rafr.errors import InfeasibleError, InputError

if TYPE_CHECKING:
    from rich.table import Table

    from rafr.geometry.rigid_transform import FloatArray

_FRAMES = "stretches of frames as first-last, from 0, both included"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a calibration has to say, and how it draws itself into a file."""

    data: dict[str, Any]
    tables: tuple[Table, ...]
    draw: Callable[[Path], None]
    assessment: Assessment


def configure(parser: argparse.ArgumentParser) -> None:
    actions: Any = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    pivot = actions.add_parser("pivot", help="the tip of a tool, from turning it about the tip")
    phantom = actions.add_parser("phantom", help="where a phantom with known divots lies")
    hand_eye = actions.add_parser("hand-eye", help="where a tool sits on the flange, and the tracker")
    calibrate_camera.configure(
        actions.add_parser("camera", help="intrinsics of a camera, from pictures of a board")
    )
    calibrate_payload.configure(
        actions.add_parser("payload", help="weight of the tool and bias of the wrist sensor")
    )
    for command in (pivot, phantom, hand_eye):
        command.add_argument("recording", metavar="RECORDING", help="PLUS sequence file (.igs.mha), mm")
    pivot.add_argument(
        "--frames", metavar="A-B,…", help=f"{_FRAMES}; each is a divot (default: all, one divot)"
    )

    phantom.add_argument("landmarks", metavar="LANDMARKS.csv", help="divots: name, x_mm, y_mm, z_mm")
    phantom.add_argument(
        "--frames", metavar="A-B,…", required=True, help=f"{_FRAMES}; one for each landmark, in order"
    )
    phantom.add_argument(
        "--tip", metavar="X,Y,Z", help="of the tool, mm (--tip=-1,2,3 where negative; default: found here)"
    )
    phantom.add_argument("--targets", metavar="FILE.csv", help="points at which the error is predicted too")

    hand_eye.add_argument(
        "--frames", metavar="A-B,…", help=f"{_FRAMES}; each is one pose (default: every frame)"
    )
    hand_eye.add_argument(
        "--robot",
        metavar="NAME",
        default="FlangeToBase",
        help="transform of the robot (default FlangeToBase)",
    )
    for command in (pivot, phantom, hand_eye):
        command.add_argument("--tool", metavar="NAME", help="the tool tracked (default: the only one)")
        command.add_argument("-o", "--out", metavar="DIR", help="folder for a picture, made where absent")
        add_json_option(command)
    for command in (pivot, phantom):
        command.add_argument(
            "--reference",
            metavar="NAME",
            help="tool that the divots are fixed to (default: Reference, if tracked)",
        )
    hand_eye.add_argument(
        "--reference",
        metavar="NAME",
        help="tool fixed to the base: gives T_base_marker (default: the tracker)",
    )


def run(args: argparse.Namespace) -> int:
    if args.action == "camera":
        return calibrate_camera.run(args)
    if args.action == "payload":
        return calibrate_payload.run(args)
    check_json_target(args.json)
    actions = {"pivot": _pivot, "phantom": _phantom, "hand-eye": _hand_eye}
    try:
        outcome = actions[args.action](args)
    except InfeasibleError as error:
        return _report(args, {}, Assessment(False, error.reasons))
    if args.out is not None:
        outcome.draw(made_folder(args.out) / f"{args.action}.png")
    if args.json != "-":
        from rich.console import Console

        for table in outcome.tables:
            Console().print(table)
    return _report(args, outcome.data, outcome.assessment)


def _report(args: argparse.Namespace, data: dict[str, Any], assessment: Assessment) -> int:
    if args.json is not None:
        write_json(args.json, {**data, "assessment": assessment.to_json()})
    for reason in assessment.reasons:
        print(f"rafr calibrate {args.action}: {reason}", file=sys.stderr)
    return EXIT_DONE if assessment.accepted else EXIT_NOT_ACCEPTABLE


def _pivot(args: argparse.Namespace) -> _Outcome:
    from functools import partial

    from rafr.cli.calibrate_tables import pivot_tables
    from rafr.tracking.calibration.pictures import save_pivot_picture
    from rafr.tracking.calibration.pivot import calibrate_pivot
    from rafr.tracking.calibration.reports import pivot_json

    result = calibrate_pivot(_dwells(args))
    draw = partial(save_pivot_picture, result=result)
    return _Outcome(pivot_json(result), pivot_tables(result), draw, result.assessment)


def _phantom(args: argparse.Namespace) -> _Outcome:
    from functools import partial

    from rafr.cli.calibrate_tables import phantom_tables
    from rafr.tracking.calibration.phantom import register_phantom
    from rafr.tracking.calibration.pictures import save_phantom_picture
    from rafr.tracking.calibration.points_file import read_points
    from rafr.tracking.calibration.reports import phantom_json

    drawn = read_points(args.landmarks)
    targets = None if args.targets is None else read_points(args.targets)
    tip = None if args.tip is None else _point("--tip", args.tip)
    result = register_phantom(_dwells(args), drawn, tip_mm=tip, targets=targets)
    draw = partial(save_phantom_picture, result=result)
    return _Outcome(phantom_json(result), phantom_tables(result), draw, result.assessment)


def _hand_eye(args: argparse.Namespace) -> _Outcome:
    from functools import partial

    import numpy as np

    from rafr.cli.calibrate_tables import hand_eye_tables
    from rafr.tracking.calibration.dwells import choose_tool, parse_frames
    from rafr.tracking.calibration.hand_eye import calibrate_hand_eye
    from rafr.tracking.calibration.pictures import save_hand_eye_picture
    from rafr.tracking.calibration.pose_pairs import read_pairs
    from rafr.tracking.calibration.reports import hand_eye_json
    from rafr.tracking.recordings import TRACKER, read_recording

    recording = read_recording(args.recording)
    reference = args.reference or TRACKER
    ranges = None if args.frames is None else parse_frames(args.frames, len(recording))
    pairs = read_pairs(recording, args.robot, choose_tool(recording, args.tool, reference), reference, ranges)
    result = calibrate_hand_eye(pairs, np.random.default_rng(0))
    name = "tracker" if args.reference is None else "marker"
    draw = partial(save_hand_eye_picture, result=result)
    return _Outcome(hand_eye_json(result, name), hand_eye_tables(result, name), draw, result.assessment)


def _dwells(args: argparse.Namespace) -> Any:
    from rafr.tracking.calibration.dwells import choose_reference, choose_tool, parse_frames, read_dwells
    from rafr.tracking.recordings import read_recording

    recording = read_recording(args.recording)
    reference = choose_reference(recording, args.reference)
    tool = choose_tool(recording, args.tool, reference)
    return read_dwells(recording, tool, reference, parse_frames(args.frames, len(recording)))


def _point(option: str, text: str) -> FloatArray:
    import numpy as np

    try:
        point = np.array(text.split(","), dtype=float)
    except ValueError:
        point = np.empty(0)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise InputError(option, f"{text!r} is no point", "X,Y,Z in mm, as in 108.6,7.8,2.5")
    return point
