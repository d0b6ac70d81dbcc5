"""Faults of processes and people, which `rafr sim` itself brings about in the middle of a reduction."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, ClassVar

from rafr.errors import InputError
from rafr.simulation.faults import FAULTS

if TYPE_CHECKING:
    from rafr.nodes.console import Console
    from rafr.review.run import RunRecord
    from rafr.supervisor import Supervisor

_PROGRESS = 0.3  # of the reduction, where nothing else is asked for


class SupervisedFault:
    """Something that happens in the middle of a reduction.

    Attributes:
        about: one line for `--faults help`.
        of_node: whether a node can be named, `NAME:NODE`.
        share: of the reduction's way, from which on it happens (`NAME@SHARE`).
    """

    about: ClassVar[str] = ""
    of_node: ClassVar[bool] = False

    def __init__(self, node: str = "", share: float = _PROGRESS) -> None:
        self.node, self.share = node, share

    def due(self, record: RunRecord) -> bool:
        """Whether the reduction has come far enough."""
        if not record.samples:
            return False
        sample = record.samples[-1]
        return sample.state == "REDUCING" and sample.progress >= self.share

    def happen(self, supervisor: Supervisor, console: Console) -> None:
        raise NotImplementedError


class _OfNode(SupervisedFault):
    of_node = True

    def __init__(self, node: str = "", share: float = _PROGRESS) -> None:
        super().__init__(node or "arm_controller", share)


class NodeKill(_OfNode):
    about = "a node's process is killed with SIGKILL (node-kill:NODE; the arm controller's by default)"

    def happen(self, supervisor: Supervisor, console: Console) -> None:
        if self.node in supervisor.names:
            supervisor.kill(self.node)


class NodeHang(_OfNode):
    about = "a node's process hangs: it is there, but does nothing more (node-hang:NODE)"

    def happen(self, supervisor: Supervisor, console: Console) -> None:
        if self.node in supervisor.names:
            supervisor.hang(self.node)


class DiskFull(SupervisedFault):
    about = "the disk is full: whatever recorder, simulator and procedure write from then on fails"
    writers = ("recorder", "or_simulator", "procedure")

    def happen(self, supervisor: Supervisor, console: Console) -> None:
        for name in set(self.writers) & set(supervisor.names):
            supervisor.forbid_writing(name)


class PlanChanged(SupervisedFault):
    about = "another plan, its target 5 mm further, is published after the approval"

    def happen(self, supervisor: Supervisor, console: Console) -> None:
        console.publish_another_plan()


class DoubleApproval(SupervisedFault):
    about = "a second person approves the plan that is being carried out"

    def happen(self, supervisor: Supervisor, console: Console) -> None:
        console.decide(approve=True, approver="a second person")


class OperatorStop(SupervisedFault):
    about = "somebody presses stop (service safety/stop)"

    def happen(self, supervisor: Supervisor, console: Console) -> None:
        console.stop()


SUPERVISED: Mapping[str, type[SupervisedFault]] = {
    "node-kill": NodeKill,
    "node-hang": NodeHang,
    "disk-full": DiskFull,
    "plan-changed": PlanChanged,
    "double-approval": DoubleApproval,
    "operator-stop": OperatorStop,
}


def fault_lines() -> list[str]:
    """Every fault, one line each, name first."""
    about = FAULTS | {name: kind.about for name, kind in SUPERVISED.items()}
    later = "what processes and people do happens at 30 % of the reduction's way, or at NAME@SHARE of it"
    return [*(f"{name:<24} {text}" for name, text in about.items()), later]


def split_faults(text: str, nodes: Collection[str]) -> tuple[tuple[str, ...], dict[str, SupervisedFault]]:
    """Names for the simulator, and what `rafr sim` itself does, by what it was asked for with.

    Raises:
        InputError: a fault or a node is unknown.
    """
    simulated, supervised = [], {}
    for name in filter(None, (part.strip() for part in text.split(","))):
        named, share = _split_share(name)
        base, _, node = named.partition(":")
        kind = SUPERVISED.get(base)
        if kind is None and name in FAULTS:
            simulated.append(name)
        elif kind is None or (node and not kind.of_node):
            close = difflib.get_close_matches(base, [*FAULTS, *SUPERVISED], n=1)
            hint = f"{close[0]}, or " if close else ""
            raise InputError("--faults", f"no fault {name!r}", f"{hint}a name that --faults help lists")
        elif node and node not in nodes:
            raise InputError("--faults", f"no node {node!r}", f"one of {', '.join(nodes)}")
        else:
            fault = kind(node, _PROGRESS if share is None else share)
            key = f"{base}:{fault.node}" if kind.of_node else base
            supervised[key if share is None else f"{key}@{share:g}"] = fault
    return tuple(simulated), supervised


def _split_share(name: str) -> tuple[str, float | None]:
    """`NAME@SHARE` in its parts."""
    named, at, text = name.partition("@")
    if not at:
        return named, None
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0.0 <= share < 1.0:
        raise InputError("--faults", f"{name!r}: {text!r} is no share of the way", "from 0 to below 1")
    return named, share
