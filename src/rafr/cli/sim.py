"""`rafr sim`: the whole procedure in a simulator, every node a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rafr.cases.case import FRACTURE_KINDS, Case
from rafr.cli.output import add_json_option, check_json_target, write_json
from rafr.cli.sim_case import DEFAULT_FRACTURE, clean_folder, prepare_case, run_folder
from rafr.cli.sim_faults import SupervisedFault, fault_lines, split_faults
from rafr.errors import InputError
from rafr.files import check_folder
from rafr.nodes.graph import GraphOptions, NodeSpec, build_companions, build_graph
from rafr.nodes.launching import CONTROLS, check_control
from rafr.robot.description import ARMS

if TYPE_CHECKING:
    from rafr.review.run import RunRecord
    from rafr.supervisor import Program

EXIT_REDUCED, EXIT_NOT_REDUCED, EXIT_INTERRUPTED = 0, 1, 130


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", nargs="?", metavar="CASE", help="case folder; default: a virtual patient")
    parser.add_argument(
        "--sim", choices=("embedded", "gazebo"), default="embedded", help="simulator (default: embedded)"
    )
    parser.add_argument(
        "--control",
        choices=CONTROLS,
        default="rafr",
        help="who moves the arm in Gazebo (ros2_control needs gz_ros2_control; default: rafr)",
    )
    parser.add_argument(
        "--headless", action="store_true", help="plain lines instead of the live view; no page unless needed"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the simulation and the patient")
    parser.add_argument("--out", metavar="DIR", help="folder of the report (default: runs/<time>)")
    parser.add_argument(
        "--faults", default="", metavar="NAME[,…]", help="faults to inject; `help` lists them"
    )
    parser.add_argument(
        "--auto-approve", action="store_true", help="approve the plan without a person: demonstrations only"
    )
    parser.add_argument(
        "--recover",
        action="store_true",
        help="after a hold start again what died, reset and go on, once (or once a fault of processes "
        "or people): with --auto-approve only",
    )
    parser.add_argument(
        "--fracture",
        choices=FRACTURE_KINDS,
        metavar="KIND",
        help=f"of the virtual patient (default: {DEFAULT_FRACTURE}): {', '.join(FRACTURE_KINDS)}",
    )
    parser.add_argument(
        "--drill",
        action="store_true",
        help="the surgeon drills for the pins with a tracked drill, and is guided",
    )
    parser.add_argument("--arm", default="ur16e", choices=ARMS, help="robot arm")
    parser.add_argument(
        "--attach", action="store_true", help="follow nodes that run already (ros2 launch does this)"
    )
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    if args.faults == "help":
        print("\n".join(fault_lines()))
        return EXIT_REDUCED
    if args.sim == "gazebo":
        from rafr.simulation.gazebo.server import require_gazebo

        require_gazebo("--sim gazebo")
    if args.seed < 0:
        raise InputError("--seed", f"{args.seed} is negative", "0 or more")
    if args.recover and not (args.auto_approve and not args.attach):
        raise InputError("--recover", "a person decides how to go on", "--auto-approve, and not --attach")
    nodes = [spec.name for spec in build_graph(GraphOptions(case="", out=""))]
    faults, supervised = split_faults(args.faults, nodes)
    check_control(args.control, args.sim, faults)
    out = run_folder(args.out)
    check_folder(out)
    check_json_target(args.json)
    case = prepare_case(args.case, args.fracture, args.seed, out)
    if not args.attach:
        clean_folder(out)
    page = not (args.headless and args.auto_approve)
    options = GraphOptions(
        case=str(case.folder.resolve()),
        out=str(out),
        seed=args.seed,
        sim=args.sim,
        control=args.control,
        arm=args.arm,
        faults=faults,
        drill=args.drill,
        page=page,
        page_port=_free_port() if page else 0,
    )
    return _Run(args, case, options, out, supervised).go()


@dataclass(slots=True)
class _Run:
    """A checked request."""

    args: argparse.Namespace
    case: Case
    options: GraphOptions
    out: Path
    supervised: dict[str, SupervisedFault]

    def go(self) -> int:
        from rafr.review.run import RunRecord

        record = RunRecord()
        interrupted = False
        try:
            self._follow(record, build_graph(self.options))
        except KeyboardInterrupt:
            interrupted = True
            record.outcome = record.outcome or "aborted"
            print("interrupted: every node has ended", file=self._stream, flush=True)
        report = self._report(record)
        if interrupted:
            return EXIT_INTERRUPTED
        return EXIT_REDUCED if report["outcome"] == "reduced" else EXIT_NOT_REDUCED

    def _follow(self, record: RunRecord, graph: tuple[NodeSpec, ...]) -> None:
        from rafr.cli.sim_loop import Follower
        from rafr.nodes.console import Console
        from rafr.nodes.domain import own_domain
        from rafr.review.keys import no_keys, terminal_keys
        from rafr.review.screen import open_screen
        from rafr.supervisor import Supervisor, interruptible

        # attached, somebody else starts and watches the nodes, and may leave out the page
        attached = self.args.attach
        record.nodes = {spec.name: False for spec in graph if spec.essential or not attached}
        programs = [] if attached else _programs(graph, self.options)
        plain, page = self.args.headless, self._page_address()  # before the nodes: they inherit its token
        with contextlib.ExitStack() as stack:
            stack.enter_context(interruptible())
            if not attached:
                stack.enter_context(own_domain())
            supervisor = stack.enter_context(Supervisor(programs, self.out / "logs"))
            keys = no_keys if plain else stack.enter_context(terminal_keys())
            console = stack.enter_context(Console(record, self.case.id))
            screen = stack.enter_context(open_screen(self._stream, plain=plain))
            Follower(
                record=record,
                supervisor=supervisor,
                console=console,
                screen=screen,
                keys=keys,
                essential=frozenset(spec.name for spec in graph if spec.essential),
                auto_approve=self.args.auto_approve,
                page=page,
                faults=self.supervised,
                attached=attached,
                recover=self.args.recover,
            ).run()

    def _page_address(self) -> str:
        """What to open in a browser; empty: there is no page."""
        from rafr.review.gate import page_token

        port = self.options.page_port
        return f"http://localhost:{port}/?token={page_token()}" if self.options.page else ""

    def _report(self, record: RunRecord) -> dict[str, Any]:
        from rich.console import Console as Terminal

        from rafr.cases.meshes import body_meshes
        from rafr.review.operation_report import save_operation_report
        from rafr.review.report import (
            build_report,
            pelvis_alignment,
            save_pictures,
            save_xrays,
            truth_of,
        )
        from rafr.review.terminal import summary

        bodies = body_meshes(self.case)
        meshes = {name: body.mesh for name, body in bodies.items()}
        truth = truth_of(self.case)
        report = build_report(self.case, record, meshes, truth, self.args.seed)
        report["pelvis"] = pelvis_alignment(self.case, record, bodies, truth)
        report["case_folder"] = os.path.relpath(self.case.folder, self.out)  # for `rafr replay`
        report["faults"] = [*self.options.faults, *self.supervised]
        print("writing the report …", file=sys.stderr, flush=True)
        write_json(self.out / "report.json", report)
        save_pictures(self.out, self.case, record, meshes, truth)
        save_xrays(self.out, self.case, record)
        save_operation_report(self.out)
        if self.args.json:
            write_json(self.args.json, report)
        Terminal(file=self._stream).print(summary(report, str(self.out)))
        return report

    @property
    def _stream(self) -> TextIO:
        """Where a person reads; standard output belongs to `--json -`."""
        return sys.stderr if self.args.json == "-" else sys.stdout


def _programs(graph: tuple[NodeSpec, ...], options: GraphOptions) -> list[Program]:
    from rafr.simulation.gazebo.ros2_control import program_of, share_partition
    from rafr.supervisor import Program

    if options.control == "ros2_control":
        share_partition()
    programs = [Program(spec.name, _command(spec)) for spec in graph]
    for c in build_companions(options):
        command = (program_of(c.package, c.executable), *c.command_arguments())
        programs.append(Program(c.executable, command, c.lasting))
    return programs


def _command(spec: NodeSpec) -> tuple[str, ...]:
    return (sys.executable, "-m", f"rafr.nodes.{spec.executable}", *spec.arguments())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
