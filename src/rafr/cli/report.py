"""`rafr report`: the document of an operation, from what its run left."""

from __future__ import annotations

import argparse
from pathlib import Path

from rafr.errors import InputError


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="folder of a run, with its report.json")


def run(args: argparse.Namespace) -> int:
    from rafr.review.operation_report import save_operation_report

    folder = Path(args.folder)
    if not folder.is_dir():
        raise InputError(folder, "no such folder", "the folder of a run")
    for name in save_operation_report(folder):
        print(f"wrote {folder / name}")
    return 0
