"""The node list as `launch_ros` wants it. Imports no launch: the launch files bring it along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rafr.errors import InputError
from rafr.nodes.graph import NAMESPACE, Companion, GraphOptions, NodeSpec
from rafr.robot.description import ARMS
from rafr.simulation.faults import FAULTS
from rafr.simulation.gazebo.ros2_control import require_ros2_control
from rafr.simulation.gazebo.server import require_gazebo

PACKAGE = "rafr"
SIMULATORS = ("embedded", "gazebo")
CONTROLS = ("rafr", "ros2_control")
# those of an arm that rafr itself drives
_ARM_FAULTS = (
    "joint-stuck",
    "arm-connection-lost",
    "power-loss",
    "arm-lag",
    "arm-limit",
    "network-drop",
    "network-reorder",
    "network-delay",
    "joint-freeze",
    "joints-old",
    "joints-reorder",
    "clock-forward",
    "clock-back",
)
# launch argument -> (default, meaning); the launch file declares exactly these
SIM_ARGUMENTS: dict[str, tuple[str, str]] = {
    "sim": ("embedded", "simulator: embedded or gazebo"),
    "control": ("rafr", "who moves the arm in Gazebo: rafr, or ros2_control (needs gz_ros2_control)"),
    "case": ("", "case folder; empty: a virtual patient"),
    "fracture": ("", "kind of the virtual patient's fracture"),
    "headless": ("false", "no review page, no RViz"),
    "seed": ("0", "of the simulation and of the virtual patient"),
    "out": ("", "folder of recording and report; empty: runs/<time>"),
    "arm": ("ur16e", f"robot arm: {', '.join(ARMS)}"),
    "faults": ("", "faults to inject, comma separated (rafr sim --faults help)"),
    "drill": ("false", "the surgeon drills for the pins with a tracked drill, and is guided"),
    "auto_approve": ("false", "approve the plan without a person: demonstrations only"),
    "page_port": ("0", "of the review page; 0 = any free one"),
    "rviz": ("false", "open RViz"),
}


def node_arguments(spec: NodeSpec) -> dict[str, Any]:
    """Keyword arguments of `launch_ros.actions.Node` that start what `rafr sim` starts."""
    return {
        "package": PACKAGE,
        "executable": spec.executable,
        "name": spec.name,
        "namespace": NAMESPACE,
        "parameters": [dict(spec.parameters)] if spec.parameters else [],
        "remappings": list(spec.remappings),
        "ros_arguments": list(spec.enclave),
        "output": "screen",
    }


def graph_options(values: Mapping[str, str], case: Path, out: Path) -> GraphOptions:
    """Options of the node list from the launch arguments' texts.

    Raises:
        InputError: a text does not say what its argument needs.
    """
    if values["sim"] not in SIMULATORS:
        raise InputError("sim", f"{values['sim']!r} is unknown", f"one of {', '.join(SIMULATORS)}")
    if values["sim"] == "gazebo":
        require_gazebo("sim:=gazebo")
    if values["control"] not in CONTROLS:
        raise InputError("control", f"{values['control']!r} is unknown", f"one of {', '.join(CONTROLS)}")
    if values["arm"] not in ARMS:
        raise InputError("arm", f"{values['arm']!r} is unknown", f"one of {', '.join(ARMS)}")
    faults = tuple(name.strip() for name in values["faults"].split(",") if name.strip())
    for name in faults:
        if name not in FAULTS:
            raise InputError(
                "faults",
                f"{name!r} is none of the simulator's (those of processes and people need rafr sim)",
                f"one of {', '.join(FAULTS)}",
            )
    check_control(values["control"], values["sim"], faults)
    return GraphOptions(
        case=str(case),
        out=str(out),
        seed=integer(values, "seed"),
        sim=values["sim"],
        control=values["control"],
        arm=values["arm"],
        faults=faults,
        drill=flag(values, "drill"),
        page=not flag(values, "headless"),
        page_port=integer(values, "page_port"),
    )


def check_control(control: str, sim: str, faults: Iterable[str]) -> None:
    """Raise InputError where this driver cannot move the arm in this simulator."""
    if control != "ros2_control":
        return
    if sim != "gazebo":
        raise InputError("control", f"ros2_control moves no arm in {sim!r}", "Gazebo as simulator")
    impossible = [name for name in faults if name in _ARM_FAULTS]
    if impossible:
        raise InputError("faults", f"{impossible[0]} needs an arm that rafr drives", "control by rafr")
    require_ros2_control("control by ros2_control")


def companion_arguments(companion: Companion) -> dict[str, Any]:
    """Keyword arguments of `launch_ros.actions.Node` for a process that is not rafr's own."""
    named = {"name": companion.name, "namespace": NAMESPACE} if companion.name else {}
    return {
        "package": companion.package,
        "executable": companion.executable,
        "arguments": list(companion.arguments),
        "parameters": [
            *companion.parameter_files,
            *([dict(companion.parameters)] if companion.parameters else []),
        ],
        "remappings": list(companion.remappings),
        "output": "screen",
        **named,
    }


def flag(values: Mapping[str, str], name: str) -> bool:
    """A launch argument that is true or false."""
    text = values[name].strip().lower()
    if text not in ("true", "false", "1", "0"):
        raise InputError(name, repr(values[name]), "true or false")
    return text in ("true", "1")


def integer(values: Mapping[str, str], name: str) -> int:
    """A launch argument that is a whole number, 0 or more."""
    if not values[name].strip().isdecimal():
        raise InputError(name, repr(values[name]), "a whole number, 0 or more")
    return int(values[name])


def only(specs: Iterable[NodeSpec], names: Iterable[str]) -> tuple[NodeSpec, ...]:
    """The specs with these names, in the list's order."""
    chosen = set(names)
    return tuple(spec for spec in specs if spec.name in chosen)
