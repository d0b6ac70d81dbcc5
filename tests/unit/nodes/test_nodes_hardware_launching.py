"""launch/hardware.launch.py: the same nodes without a simulator, the vendors' drivers, clear refusals."""

import importlib.util
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from rafr.errors import InputError
from rafr.nodes.graph import NAMESPACE, GraphOptions, HardwareOptions, build_companions, build_graph
from rafr.nodes.hardware_launching import HARDWARE_ARGUMENTS, MODES, hardware_options
from rafr.nodes.launching import companion_arguments, node_arguments
from rafr.resources import resource_path
from rafr.robot.arm import ArmModel
from rafr.robot.description import ARMS, urdf_text
from rafr.robot.driver import driver_of, resolved, wrist_of

ROOT = Path(__file__).resolve().parents[3]
DEFAULTS = {name: default for name, (default, _) in HARDWARE_ARGUMENTS.items()}
OUT = Path("/runs/1")
ADDRESS = "192.0.2.7"


@pytest.fixture
def case(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "rafr.nodes.hardware_launching.load_case", lambda folder: SimpleNamespace(folder=Path(folder))
    )
    return str(tmp_path)


@pytest.fixture
def everything_installed(monkeypatch):
    monkeypatch.setattr("rafr.nodes.hardware_launching.require_packages", lambda *_: None)


def control_of(arm):
    return ET.fromstring(urdf_text(arm, "hardware", robot_ip=ADDRESS)).find("ros2_control")


@pytest.mark.parametrize(
    ("mode", "beside"),
    [("mock", {"wrist", "bench"}), ("emulated", {"wrist", "bench", "arm_endpoint"}), ("hardware", {"wrist"})],
)
def test_the_nodes_are_those_of_the_simulator_without_it_and_with_what_takes_its_place(mode, beside):
    simulated = {s.name: s for s in build_graph(GraphOptions("c", "o"))}
    options = GraphOptions("c", "o", sim="none", hardware=HardwareOptions(mode))
    real = {s.name: s for s in build_graph(options)}
    assert set(real) == set(simulated) - {"or_simulator"} | beside
    for name, spec in real.items():
        assert "use_sim_time" not in spec.parameters
        if name in simulated and name not in ("safety", "tracker"):
            told = {k: v for k, v in simulated[name].parameters.items() if k != "use_sim_time"}
            assert dict(spec.parameters) == told
    watched = set(real["safety"].parameters["required_nodes"].split(","))
    assert beside <= watched
    assert "or_simulator" not in watched


def test_the_tracker_wrist_and_stream_get_what_was_asked_for(case):
    values = {
        **DEFAULTS,
        "case": case,
        "mode": "emulated",
        "tracker": "ndi",
        "tracker_parameters": "ndi_address=10.0.0.7; ndi_port=8766;tools=a=b, c=d; silence=0.5",
        "stream": "position",
        "record_wrist": "/tmp/w.csv",
    }
    specs = {s.name: s for s in build_graph(hardware_options(values, OUT))}
    assert specs["tracker"].parameters == {
        "driver": "ndi",
        "ndi_address": "10.0.0.7",
        "ndi_port": 8766,
        "tools": "a=b, c=d",
        "silence": 0.5,
    }
    assert specs["wrist"].parameters["record"] == "/tmp/w.csv"
    for name in ("arm_controller", "arm_endpoint"):
        assert specs[name].parameters["stream"] == "position"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arm": "ur3"}, "arm: 'ur3' is unknown"),
        ({"mode": "real"}, "mode: 'real' is unknown; expected one of mock, emulated, hardware"),
        ({"mode": "hardware"}, "robot_ip: it is missing"),
        ({"mode": "hardware", "robot_ip": "the robot"}, "robot_ip: 'the robot' is no address"),
        ({"robot_ip": ADDRESS}, f"robot_ip: '{ADDRESS}' with mode:=mock"),
        ({"case": ""}, "case: it is missing"),
        ({"tracker": "sextant"}, "tracker: 'sextant' is unknown"),
        ({"tracker_parameters": "ndi_adress=1"}, "tracker_parameters: 'ndi_adress=1'.*ndi_address"),
        ({"tracker_parameters": "ndi_port"}, "tracker_parameters: 'ndi_port'"),
        ({"payload": "/no/such.yaml"}, "payload: there is no file"),
        ({"stream": "voice"}, "stream: 'voice' is unknown"),
        ({"headless": "perhaps"}, "headless: 'perhaps'"),
        ({"page_port": "-1"}, "page_port: '-1'"),
    ],
)
def test_a_bad_argument_is_one_clear_line(case, everything_installed, changes, words):
    with pytest.raises(InputError, match=words):
        hardware_options({**DEFAULTS, "case": case, **changes}, OUT)


