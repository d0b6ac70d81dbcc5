"""`rafr review`: the review page of a case without ROS, from a plan made now or earlier."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from rafr.cases.case import Case
from rafr.cli.output import progress_bar
from rafr.errors import InputError, RafrError
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
    given = read_plan(Path(args.plan)) if args.plan else None
    case = open_case(Path(args.case))
    plan = given or _make_plan(case)
    _check(plan, case, args.plan or "plan")
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


def read_plan(path: Path) -> ReductionPlan:
    """A plan as `rafr plan --json` writes it.

    Raises:
        InputError: no such file, or no plan in it.
    """
    if not path.is_file():
        raise InputError(path, "no such file", "a plan as rafr plan --json writes it")
    try:
        return ReductionPlan.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError, RafrError) as error:
        problem = f"not a plan ({type(error).__name__}: {error})"
        raise InputError(path, problem, "a plan as rafr plan --json writes it") from None


def _make_plan(case: Case) -> ReductionPlan:
    from rafr.planning.reduction import plan_reduction

    with progress_bar("planning") as progress:
        plan: ReductionPlan = plan_reduction(case, start=None, progress=progress)
    return plan


def _check(plan: ReductionPlan, case: Case, source: str) -> None:
    names, planned = {b.name for b in case.moving}, {b.name for b in plan.bodies}
    if plan.case_id != case.id or not planned <= names:
        raise InputError(
            source, f"a plan for {plan.case_id} ({', '.join(sorted(planned))})", f"one for case {case.id}"
        )
