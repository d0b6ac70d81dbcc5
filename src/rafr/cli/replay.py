"""`rafr replay`: a recorded operation on the page on which it was watched, without ROS."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from rafr.cases.case import CASE_FILE, Case
from rafr.cli.output import add_port_option, check_port, progress_bar
from rafr.cli.sim_case import FOLDER
from rafr.errors import InputError
from rafr.foreign import read_json
from rafr.review.timeline import FASTEST, SLOWEST

_REPORT = "report.json"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", help="folder of a run, with its recording")
    parser.add_argument("--case", metavar="CASE", help="case folder (default: the one the report names)")
    add_port_option(parser)
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        metavar="X",
        help=f"times as fast as it was, {SLOWEST:g} to {FASTEST:g} (default: 1)",
    )


def run(args: argparse.Namespace) -> int:
    from rafr.nodes.specs import NAMESPACE
    from rafr.review.recorded import Recorded
    from rafr.review.replay import TOPICS, plans_of, set_up

    check_port(args.port)
    if not SLOWEST <= args.speed <= FASTEST:
        raise InputError("--speed", f"{args.speed:g}", f"{SLOWEST:g} to {FASTEST:g}")
    folder = Path(args.run_folder)
    with progress_bar("opening the recording") as progress:
        recorded = Recorded(folder, TOPICS, NAMESPACE, progress)
        set_up(recorded)
    for part in recorded.damage:
        print(f"rafr replay: left out: {part.source}: {part.problem}", file=sys.stderr)
    home = folder.parent if any(folder.glob("*.mcap")) else folder  # a recording's own folder will do, too
    report = _report(home)
    case = _case(home, args.case, report)
    plans_of(recorded, case)  # of this case, or it is said before there is a page
    try:
        _serve(recorded, case, report, args)
    except KeyboardInterrupt:  # the way this command is meant to end
        return 0
    finally:
        recorded.close()
    return 0


def _serve(recorded: Any, case: Case, report: dict[str, Any], args: argparse.Namespace) -> None:
    from rafr.cases.meshes import body_meshes
    from rafr.review.operation import Operation
    from rafr.review.page import ReviewPage
    from rafr.review.replay import Playback, Replay, robot_of
    from rafr.review.theatre import surroundings_of
    from rafr.robot.description import urdf_text
    from rafr.room import OperatingRoom
    from rafr.supervisor import interruptible

    bodies = body_meshes(case)
    meshes = {name: body.mesh for name, body in bodies.items()}
    urdf = robot_of(recorded) or urdf_text()
    surroundings = surroundings_of(case, meshes, OperatingRoom.from_yaml(), urdf)
    page = ReviewPage(f"rafr replay · {case.id}", meshes, port=args.port, surroundings=surroundings)
    try:
        with interruptible():
            operation = Operation(page, case, bodies, surroundings, urdf, print)
            with progress_bar("opening the recording") as progress:
                replay = Replay(recorded, page, operation, case, report.get("injected") or {}, progress)
            playback = Playback(replay, page, args.speed)
            print(f"replay: {page.url}   (Ctrl-C ends it)", flush=True)
            playback.run()
    finally:
        page.close()


def _report(folder: Path) -> dict[str, Any]:
    """The run's report; empty where there is none, as of a run that was killed."""
    path = folder / _REPORT
    if not path.is_file():
        return {}
    report = read_json(path, "the report of a run")
    return report if isinstance(report, dict) else {}


def _case(folder: Path, given: str | None, report: dict[str, Any]) -> Case:
    """The case of the run: as given, as its report says, or the virtual patient in its folder."""
    from rafr.cases.case import load_case
    from rafr.cases.load import open_case

    named = [report["case_folder"]] if isinstance(report.get("case_folder"), str) else []
    candidates = [Path(given)] if given else [folder / name for name in [*named, FOLDER]]
    found = next((path for path in candidates if given or (path / CASE_FILE).is_file()), None)
    if found is None:
        name = report.get("case")
        problem = f"does not say where the case {name!r} is" if name else "names no case"
        raise InputError(folder / _REPORT, problem, "--case FOLDER")
    case = load_case(found)
    return case if case.bodies else open_case(found)
