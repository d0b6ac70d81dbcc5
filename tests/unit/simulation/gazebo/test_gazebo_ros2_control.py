"""gz_ros2_control in the world, its controllers and the bridge: the names are those of the ROS graph."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import yaml

from rafr.errors import InputError
from rafr.nodes.graph import NAMESPACE
from rafr.resources import resource_path
from rafr.simulation.gazebo import names
from rafr.simulation.gazebo.ros2_control import (
    CONTROLLERS,
    PACKAGES,
    controlled_urdf,
    require_ros2_control,
)
from rafr.simulation.gazebo.world import write_world


@pytest.fixture(scope="module")
def worlds(blocks, tmp_path_factory):
    """One arrangement written for each driver of the arm."""
    arrangement = blocks.plant(seed=2).arrangement
    folder = tmp_path_factory.mktemp("worlds")
    paths = (write_world(arrangement, folder / str(on), ros2_control=on) for on in (False, True))
    return arrangement, *(ET.parse(path).getroot().find("world") for path in paths)


def configuration(*files):
    """ROS parameters by node, later files over earlier ones."""
    merged = {}
    for file in files:
        for node, content in yaml.safe_load(resource_path(file).read_text(encoding="utf-8")).items():
            merged.setdefault(node, {}).update(content["ros__parameters"])
    return merged


@pytest.mark.slow
def test_the_two_worlds_differ_in_the_arms_driver_only(worlds):
    _, own, controlled = worlds
    drivers = [
        w.find("plugin[@filename='gz-sim-python-system-loader-system']/arm_driver") for w in worlds[1:]
    ]
    assert [d.text for d in drivers] == ["rafr", "ros2_control"]
    plugin = "model[@name='rafr']/plugin[@filename='gz_ros2_control-system']"
    assert own.find(plugin) is None
    robots = [w.find(f"model[@name='{names.MODEL}']") for w in (own, controlled)]
    robots[1].remove(controlled.find(plugin))
    assert ET.tostring(robots[0]).split() == ET.tostring(robots[1]).split()


def test_the_plugin_reads_the_parameter_files_in_the_graphs_namespace(blocks):
    plugin = ET.fromstring(controlled_urdf(blocks.plant(seed=2).arrangement)).find("gazebo/plugin")
    assert plugin.findtext("ros/namespace") == NAMESPACE
    files = [p.text for p in plugin.findall("parameters")]
    assert [Path(f).name for f in files] == [
        "controllers.yaml",
        "controllers_ur16e.yaml",
        "controllers_gazebo.yaml",
    ]


def test_the_arm_begins_parked(worlds):
    arrangement = worlds[0]
    joints = ET.fromstring(controlled_urdf(arrangement)).findall("ros2_control/joint")
    begun = [float(j.findtext("state_interface/param[@name='initial_value']")) for j in joints]
    assert np.allclose(begun, arrangement.parked_arm, atol=1e-9)


def test_the_controllers_are_the_graphs_and_move_the_arms_joints(worlds):
    parameters = configuration("config/controllers.yaml", "config/controllers_ur16e.yaml")
    manager = parameters[f"{NAMESPACE}/controller_manager"]
    known = {name for name, value in manager.items() if isinstance(value, dict)}
    assert known >= set(CONTROLLERS)
    assert set(parameters) == {f"{NAMESPACE}/{n}" for n in ("controller_manager", *known)}
    controller = parameters[f"{NAMESPACE}/joint_trajectory_controller"]
    joints = ET.fromstring(controlled_urdf(worlds[0])).findall("ros2_control/joint")
    assert controller["joints"] == [j.get("name") for j in joints]
    assert controller["interpolate_from_desired_state"] is True  # of the first file
    commanded = {i.get("name") for j in joints for i in j.findall("command_interface")}
    assert set(controller["command_interfaces"]) == commanded
    graph = resource_path("docs/ros_graph.md").read_text(encoding="utf-8")
    assert "`joint_trajectory_controller/joint_trajectory`" in graph


def test_in_gazebo_the_controllers_go_by_its_clock_once_per_tick():
    parameters = configuration("config/controllers.yaml", "config/controllers_gazebo.yaml")
    assert parameters["/**"]["use_sim_time"] is True
    assert 1000 / parameters[f"{NAMESPACE}/controller_manager"]["update_rate"] == names.TICK_MS
    assert 0.0 < parameters[f"{NAMESPACE}/gz_ros_control"]["position_proportional_gain"] <= 1.0


def test_the_bridge_carries_what_the_world_publishes(worlds):
    entries = yaml.safe_load(resource_path("config/ros_gz_bridge.yaml").read_text(encoding="utf-8"))
    assert all(entry["direction"] == "GZ_TO_ROS" for entry in entries)
    carried = {entry["gz_topic_name"]: entry["ros_topic_name"] for entry in entries}
    assert carried == {names.CLOCK: "/clock", names.WRIST: f"{NAMESPACE}/wrench/raw"}
    assert worlds[2].findtext(".//sensor[@type='force_torque']/topic") == names.WRIST


def test_missing_packages_are_named_with_the_way_to_get_them(monkeypatch, tmp_path):
    index = tmp_path / "share/ament_index/resource_index/packages"
    index.mkdir(parents=True)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    for name in PACKAGES[1:]:
        (index / name).touch()
    with pytest.raises(InputError, match=r"no ROS package gz_ros2_control; .*apt install") as raised:
        require_ros2_control("control")
    assert "ros_gz_bridge" not in str(raised.value).partition(";")[0]
    (index / PACKAGES[0]).touch()
    require_ros2_control("control")
