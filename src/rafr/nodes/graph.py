"""The one declarative list of nodes: `rafr sim` and the launch files both start exactly these.

This module imports no ROS, so that the command line and tests can read it anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from rafr.resources import resource_path
from rafr.robot.description import urdf_text
from rafr.robot.driver import driver_of, resolved
from rafr.simulation.gazebo.ros2_control import CONTROLLERS

NAMESPACE = "/rafr"


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One process of the graph.

    Attributes:
        executable: `rafr`'s console script, and the module `rafr.nodes.<executable>`.
        name: node name; unique.
        parameters: overrides of the node's own defaults.
        remappings: (from, to).
        essential: its loss stops every motion (the safety supervisor watches it).
        condition: started only when this option is true ("" = always).
    """

    executable: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    remappings: tuple[tuple[str, str], ...] = ()
    essential: bool = True
    condition: str = ""

    def arguments(self) -> list[str]:
        """Command-line arguments after the executable (`--ros-args …`)."""
        arguments = ["--ros-args", "-r", f"__ns:={NAMESPACE}", "-r", f"__node:={self.name}"]
        for source, target in self.remappings:
            arguments += ["-r", f"{source}:={target}"]
        for key, value in self.parameters.items():
            arguments += ["-p", f"{key}:={_yaml(value)}"]
        return arguments


@dataclass(frozen=True, slots=True)
class Companion:
    """A process of another package.

    Attributes:
        package, executable: where ROS finds it.
        arguments: before `--ros-args`.
        name: node name; "" leaves the executable its own, and its namespace.
        parameter_files: YAML files, before `parameters`.   remappings: (from, to).
        lasting: False where it ends by itself when its work is done.
    """

    package: str
    executable: str
    arguments: tuple[str, ...] = ()
    name: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    parameter_files: tuple[str, ...] = ()
    remappings: tuple[tuple[str, str], ...] = ()
    lasting: bool = True

    def command_arguments(self) -> list[str]:
        """Command-line arguments after the executable."""
        if not self.name:
            return list(self.arguments)
        spec = NodeSpec(self.executable, self.name, self.parameters, self.remappings)
        files = [word for path in self.parameter_files for word in ("--params-file", path)]
        return [*self.arguments, *spec.arguments(), *files]


@dataclass(frozen=True, slots=True)
class HardwareOptions:
    """An arm behind ros2_control instead of a simulator.

    Attributes:
        mode: mock | emulated | hardware.   robot_ip: of the arm's controller.
        tracker: parameters of the tracker node.
        payload: file of `rafr calibrate payload`.   record: file the wrist node records to.
        stream: which controller takes the commands, as in `arm_controller`.
        remappings: names of the lab's own devices.
    """

    mode: str = "mock"
    robot_ip: str = ""
    tracker: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    payload: str = ""
    record: str = ""
    stream: str = "joint_trajectory"
    remappings: tuple[tuple[str, str], ...] = ()


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
        NodeSpec("arm_controller", "arm_controller", {**sim_time, **case, **arm, **_stream(hardware)}),
        NodeSpec("base_controller", "base_controller", {**sim_time, **arm}),
        NodeSpec("safety", "safety", {**sim_time}),
        NodeSpec("procedure", "procedure", {**sim_time, **case, "out": options.out}),
        NodeSpec("risk", "risk", {**sim_time}, essential=False),
        NodeSpec("view", "view", {**case, **arm}, essential=False),
        NodeSpec("recorder", "recorder", {"out": options.out}, essential=False),
        NodeSpec(
            "review", "review", {**case, **arm, "port": options.page_port}, essential=False, condition="page"
        ),
    )
    active = {"": True, "page": options.page, **_room(options)}
    chosen = tuple(_renamed(s, hardware) for s in specs if active.get(s.condition, False))
    essential = [s.name for s in chosen if s.essential and s.name != "safety"]
    return tuple(_watching(s, essential) if s.name == "safety" else s for s in chosen)


def build_companions(options: GraphOptions) -> tuple[Companion, ...]:
    """Processes of other packages that ros2_control needs beside the nodes."""
    if options.hardware is not None:
        return _arm_companions(options.arm, options.hardware)
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


def _stream(hardware: HardwareOptions) -> dict[str, Any]:
    return {} if hardware.stream == "joint_trajectory" else {"stream": hardware.stream}


def _renamed(spec: NodeSpec, hardware: HardwareOptions) -> NodeSpec:
    """The spec with the lab's names."""
    return replace(spec, remappings=(*spec.remappings, *hardware.remappings))


def _arm_companions(arm: str, hardware: HardwareOptions) -> tuple[Companion, ...]:
    """Description, controller manager, controllers and the vendor's own programs; none of an emulated arm."""
    if hardware.mode == "emulated":
        return ()
    driver = driver_of(arm) if hardware.mode == "hardware" else None
    address = hardware.robot_ip or "0.0.0.0"
    urdf = resolved(urdf_text(arm, hardware.mode, robot_ip=address))
    files = ["controllers.yaml", f"controllers_{arm}.yaml"]
    if driver is not None:
        files.append(f"hardware_{arm}.yaml")
    paths = tuple(str(resource_path(f"config/{name}")) for name in files)
    streaming = ["joint_trajectory_controller", "forward_position_controller"]
    if hardware.stream == "position":
        streaming.reverse()
    extra = () if driver is None else driver.controllers
    active = ("joint_state_broadcaster", *extra, streaming[0])
    manager = (
        "--controller-manager",
        f"{NAMESPACE}/controller_manager",
        "--controller-manager-timeout",
        "60",
    )
    programs = () if driver is None else driver.programs
    return (
        Companion(
            "robot_state_publisher",
            "robot_state_publisher",
            name="robot_state_publisher",
            parameters={"robot_description": urdf},
            # the node `view` publishes the links' frames, from the base and with the base's place
            remappings=tuple((name, f"robot_state_publisher{name}") for name in ("/tf", "/tf_static")),
        ),
        Companion(
            "controller_manager", "ros2_control_node", name="controller_manager", parameter_files=paths
        ),
        Companion("controller_manager", "spawner", (*active, *manager), lasting=False),
        Companion("controller_manager", "spawner", (streaming[1], "--inactive", *manager), lasting=False),
        *(
            Companion(p.package, p.executable, name=p.name, parameters={"robot_ip": hardware.robot_ip})
            for p in programs
        ),
    )


def _watching(safety: NodeSpec, essential: list[str]) -> NodeSpec:
    """The safety node with the list of nodes whose heartbeat it needs."""
    return replace(safety, parameters={**safety.parameters, "required_nodes": ",".join(essential)})


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
