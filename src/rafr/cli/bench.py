"""`rafr bench`: speed and accuracy, each beside a peer in the same run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rafr.cli.main import EXIT_DONE, EXIT_NOT_ACCEPTABLE
from rafr.cli.output import add_json_option, check_json_target, made_folder, progress_bar, write_json
from rafr.errors import InputError
from rafr.foreign import read_json

_REPORT = (
    "began",
    "seconds",
    "quick",
    "versions",
    "machine",
    "measures",
    "failed",
    "missing_peers",
    "assessment",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="small sizes: under three minutes")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="these measures or rooms (see --list)"
    )
    parser.add_argument(
        "--list", action="store_true", help="name the measures, their peers and goals, and stop"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first seed (default: 0)")
    parser.add_argument("--from", dest="given", metavar="JSON", help="show an earlier run, measure nothing")
    parser.add_argument("-o", "--out", metavar="DIR", help="save a picture of the ratios there")
    parser.add_argument("--readme", metavar="FILE", help="put the table between this page's bench markers")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    from rafr.bench.registry import chosen
    from rafr.bench.table import save_picture, write_into

    if args.seed < 0:
        raise InputError("--seed", f"{args.seed} is negative", "0 or more")
    measures = chosen(args.only)
    if args.list:
        _list(measures)
        return EXIT_DONE
    check_json_target(args.json)
    _check_page(args.readme)
    folder = None if args.out is None else made_folder(args.out)
    report = _measured(args, measures) if args.given is None else read_report(Path(args.given))
    if args.json is not None:
        write_json(args.json, report)
    if args.readme is not None:
        write_into(Path(args.readme), report)
    drawn = folder is not None and save_picture(folder / "ratios.png", report)
    if args.json != "-":
        _show(report, folder if drawn else None)
    return EXIT_DONE if report["assessment"]["accepted"] else EXIT_NOT_ACCEPTABLE


def read_report(path: Path) -> dict[str, Any]:
    """What an earlier run wrote with `--json`.

    Raises:
        InputError: it is no such file.
    """
    expected = "a file that `rafr bench --json` wrote"
    report = read_json(path, expected)
    absent = [k for k in _REPORT if not isinstance(report, dict) or k not in report]
    if absent:
        raise InputError(path, f"has no {', '.join(absent)}", expected)
    return dict(report)


def _check_page(name: str | None) -> None:
    """Asked before long work."""
    if name is not None and not Path(name).is_file():
        raise InputError(name, "there is no such file", "a page with bench markers")


def _measured(args: argparse.Namespace, measures: Any) -> dict[str, Any]:
    from rafr.bench.measure import Setting
    from rafr.bench.registry import trials
    from rafr.bench.run import missing_peers, run_bench

    for peer in missing_peers(measures):
        _say(f"{peer['name']} is not installed ({peer['install']}): measured without it")
    with progress_bar("bench") as progress:
        return run_bench(trials(), measures, Setting(args.quick, args.seed), progress)


def _say(line: str) -> None:
    from rich.console import Console

    Console(stderr=True).print(line, markup=False, highlight=False)


def _list(measures: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="rafr bench measures")
    for column in ("name", "what", "unit", "peer", "goal"):
        table.add_column(column, no_wrap=column == "name")
    for measure in measures:
        goal, bound = measure.goal, "≤" if measure.better == "lower" else "≥"
        said = "–" if goal is None else f"{goal.of.value}, {100 * goal.quantile:g} % {bound} {goal.limit:g}"
        peer = "–" if measure.peer is None else measure.peer.name
        table.add_row(measure.name, measure.what, measure.unit, peer, said)
    Console().print(table)


def _show(report: Mapping[str, Any], folder: Path | None) -> None:
    from rich.console import Console

    from rafr.bench.table import circumstances, terminal_table

    terminal = Console()
    terminal.print(terminal_table(report))
    terminal.print(circumstances(report), markup=False, highlight=False)
    for peer in report["missing_peers"]:
        terminal.print(f"{peer['name']} was not installed: {peer['install']}", markup=False, highlight=False)
    for reason in report["assessment"]["reasons"]:
        terminal.print(reason, style="bold", markup=False)
    if folder is not None:
        terminal.print(f"picture: {folder / 'ratios.png'}", markup=False)
