"""`rafr campaign`: many virtual patients, and what their results say together."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafr.cases.case import FRACTURE_KINDS
from rafr.cli.main import EXIT_DONE, EXIT_NOT_ACCEPTABLE
from rafr.cli.output import add_json_option, check_json_target, progress_bar, write_json
from rafr.errors import InputError
from rafr.robot.description import ARMS

if TYPE_CHECKING:
    from rafr.campaign.patients import CampaignConfig
    from rafr.campaign.run import Workers

_LIMITS = {"loop": 900.0, "ros": 2400.0}  # s of wall time for a patient


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--n", type=int, required=True, metavar="N", help="patients; those done are kept")
    parser.add_argument(
        "-o", "--out", metavar="DIR", required=True, help="the campaign's folder, new or begun"
    )
    parser.add_argument(
        "--procedure",
        choices=tuple(_LIMITS),
        default="loop",
        help="loop: in process, without ROS (default); ros: rafr sim with all its nodes",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of everything drawn (default 0)")
    parser.add_argument(
        "--fractures", metavar="KIND[,…]", help=f"only these (default: {', '.join(FRACTURE_KINDS)})"
    )
    parser.add_argument(
        "--pelvises",
        type=Path,
        metavar="DIR",
        help="anatomy from files (VSD, meshes) instead of the parametric pelvis",
    )
    parser.add_argument("--arm", default="ur16e", choices=ARMS, help="robot arm")
    parser.add_argument("--spacing", type=float, metavar="MM", help="voxel size of the CT (default 1.2 mm)")
    parser.add_argument(
        "--tissue-spread",
        type=float,
        metavar="X",
        help="of soft tissue against the planner's, sd of the logarithm (default 0.25; 0: none)",
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="patients side by side (default 1)")
    parser.add_argument("--dask", metavar="ADDRESS", help="of a Dask scheduler whose workers operate instead")
    parser.add_argument("--limit", type=float, metavar="S", help="wall time of a patient, then it has failed")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    from rafr.campaign.folder import CampaignFolder
    from rafr.campaign.report import save_report
    from rafr.campaign.run import run_campaign
    from rafr.campaign.statistics import summary
    from rafr.supervisor import interruptible

    config, limit = _config(args), _checked_limit(args)
    check_json_target(args.json)
    with contextlib.ExitStack() as stack:
        stack.enter_context(interruptible())
        progress = stack.enter_context(progress_bar("campaign"))
        progress(0.0, "starting")
        workers = _workers(args)
        stack.callback(workers.stop)
        folder = CampaignFolder.opened(Path(args.out), config)
        results = run_campaign(config, folder, args.n, workers, limit, progress)
        progress(1.0, "statistics and report")
        found = {"seed": config.seed, "procedure": config.procedure, **summary(results)}
        save_report(folder, config, results, found)
    if args.json:
        write_json(args.json, found)
    _show(found, folder.path, sys.stderr if args.json == "-" else sys.stdout)
    return EXIT_DONE if found["reached"] else EXIT_NOT_ACCEPTABLE


def _config(args: argparse.Namespace) -> CampaignConfig:
    from rafr.campaign.patients import CampaignConfig, check_campaign, find_pelvises

    if args.n < 1:
        raise InputError("--n", f"{args.n} patients", "1 or more")
    if args.jobs < 1:
        raise InputError("--jobs", f"{args.jobs} patients side by side", "1 or more")
    given: dict[str, Any] = {"spacing_mm": args.spacing, "tissue_spread": args.tissue_spread}
    given = {name: value for name, value in given.items() if value is not None}
    if args.fractures is not None:
        given["fractures"] = tuple(args.fractures.split(","))
    if args.pelvises is not None:
        given["pelvises"] = find_pelvises(args.pelvises)
    config = CampaignConfig(procedure=args.procedure, seed=args.seed, arm=args.arm, **given)
    check_campaign(config)
    return config


def _checked_limit(args: argparse.Namespace) -> float:
    limit: float = _LIMITS[args.procedure] if args.limit is None else args.limit
    if not 1.0 <= limit <= 86_400.0:
        raise InputError("--limit", f"{limit:g} s", "1 s to a day")
    return limit


def _workers(args: argparse.Namespace) -> Workers:
    if args.dask is not None:
        from rafr.campaign.cluster import DaskWorkers

        return DaskWorkers(args.dask)
    from rafr.campaign.run import LocalWorkers

    return LocalWorkers(args.jobs)


def _show(found: dict[str, Any], folder: Path, stream: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(file=stream, highlight=False, soft_wrap=True)
    outcomes = ", ".join(f"{part['count']} {name}" for name, part in found["outcomes"].items())
    console.print(f"[bold]{found['n']} patients[/bold]: {outcomes}")
    table = Table("goal", "wanted", "found", "95 % interval", "n", "", box=None, pad_edge=False)
    for goal in found["goals"]:
        interval = goal["interval"]
        table.add_row(
            goal["name"],
            goal["wanted"],
            "–" if goal["value"] is None else f"{goal['value']:.3f}",
            "–" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}",
            str(goal["n"]),
            "[green]reached[/]" if goal["reached"] else "[red]not reached[/]",
        )
    console.print(table)
    for reason in found["reasons"][:5]:
        text = f"  · {reason['count']} {reason['outcome']} at {reason['stage']}: {reason['reason']}"
        console.print(text, markup=False)
    console.print(f"report: {folder / 'campaign.html'}", markup=False)
