"""`rafr review`: the review page of a case without ROS, from a plan made now or earlier."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from rafr.cases.case import Case
from rafr.cli.output import progress_bar
from rafr.cli.trajectory import read_plan
from rafr.errors import InputError
from rafr.planning.plan import ReductionPlan


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="case folder")
    parser.add_argument(
        "--plan", metavar="FILE", help="plan as `rafr plan --json` wrote it (default: plan now)"
    )
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="of the page (default: any free one)"
    )


def run(args: argparse.Namespace) -> int:
    from rafr.cases.load import open_case
    from rafr.cases.meshes import body_meshes
    from rafr.review.page import ReviewPage
    from rafr.supervisor import interruptible

    if not 0 <= args.port <= 65535:
        raise InputError("--port", f"{args.port}", "0 to 65535")
    case = open_case(Path(args.case))
    plan = read_plan(Path(args.plan), case) if args.plan else _make_plan(case)
    meshes = {name: body.mesh for name, body in body_meshes(case).items()}
    page = ReviewPage(f"rafr review · {case.id}", meshes, port=args.port)
    try:
        with interruptible():
            page.show_plan(plan)
            page.say("For looking only: a plan is approved while `rafr sim` waits for it.")
            print(f"review page: {page.url}   (Ctrl-C ends it)", flush=True)
            while True:
                time.sleep(1.0)
    except KeyboardInterrupt:  # the way this command is meant to end
        return 0
    finally:
        page.close()


def _make_plan(case: Case) -> ReductionPlan:
    from rafr.planning.reduction import plan_reduction

    with progress_bar("planning") as progress:
        plan: ReductionPlan = plan_reduction(case, start=None, progress=progress)
    return plan
