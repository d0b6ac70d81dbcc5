"""The one declarative list of nodes: `rafr sim` and the launch files both start exactly these.

This module imports no ROS, so that the command line and tests can read it anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rafr.nodes.arm_companions import HardwareOptions, arm_companions
from rafr.nodes.specs import NAMESPACE, Companion, NodeSpec
from rafr.resources import resource_path
from rafr.risk.estimate import PATIENT_SOURCE
from rafr.simulation.gazebo.ros2_control import CONTROLLERS

__all__ = [
    "NAMESPACE",
    "Companion",
    "GraphOptions",
    "HardwareOptions",
    "NodeSpec",
    "build_companions",
    "build_graph",
]


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """What the user chooses at start.

    Attributes:
        case: case folder.   out: folder of the recording and the CBCTs.   seed: of the simulation.
        sim: embedded | gazebo | none (hardware, or a simulator somebody else starts).
        control: who moves the arm in Gazebo: rafr | ros2_control (with gz_ros2_control).
        arm: robot arm, one of `rafr.robot.description.ARMS`.
        rate: simulated seconds per wall second; 0 = as fast as possible.
        faults: names of faults the simulator injects.
        drill: there is a tracked drill; with a simulator, a hand that drills with it for the pins.
        page: serve the review page.   page_port: 0 = any free port.
        hardware: who answers for the arm without a simulator; None in one.
    """

    case: str
    out: str
    seed: int = 0
    sim: str = "embedded"
    control: str = "rafr"
    arm: str = "ur16e"
    rate: float = 0.0
    faults: tuple[str, ...] = ()
    drill: bool = False
    page: bool = True
    page_port: int = 0
    hardware: HardwareOptions | None = None


def build_graph(options: GraphOptions) -> tuple[NodeSpec, ...]:
    """Every node to start for these options, simulator first."""
    hardware = options.hardware or HardwareOptions()
    sim_time = {"use_sim_time": True} if options.hardware is None else {}
    case = {"case": options.case}
    arm = {"arm": options.arm}
    simulator: dict[str, Any] = {
        **case,
        **arm,
        "seed": options.seed,
        "rate": float(options.rate),
        "faults": ",".join(options.faults),
        "drill": options.drill,
    }
    specs = (
        NodeSpec("or_simulator", "or_simulator", simulator, condition="embedded"),
        NodeSpec("gazebo_bridge", "or_simulator", simulator, condition="gazebo"),
        NodeSpec("gazebo_devices", "or_simulator", {**sim_time, **simulator}, condition="ros2_control"),
        NodeSpec("arm_endpoint", "arm_endpoint", {**arm, **_stream(hardware)}, condition="emulated"),
        NodeSpec("bench", "bench", arm, condition="bench"),
        NodeSpec(
            "wrist",
            "wrist",
            {**arm, "payload": hardware.payload, "record": hardware.record},
            condition="hardware",
        ),
        NodeSpec("tracker", "tracker", {**sim_time, **hardware.tracker}),
        NodeSpec("registration", "registration", {**case, "out": options.out, "seed": options.seed}),
        NodeSpec("reduction_planner", "reduction_planner", case),
        NodeSpec("trajectory", "trajectory", {**case, **arm}),
        NodeSpec("adjustment", "adjustment", {**sim_time, **case}),
        NodeSpec("arm_controller", "arm_controller", {**sim_time, **case, **arm, **_stream(hardware)}),
        NodeSpec("base_controller", "base_controller", {**sim_time, **arm}),
        NodeSpec("safety", "safety", {**sim_time, **_watched(options)}),
        NodeSpec("procedure", "procedure", {**sim_time, **case, "out": options.out}),
        NodeSpec("risk", "risk", {**sim_time}, essential=False),
        NodeSpec("drill", "drill", {**sim_time, **case}, essential=False, condition="drill"),
        NodeSpec("view", "view", {**case, **arm}, essential=False),
        NodeSpec("recorder", "recorder", {"out": options.out}, essential=False),
        NodeSpec(
            "review", "review", {**case, **arm, "port": options.page_port}, essential=False, condition="page"
        ),
    )
    active = {"": True, "page": options.page, "drill": options.drill, **_room(options)}
    chosen = tuple(_renamed(s, hardware) for s in specs if active.get(s.condition, False))
    essential = [s.name for s in chosen if s.essential and s.name != "safety"]
    return tuple(_watching(s, essential) if s.name == "safety" else s for s in chosen)


def build_companions(options: GraphOptions) -> tuple[Companion, ...]:
    """Processes of other packages that ros2_control needs beside the nodes."""
    if options.hardware is not None:
        return arm_companions(options.arm, options.hardware)
    if options.control != "ros2_control":
        return ()
    manager = ("--controller-manager", f"{NAMESPACE}/controller_manager")
    patience = ("--controller-manager-timeout", "300", "--switch-timeout", "60")
    bridge = {"config_file": str(resource_path("config/ros_gz_bridge.yaml"))}
    return (
        Companion("controller_manager", "spawner", (*CONTROLLERS, *manager, *patience), lasting=False),
        Companion("ros_gz_bridge", "parameter_bridge", name="ros_gz_bridge", parameters=bridge),
    )


def _room(options: GraphOptions) -> dict[str, bool]:
    """Which conditions hold for what stands in the room: a simulator, a bench, an arm."""
    if options.hardware is None:
        return {options.sim if options.control == "rafr" else options.control: True}
    mode = options.hardware.mode
    return {"hardware": True, "bench": mode != "hardware", "emulated": mode == "emulated"}


def _watched(options: GraphOptions) -> dict[str, Any]:
    """A simulated patient wears electrodes; on an arm the lab says who must be watched."""
    return {"required_risks": PATIENT_SOURCE} if options.hardware is None else {}


def _stream(hardware: HardwareOptions) -> dict[str, Any]:
    return {} if hardware.stream == "joint_trajectory" else {"stream": hardware.stream}


def _renamed(spec: NodeSpec, hardware: HardwareOptions) -> NodeSpec:
    """The spec with the lab's names."""
    return replace(spec, remappings=(*spec.remappings, *hardware.remappings))


def _watching(safety: NodeSpec, essential: list[str]) -> NodeSpec:
    """The safety node with the list of nodes whose heartbeat it needs."""
    return replace(safety, parameters={**safety.parameters, "required_nodes": ",".join(essential)})
