"""Arguments of launch/hardware.launch.py: an arm behind ros2_control. Imports no launch."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rafr.cases.case import load_case
from rafr.errors import InputError
from rafr.files import check_folder
from rafr.foreign import parse_yaml
from rafr.nodes.graph import GraphOptions, HardwareOptions
from rafr.nodes.launching import flag, integer
from rafr.resources import resource_path
from rafr.robot.description import ARMS
from rafr.robot.driver import driver_of, require_packages
from rafr.strict import read_yaml
from rafr.tracking.drivers.choose import DEVICES, DriverConfigs

MODES = ("mock", "emulated", "hardware")
STREAMS = ("joint_trajectory", "position")
_ROS2_CONTROL = (
    "controller_manager",
    "joint_state_broadcaster",
    "joint_trajectory_controller",
    "position_controllers",
    "robot_state_publisher",
)
_HOW = "apt install ros-jazzy-ros2-control ros-jazzy-ros2-controllers ros-jazzy-robot-state-publisher"
# launch argument -> (default, meaning); the launch file declares exactly these
HARDWARE_ARGUMENTS: dict[str, tuple[str, str]] = {
    "arm": ("ur16e", f"robot arm: {', '.join(ARMS)}"),
    "mode": ("mock", "mock (ros2_control without an arm), emulated (no ros2_control either) or hardware"),
    "robot_ip": ("", "address of the arm's controller (mode:=hardware)"),
    "case": ("", "case folder"),
    "out": ("", "folder of recording and report; empty: runs/<time>"),
    "tracker": ("simulated", f"tracking device: {', '.join(DEVICES)}; simulated: topic tracker/raw"),
    "tracker_parameters": ("", "of its driver, as igtl_host=10.0.0.2;igtl_port=18944 (docs/tracking.md)"),
    "payload": ("", "payload.yaml of rafr calibrate payload; empty: as the description has it"),
    "record_wrist": ("", "CSV file for rafr calibrate payload"),
    "stream": ("joint_trajectory", "controller that takes the commands: joint_trajectory or position"),
    "drill": ("false", "guide a tracked drill (tool `drill`; config/implants.yaml)"),
    "headless": ("false", "no review page"),
    "page_port": ("0", "of the review page; 0 = any free one"),
}


def hardware_options(values: Mapping[str, str], out: Path) -> GraphOptions:
    """Options of the node list from the launch arguments' texts; `out`: folder of the recording.

    Raises:
        InputError: a text does not say what its argument needs, or a ROS package is missing.
    """
    _one_of(values, "arm", ARMS)
    _one_of(values, "mode", MODES)
    _one_of(values, "stream", STREAMS)
    _one_of(values, "tracker", ("simulated", *DEVICES))
    mode = values["mode"]
    _check_address(mode, values["robot_ip"])
    if not values["case"]:
        raise InputError("case", "it is missing", "case:=FOLDER")
    case = load_case(values["case"])
    _check_file("payload", values["payload"])
    if mode == "mock":
        require_packages(_ROS2_CONTROL, _HOW, "mode:=mock")
    if mode == "hardware":
        driver = driver_of(values["arm"])
        require_packages(driver.packages, driver.install, "mode:=hardware")
    hardware = HardwareOptions(
        mode=mode,
        robot_ip=values["robot_ip"],
        tracker={"driver": values["tracker"], **_tracker(values["tracker_parameters"])},
        payload=values["payload"] and str(Path(values["payload"]).resolve()),
        record=values["record_wrist"] and str(Path(values["record_wrist"]).resolve()),
        stream=values["stream"],
        remappings=_remappings() if mode == "hardware" else (),
    )
    return GraphOptions(
        case=str(case.folder.resolve()),
        out=str(out),
        sim="none",
        arm=values["arm"],
        drill=flag(values, "drill"),
        page=not flag(values, "headless"),
        page_port=integer(values, "page_port"),
        hardware=hardware,
    )


def new_folder(out: Path) -> Path:
    """Make the run's folder before any node needs it.

    Raises:
        InputError: a run lies there already, which with an arm nothing may overwrite, or it cannot be made.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("out", f"{out} is not empty", "a new folder for the run")
    check_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    return out


def _one_of(values: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> None:
    if values[name] not in allowed:
        raise InputError(name, f"{values[name]!r} is unknown", f"one of {', '.join(allowed)}")


def _check_address(mode: str, address: str) -> None:
    if mode != "hardware":
        if address:
            raise InputError("robot_ip", f"{address!r} with mode:={mode}", "it with mode:=hardware only")
        return
    try:
        ipaddress.ip_address(address)
    except ValueError:
        problem = f"{address!r} is no address" if address else "it is missing"
        raise InputError("robot_ip", problem, "robot_ip:=ADDRESS of the arm's controller") from None


def _check_file(name: str, path: str) -> None:
    if path and not Path(path).is_file():
        raise InputError(name, f"there is no file {path}", "a file")


def _tracker(text: str) -> dict[str, Any]:
    """Parameters of the tracker node from `name=value;name=value`."""
    known = {"tools", "silence"} | {
        field.name
        for part in dataclasses.fields(DriverConfigs)
        for field in dataclasses.fields(part.default_factory)  # type: ignore[arg-type]
    }
    parameters = {}
    for pair in filter(None, (p.strip() for p in text.split(";"))):
        name, equals, value = pair.partition("=")
        if not equals or name not in known:
            expected = f"name=value;… with names of docs/tracking.md: {', '.join(sorted(known))}"
            raise InputError("tracker_parameters", repr(pair), expected)
        read = parse_yaml(value, "tracker_parameters", "name=value;…") if name != "tools" else value
        parameters[name] = read if isinstance(read, bool | int | float) else value
    return parameters


def _remappings() -> tuple[tuple[str, str], ...]:
    """The lab's names in config/hardware.yaml, where they differ."""
    path = resource_path("config/hardware.yaml")
    names = read_yaml(path).get("remappings")
    if not isinstance(names, dict) or not all(isinstance(v, str) for v in (*names, *names.values())):
        raise InputError(path, f"remappings is {names!r}", "a mapping of names to names")
    return tuple((ours, theirs) for ours, theirs in names.items() if ours != theirs)
