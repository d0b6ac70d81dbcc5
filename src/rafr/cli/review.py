"""`rafr review`: a plan in the browser without ROS: look, adjust, decide."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rafr.cases.case import Case
from rafr.cli.output import add_port_option, check_port, progress_bar
from rafr.errors import InputError, RafrError
from rafr.foreign import read_json
from rafr.geometry import RigidTransform
from rafr.planning.plan import ReductionPlan
from rafr.progress import Progress

if TYPE_CHECKING:
    from rafr.review.standalone import StandaloneReview


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="case folder")
    parser.add_argument(
        "--plan", metavar="FILE", help="plan as `rafr plan --json` wrote it (default: plan now)"
    )
    parser.add_argument(
        "--registration",
        metavar="FILE",
        help="as `rafr register --json` wrote it: shows slices of the case's CBCT, too",
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="DIR",
        help="where the plan and the decision about it are kept (default: runs/review-CASE)",
    )
    add_port_option(parser)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="where to listen (default: this machine only); nothing is encrypted, so in a trusted network",
    )


def run(args: argparse.Namespace) -> int:
    from rafr.cases.load import open_case
    from rafr.cases.meshes import body_meshes
    from rafr.planning.plan_file import read_plan
    from rafr.review.gate import page_token
    from rafr.review.standalone import StandaloneReview
    from rafr.supervisor import interruptible

    check_port(args.port)
    case = open_case(Path(args.case), voxels=False)  # planning and slices will read them
    plan = read_plan(Path(args.plan), case) if args.plan else None
    registered = _registration(args.registration, case) if args.registration else None
    with progress_bar("surfaces") as progress:
        meshes = body_meshes(case, progress)
    folder = Path(args.out or f"runs/review-{case.id}")
    review = StandaloneReview(
        case,
        meshes,
        folder,
        lambda line: print(line, flush=True),
        host=args.host,
        port=args.port,
        token=page_token(),
    )
    try:
        with interruptible():
            print(f"review page: {review.page.url}   (Ctrl-C ends it)", flush=True)
            if registered is not None:
                review.take_registration(*registered)
            if plan is None:
                _make_plan(case, review)
            else:
                review.show(plan)
            while True:
                time.sleep(1.0)
    except KeyboardInterrupt:  # the way this command is meant to end
        return 0
    finally:
        review.page.close()


def _make_plan(case: Case, review: StandaloneReview) -> None:
    """Tells terminal and page how far it is."""
    from rafr.planning.reduction import plan_reduction

    with progress_bar("planning") as bar:

        def plan(on_page: Progress) -> ReductionPlan:
            def progress(fraction: float, text: str = "") -> None:
                bar(fraction, text)
                on_page(fraction, text)

            return plan_reduction(case, progress=progress)

        error = review.make_plan(plan)
    if error is not None:
        raise error


def _registration(name: str, case: Case) -> tuple[Path, dict[str, RigidTransform]]:
    """The case's CBCT, and where a registration found every body in it, mm."""
    expected = "what `rafr register CASE --json FILE` wrote for this case"
    data = read_json(Path(name), expected)
    try:
        bodies = data["bodies"]
        poses = {
            body.name: RigidTransform.from_matrix(bodies[body.name]["T_cbct_ct"]) for body in case.bodies
        }
    except KeyError as error:
        raise InputError(name, f"{error} is missing", expected) from None
    except (RafrError, ValueError, TypeError) as error:
        raise InputError(name, str(error), expected) from None
    if case.cbct is None:
        raise InputError("--registration", f"case {case.id} has no CBCT", "a case with cbct.nii.gz")
    return case.cbct, poses
