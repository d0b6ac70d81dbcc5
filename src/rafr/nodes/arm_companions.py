"""Processes of other packages beside an arm: its description, ros2_control, the vendor's programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from rafr.nodes.specs import NAMESPACE, Companion
from rafr.resources import resource_path
from rafr.robot.description import urdf_text
from rafr.robot.driver import driver_of, resolved


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


def arm_companions(arm: str, hardware: HardwareOptions) -> tuple[Companion, ...]:
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
