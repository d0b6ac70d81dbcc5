"""`rafr calibrate camera`: intrinsics of a camera from pictures of a chessboard or ChArUco board."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from rafr.cli.output import add_json_option, check_json_target, write_json
from rafr.config import check_config
from rafr.tracking.camera_model import BoardConfig, calibrate_intrinsics, save_intrinsics


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="pictures of the board")
    parser.add_argument("-o", "--out", metavar="FILE", type=Path, required=True, help="intrinsics (YAML)")
    for field in dataclasses.fields(BoardConfig):
        name = f"--{field.name.replace('_', '-')}"
        text = f"{field.metadata['doc']} (default {field.default})"
        parser.add_argument(name, type=type(field.default), default=field.default, help=text)
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    board = BoardConfig(**{f.name: getattr(args, f.name) for f in dataclasses.fields(BoardConfig)})
    check_config(board, "rafr calibrate camera")
    for target in (args.json, args.out):
        check_json_target(target)
    intrinsics, assessment = calibrate_intrinsics(args.images, board)
    save_intrinsics(args.out, intrinsics)
    print(f"reprojection error {intrinsics.rms_px:.3f} px", file=sys.stderr)
    for reason in assessment.reasons:
        print(f"not acceptable: {reason}", file=sys.stderr)
    if args.json:
        write_json(args.json, {**intrinsics.to_json(), "assessment": assessment.to_json()})
    return 0 if assessment.accepted else 1
