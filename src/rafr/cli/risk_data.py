"""What the actions of `rafr risk` share: which recordings, which windows, which classifier."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rafr.config import check_config
from rafr.errors import InputError
from rafr.progress import Progress
from rafr.risk.learning.kinds import FUSIONS, KINDS, SEQUENCE_HZ

if TYPE_CHECKING:
    from rafr.risk.data.recording import Recording
    from rafr.risk.features.table import WindowConfig, WindowTable
    from rafr.risk.learning.classifier import LoadClassifier
    from rafr.risk.lifting.session import LiftingConfig

SYNTHETIC_MARK = "SYNTHETIC.txt"  # beside recordings of virtual people


@dataclass(frozen=True, slots=True)
class Data:
    """Recordings and their windows; `synthetic` where no person was measured."""

    recordings: list[Recording]
    table: WindowTable
    window: WindowConfig
    synthetic: bool


def add_data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="CSV", help="P<n>_High.csv, P<n>_Low.csv, P<n>_MVC.csv")
    parser.add_argument(
        "--columns", metavar="MAP.yaml", help="where tables that are not Delsys' keep their signals"
    )
    parser.add_argument(
        "--intervals", metavar="CSV", help="start,end,label in s: labels of files named otherwise"
    )
    parser.add_argument("--synthetic", action="store_true", help="virtual people instead of files")
    add_synthetic_options(parser)
    parser.add_argument(
        "--window", type=float, default=3.0, metavar="S", help="length (default: %(default)g)"
    )
    parser.add_argument(
        "--step", type=float, default=0.5, metavar="S", help="between windows (default: %(default)g)"
    )
    parser.add_argument(
        "--model",
        choices=KINDS,
        default="mixed",
        help="trees for EMG and a linear one for IMU (default), or one kind",
    )
    parser.add_argument("--fusion", choices=FUSIONS, default="stacked", help="default: %(default)s")


def add_synthetic_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--subjects", type=int, default=10, metavar="N", help="virtual people (default: %(default)d)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of all that is random (default: %(default)d)"
    )
    parser.add_argument(
        "--trials", type=int, default=2, metavar="N", help="of each load (default: %(default)d)"
    )
    parser.add_argument(
        "--seconds", type=float, default=30.0, metavar="S", help="of a trial (default: %(default)g)"
    )


def lifting_config(args: argparse.Namespace) -> LiftingConfig:
    """Of the options.

    Raises:
        InputError: one lies outside its bounds.
    """
    from rafr.risk.lifting.session import LiftingConfig

    if args.subjects < 1 or args.seed < 0:
        raise InputError("--subjects, --seed", f"{args.subjects}, {args.seed}", "at least 1, at least 0")
    config = LiftingConfig(trials=args.trials, seconds=args.seconds)
    check_config(config, "--trials, --seconds")
    return config


def read_data(args: argparse.Namespace, progress: Progress) -> Data:
    """Files or virtual people, as the options say.

    Raises:
        InputError: neither or both, or what reading and cutting complain of.
    """
    from rafr.risk.data.columns import ColumnMap
    from rafr.risk.data.read import read_recordings
    from rafr.risk.features.table import WindowConfig, window_table
    from rafr.risk.lifting.session import simulate_people

    if bool(args.files) == args.synthetic:
        found = "files and --synthetic" if args.files else "neither files nor --synthetic"
        raise InputError("the recordings", found, "CSV files, or --synthetic --subjects N --seed S")
    if (args.columns or args.intervals) and args.synthetic:
        raise InputError("--columns, --intervals", "given with --synthetic", "CSV files they belong to")
    sequence = SEQUENCE_HZ if args.model == "convolutions" else 0.0
    window = WindowConfig(length=args.window, step=args.step, sequence_hz=sequence)
    check_config(window, "--window, --step")
    if args.synthetic:
        recordings = simulate_people(args.subjects, args.seed, lifting_config(args), progress)
    else:
        columns = None if args.columns is None else ColumnMap.from_yaml(args.columns)
        recordings = read_recordings(args.files, columns, args.intervals)
    return Data(
        recordings, window_table(recordings, window), window, is_synthetic(args.synthetic, args.files)
    )


def is_synthetic(asked: bool, files: list[str]) -> bool:
    """Whether any of it is of virtual people."""
    return asked or any((Path(f).parent / SYNTHETIC_MARK).exists() for f in files)


def classifier_of(args: argparse.Namespace, table: WindowTable) -> LoadClassifier:
    from rafr.risk.learning.classifier import LoadClassifier

    return LoadClassifier(table.names, args.model, args.fusion, seed=args.seed)