def test_missing_packages_are_named_with_how_to_get_them(case, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", "/nowhere")
    with pytest.raises(InputError, match="mode:=mock: there is no ROS package controller_manager"):
        hardware_options({**DEFAULTS, "case": case}, OUT)
    asked = {**DEFAULTS, "case": case, "mode": "hardware", "robot_ip": ADDRESS}
    with pytest.raises(InputError, match=r"mode:=hardware: .*ur_robot_driver.*ros-jazzy-ur"):
        hardware_options(asked, OUT)
    assert hardware_options({**DEFAULTS, "case": case, "mode": "emulated"}, OUT).hardware.mode == "emulated"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stream", ["joint_trajectory", "position"])
@pytest.mark.parametrize("arm", ARMS)
def test_companions_bring_the_description_the_manager_and_the_controllers(arm, stream, mode):
    hardware = HardwareOptions(mode, ADDRESS, stream=stream)
    companions = build_companions(GraphOptions("c", "o", sim="none", arm=arm, hardware=hardware))
    if mode == "emulated":
        assert companions == ()
        return
    publisher, manager, active, inactive, *programs = (companion_arguments(c) for c in companions)
    urdf = ET.fromstring(publisher["parameters"][0]["robot_description"])
    assert urdf.find("ros2_control/hardware/plugin") is not None
    assert ("/tf", "robot_state_publisher/tf") in publisher["remappings"]  # `view` has these frames
    assert publisher["namespace"] == manager["namespace"] == NAMESPACE
    files = [Path(path).name for path in manager["parameters"]]
    extra = [f"hardware_{arm}.yaml"] if mode == "hardware" else []
    assert files == ["controllers.yaml", f"controllers_{arm}.yaml", *extra]
    streaming = ["joint_trajectory_controller", "forward_position_controller"]
    chosen = streaming[stream == "position"]
    assert chosen in active["arguments"]
    assert set(streaming) - {chosen} <= set(inactive["arguments"])
    assert "--inactive" in inactive["arguments"]
    assert "--inactive" not in active["arguments"]
    assert len(programs) == (len(driver_of(arm).programs) if mode == "hardware" else 0)
    words = companions[1].command_arguments()
    assert words.count("--params-file") == len(files)


@pytest.mark.parametrize("arm", ARMS)
def test_every_controller_spawned_is_configured_and_its_sensor_described(arm):
    manager, sensor = {}, ""
    for name in ("controllers.yaml", f"controllers_{arm}.yaml", f"hardware_{arm}.yaml"):
        parameters = yaml.safe_load(resource_path(f"config/{name}").read_text(encoding="utf-8"))
        manager |= parameters.get("/rafr/controller_manager", {}).get("ros__parameters", {})
        broadcaster = parameters.get("/rafr/force_torque_sensor_broadcaster", {})
        sensor = broadcaster.get("ros__parameters", {}).get("sensor_name", sensor)
    always = ("joint_state_broadcaster", "joint_trajectory_controller", "forward_position_controller")
    for name in (*driver_of(arm).controllers, *always):
        assert "type" in manager[name]
    states = [s.get("name") for s in control_of(arm).findall(f"sensor[@name='{sensor}']/state_interface")]
    assert states == [f"{kind}.{axis}" for kind in ("force", "torque") for axis in "xyz"]
    source = wrist_of(arm)
    assert source.topic == "force_torque_sensor_broadcaster/wrench"
    assert source.config.frame in {link.get("name") for link in ET.fromstring(urdf_text(arm)).findall("link")}


@pytest.mark.parametrize(
    ("arm", "commands", "states"),
    [
        ("ur16e", 2, 3),  # on_init of URPositionHardwareInterface, ur_robot_driver 3.8.0
        ("ur10e", 2, 3),
        ("lbr_med14", 2, 7),  # LBR_FRI_COMMAND_INTERFACE_SIZE and …_STATE_…, lbr_fri_ros2_stack 2.1.2
        ("fr3", 3, 3),  # franka_ros2_control_macros.xacro, franka_ros2 3.4.0
    ],
)
def test_every_joint_has_the_interfaces_its_vendors_driver_asks_for(arm, commands, states):
    joints = control_of(arm).findall("joint")
    assert [j.get("name") for j in joints] == list(ArmModel.named(arm).joint_names)
    for joint in joints:
        assert len(joint.findall("command_interface")) == commands
        assert len(joint.findall("state_interface")) == states
        assert {"position", "velocity", "effort"} <= {s.get("name") for s in joint.findall("state_interface")}


def test_the_lbrs_description_has_the_sensors_gpio_and_bounds_its_driver_verifies():
    control = control_of("lbr_med14")
    sensors = control.findall("sensor")
    assert [s.get("name") for s in sensors] == ["auxiliary_sensor", "estimated_ft_sensor"]
    assert [len(s.findall("state_interface")) for s in sensors] == [12, 6]
    assert [len(g.findall("command_interface")) for g in control.findall("gpio")] == [6]
    bounds = {p.get("name") for p in control.find("joint").findall("param")}
    assert bounds == {"min_position", "max_position", "max_velocity", "max_torque"}
    # the estimate must not stick at zero below a threshold: the arm controller takes that for a dead sensor
    assert float(sensors[1].findtext("param[@name='force_x_th']")) == 0.0


def test_files_of_installed_packages_are_resolved_and_others_left(tmp_path, monkeypatch):
    index = tmp_path / "share/ament_index/resource_index/packages"
    index.mkdir(parents=True)
    (index / "ur_robot_driver").touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    text = resolved("package://ur_robot_driver/resources/a.txt package://other/b")
    assert text == f"{tmp_path}/share/ur_robot_driver/resources/a.txt package://other/b"


def test_a_labs_own_names_reach_every_node(case, everything_installed, monkeypatch, tmp_path):
    path = tmp_path / "hardware.yaml"
    path.write_text("remappings: {cmd_vel: /base/cmd_vel, clamp: clamp}")
    monkeypatch.setattr("rafr.nodes.hardware_launching.resource_path", lambda _: path)
    values = {**DEFAULTS, "case": case, "mode": "hardware", "robot_ip": ADDRESS}
    for spec in build_graph(hardware_options(values, OUT)):
        assert spec.remappings == (("cmd_vel", "/base/cmd_vel"),)
    path.write_text("remappings: [cmd_vel]")
    with pytest.raises(InputError, match="a mapping of names to names"):
        hardware_options(values, OUT)


def test_the_hardware_launch_file_starts_the_list_and_its_companions(stub_launch, case, tmp_path):
    stub_launch.values = {**DEFAULTS, "case": case, "mode": "emulated", "out": str(tmp_path / "run")}
    module = runpy.run_path(str(ROOT / "launch" / "hardware.launch.py"))
    description = module["generate_launch_description"]()
    declared = [a.args[0] for a in description.args[0] if type(a).__name__ == "DeclareLaunchArgument"]
    assert declared == list(HARDWARE_ARGUMENTS)
    options = hardware_options(stub_launch.values, tmp_path / "run")
    started = [n.kwargs for n in module["start"](None)]
    assert started == [node_arguments(s) for s in build_graph(options)]
    assert (tmp_path / "run").is_dir()  # the procedure asks for it at once


def test_a_run_is_never_written_over_another(stub_launch, case, tmp_path):
    out = tmp_path / "run"
    (out / "recording").mkdir(parents=True)
    stub_launch.values = {**DEFAULTS, "case": case, "mode": "emulated", "out": str(out)}
    module = runpy.run_path(str(ROOT / "launch" / "hardware.launch.py"))
    with pytest.raises(InputError, match=r"out: .* is not empty; expected a new folder"):
        module["start"](None)


@pytest.mark.skipif(importlib.util.find_spec("launch_ros") is None, reason="launch_ros is not installed")
def test_the_real_launch_reads_the_launch_file():
    module = runpy.run_path(str(ROOT / "launch" / "hardware.launch.py"))
    entities = module["generate_launch_description"]().entities
    assert type(entities[-1]).__name__ == "OpaqueFunction"
