"""`rafr trajectory`: base docking and arm motion for a plan."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rafr.assessment import Assessment
from rafr.cli.main import EXIT_DONE, EXIT_NOT_ACCEPTABLE
from rafr.cli.output import add_json_option, made_folder, progress_bar, write_json
from rafr.errors import Cause, InfeasibleError
from rafr.progress import Progress, part_of
from rafr.robot.description import ARMS

if TYPE_CHECKING:
    from rafr.cases.case import Case
    from rafr.planning.plan import ReductionPlan
    from rafr.trajectory.mission import BodyMission, Robot


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="case folder")
    parser.add_argument(
        "--plan", metavar="FILE", help="plan as `rafr plan --json` wrote it (default: plan now)"
    )
    parser.add_argument("--arm", default="ur16e", choices=ARMS, help="which arm (default: ur16e)")
    parser.add_argument(
        "--base",
        default="differential",
        choices=("differential", "mecanum"),
        help="which mobile base (default: differential, the one that is simulated and controlled)",
    )
    parser.add_argument(
        "--together",
        nargs="?",
        const="fixed",
        choices=("fixed", "free"),
        help="move base and arm together to the stand-off before the pins, the base ending where it docks "
        "(fixed, the default) or near it (free); without this the arm stays folded until the base stands",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the search for a free way (default: 0)")
    parser.add_argument("-o", "--out", metavar="DIR", help="save pictures there")
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    from rafr.cases.load import open_case
    from rafr.planning.plan_file import read_plan
    from rafr.trajectory.mission import Robot
    from rafr.trajectory.report import trajectory_json

    folder = None if args.out is None else made_folder(args.out)
    case = open_case(Path(args.case))
    robot = Robot.named(args.arm, args.base)
    with progress_bar("trajectory") as progress:
        given = args.plan is not None
        plan = read_plan(Path(args.plan), case) if given else _plan(case, part_of(progress, 0.0, 0.6))
        start = time.perf_counter()
        missions, assessment, cause = _missions(
            robot,
            case,
            plan,
            np.random.default_rng(args.seed),
            args.together,
            part_of(progress, 0.0 if given else 0.6, 1.0),
        )
    seconds = time.perf_counter() - start
    if folder is not None:
        _save_pictures(folder, robot, missions)
    if args.json is not None:
        write_json(args.json, trajectory_json(robot, missions, assessment, seconds, cause))
    if args.json != "-":
        _show(missions, assessment, seconds)
    return EXIT_DONE if assessment.accepted else EXIT_NOT_ACCEPTABLE


def _plan(case: Case, progress: Progress) -> ReductionPlan:
    from rafr.planning.reduction import plan_reduction

    return plan_reduction(case, progress=progress)


def _missions(
    robot: Robot,
    case: Case,
    plan: ReductionPlan,
    rng: np.random.Generator,
    together: str | None,
    progress: Progress,
) -> tuple[list[BodyMission], Assessment, Cause]:
    """Body after body, the base driving on from where it stands; stops at the first that fails.

    The cause is of that; it says nothing where the assessment accepts.
    """
    from rafr.cases.meshes import body_meshes
    from rafr.planning.pins import clamp_frame, propose_pins
    from rafr.planning.reduction import pull_on
    from rafr.trajectory.mission import plan_body
    from rafr.trajectory.whole_body.optimise import WholeBodyOptimiser

    meshes = body_meshes(case)
    T_world_pelvis = robot.room.T_world_ct(case, meshes[case.reference.name].mesh.centroid)
    assessment = plan.assessment
    goals = {name: plan.body(name).T_reduced_displaced for name in plan.order}
    missions: list[BodyMission] = []
    optimiser = None if together is None else WholeBodyOptimiser(robot.arm, robot.drive)
    base = robot.room.parking.pose
    for k, name in enumerate(plan.order):
        progress(k / len(plan.order), name)
        path = [pose.T_path_displaced for pose in plan.body(name).path]
        try:
            T_ct_clamp = clamp_frame(propose_pins(case, meshes, name))
            pull = pull_on(case, meshes, name, goals, path[0])
            mission = plan_body(
                robot,
                name,
                base,
                T_world_pelvis,
                path,
                T_ct_clamp,
                rng=rng,
                pull=pull,
                together=together,
                optimiser=optimiser,
            )
        except InfeasibleError as error:
            refused = Assessment(False, tuple(f"{name}: {r}" for r in error.reasons))
            return missions, assessment & refused, error.cause
        missions.append(mission)
        assessment = assessment & mission.assessment
        base = mission.docking.pose
    return missions, assessment, Cause.OTHER


def _save_pictures(folder: Path, robot: Robot, missions: list[BodyMission]) -> None:
    from rafr.trajectory.report import save_docking_picture, save_joint_picture, save_load_picture
    from rafr.trajectory.whole_body.picture import save_together_picture

    for mission in missions:
        save_docking_picture(folder / f"docking_{mission.body}.png", robot, mission)
        save_joint_picture(folder / f"joints_{mission.body}.png", robot, mission)
        save_load_picture(folder / f"load_{mission.body}.png", robot, mission)
        if mission.reach is not None and mission.reach.together is not None:
            save_together_picture(folder / f"together_{mission.body}.png", robot, mission.body, mission.reach)


def _show(missions: list[BodyMission], assessment: Assessment, seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title="Trajectories")
    for heading in ("body", "base at", "docking", "approach", "reduction", "retreat"):
        table.add_column(heading)
    for m in missions:
        x, y, theta = m.docking.pose
        arm = (stage.trajectory.duration for stage in (m.approach, m.reduction, m.retreat))
        where = f"{x:.2f}, {y:.2f} m, {np.degrees(theta):.0f}°"
        table.add_row(m.body, where, f"{m.docking.trajectory.t[-1]:.1f} s", *(f"{t:.1f} s" for t in arm))
    console.print(table)
    for m in missions:
        if m.reach is not None and m.reach.together is not None:
            alone = m.reach.sequential_duration
            instead = "" if alone is None else f", one after the other {alone:.1f} s"
            console.print(f"{m.body}: base and arm together {m.reach.together.duration:.1f} s{instead}")
    for reason in assessment.reasons:
        console.print(f"• {reason}", markup=False)
    verdict = "[green]accepted[/]" if assessment.accepted else "[red]not accepted[/]"
    console.print(f"trajectories {verdict}, computed in {seconds:.1f} s")
