"""The launch files start what `rafr sim` starts."""

import importlib.util
import runpy
import types
from pathlib import Path

import pytest

from rafr.errors import InputError
from rafr.nodes.graph import NAMESPACE, GraphOptions, build_companions, build_graph
from rafr.nodes.launching import SIM_ARGUMENTS, companion_arguments, graph_options, node_arguments, only

ROOT = Path(__file__).resolve().parents[3]
DEFAULTS = {name: default for name, (default, _) in SIM_ARGUMENTS.items()}


def command_line(arguments):
    """The ROS arguments launch_ros makes of a Node's keyword arguments (parameters as a mapping)."""
    result = {"__ns": arguments["namespace"], "__node": arguments["name"]}
    for parameters in arguments["parameters"]:
        result |= parameters
    return result


def supervisor_line(spec):
    """The same read from the arguments `rafr sim` passes."""
    import yaml

    result = {}
    words = [w for w in spec.arguments()[1:] if w not in spec.enclave]
    for flag, word in zip(words[::2], words[1::2], strict=True):
        key, _, value = word.partition(":=")
        result[key] = yaml.safe_load(value) if flag == "-p" else value
    return result


@pytest.mark.parametrize("page", [True, False])
def test_launch_and_supervisor_start_the_same_nodes_with_the_same_parameters(page):
    options = graph_options(
        {**DEFAULTS, "seed": "7", "headless": str(not page), "faults": "tracker-drop,wrench-nan"},
        Path("/cases/a b"),
        Path("/runs/1"),
    )
    specs = build_graph(options)
    assert options == GraphOptions(
        case="/cases/a b", out="/runs/1", seed=7, faults=("tracker-drop", "wrench-nan"), page=page
    )
    for spec in specs:
        launched = node_arguments(spec)
        assert launched["executable"] == spec.executable
        assert launched["namespace"] == NAMESPACE
        assert command_line(launched) == supervisor_line(spec)
        assert launched["ros_arguments"] == ["--enclave", f"{NAMESPACE}/{spec.name}"]
        assert " ".join(launched["ros_arguments"]) in " ".join(spec.arguments())


def test_the_drill_is_in_the_room_and_guided_only_when_asked_for():
    usual = build_graph(GraphOptions(case="c", out="o"))
    drilled = build_graph(graph_options({**DEFAULTS, "drill": "true"}, Path("c"), Path("o")))
    assert {s.name for s in drilled} - {s.name for s in usual} == {"drill"}
    assert [
        s.parameters["drill"] for specs in (usual, drilled) for s in specs if s.name == "or_simulator"
    ] == [
        False,
        True,
    ]


def test_only_keeps_the_lists_order():
    specs = build_graph(GraphOptions(case="c", out="o"))
    assert [s.name for s in only(specs, ("review", "view"))] == ["view", "review"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("seed", "-1"),
        ("seed", "x"),
        ("headless", "maybe"),
        ("sim", "webots"),
        ("arm", "ur3"),
        ("faults", "node-kill"),
    ],
)
def test_a_bad_launch_argument_is_refused_in_words(name, text):
    with pytest.raises(InputError, match=name):
        graph_options({**DEFAULTS, name: text}, Path("c"), Path("o"))


def test_gazebo_is_carried_by_the_bridge_and_nothing_else_changes(monkeypatch):
    monkeypatch.setattr("rafr.nodes.launching.require_gazebo", lambda option: None)
    options = graph_options({**DEFAULTS, "sim": "gazebo"}, Path("c"), Path("o"))
    gazebo, embedded = build_graph(options), build_graph(GraphOptions(case="c", out="o"))
    assert gazebo[0].executable == "gazebo_bridge"
    assert gazebo[0].name == embedded[0].name == "or_simulator"
    assert gazebo[0].parameters == embedded[0].parameters
    assert gazebo[1:] == embedded[1:]


@pytest.fixture
def everything_installed(monkeypatch):
    for name in ("require_gazebo", "require_ros2_control"):
        monkeypatch.setattr(f"rafr.nodes.launching.{name}", lambda option: None)


def test_ros2_control_changes_who_serves_the_room_and_brings_spawner_and_bridge(everything_installed):
    options = graph_options({**DEFAULTS, "sim": "gazebo", "control": "ros2_control"}, Path("c"), Path("o"))
    graph, embedded = build_graph(options), build_graph(GraphOptions(case="c", out="o"))
    assert graph[0].executable == "gazebo_devices"
    assert graph[0].name == "or_simulator"
    assert graph[0].parameters == {**embedded[0].parameters, "use_sim_time": True}
    assert graph[1:] == embedded[1:]
    spawner, bridge = (companion_arguments(c) for c in build_companions(options))
    assert spawner["executable"] == "spawner"
    assert {"joint_state_broadcaster", "joint_trajectory_controller"} < set(spawner["arguments"])
    assert f"{NAMESPACE}/controller_manager" in spawner["arguments"]
    assert bridge["parameters"][0]["config_file"].endswith("config/ros_gz_bridge.yaml")
    words = build_companions(options)[1].command_arguments()
    assert f"__ns:={bridge['namespace']}" in words
    assert f'config_file:="{bridge["parameters"][0]["config_file"]}"' in words
    assert build_companions(GraphOptions(case="c", out="o", sim="gazebo")) == ()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"control": "moveit"}, "control"),
        ({"control": "ros2_control", "sim": "embedded"}, "Gazebo as simulator"),
        ({"control": "ros2_control", "faults": "joint-stuck"}, "joint-stuck"),
    ],
)
def test_ros2_control_is_refused_where_it_moves_nothing(everything_installed, change, what):
    with pytest.raises(InputError, match=what):
        graph_options({**DEFAULTS, "sim": "gazebo", **change}, Path("c"), Path("o"))


def kinds_of(actions):
    return [type(action).__name__ for action in actions]


def test_the_sim_launch_file_starts_the_list_and_a_console(stub_launch, tmp_path, monkeypatch):
    import rafr.cli.sim_case as sim_case

    case = types.SimpleNamespace(folder=tmp_path / "case")
    monkeypatch.setattr(sim_case, "prepare_case", lambda *_: case)
    stub_launch.values = {**DEFAULTS, "out": str(tmp_path / "run"), "seed": "3", "auto_approve": "true"}
    module = runpy.run_path(str(ROOT / "launch" / "sim.launch.py"))
    description = module["generate_launch_description"]()
    declared = [a.args[0] for a in description.args[0] if type(a).__name__ == "DeclareLaunchArgument"]
    assert declared == list(SIM_ARGUMENTS)

    actions = module["start"](None)
    *nodes, console = actions
    specs = build_graph(graph_options(stub_launch.values, case.folder, tmp_path / "run"))
    assert [n.kwargs for n in nodes] == [node_arguments(s) for s in specs]
    command = console.kwargs["cmd"]
    assert command[1:4] == ["-m", "rafr.cli.main", "sim"]
    assert "--attach" in command
    assert "--auto-approve" in command
    assert kinds_of(console.kwargs["on_exit"]) == ["EmitEvent"]


def test_the_review_launch_file_starts_a_spare_view_the_page_and_rviz(stub_launch, tmp_path, monkeypatch):
    import rafr.cases.load

    case = types.SimpleNamespace(folder=tmp_path / "case")
    monkeypatch.setattr(rafr.cases.load, "open_case", lambda _: case)
    stub_launch.values = {**DEFAULTS, "case": str(case.folder), "rviz": "true"}
    module = runpy.run_path(str(ROOT / "launch" / "review.launch.py"))
    view, review, rviz = module["start"](None)
    assert (view.kwargs["executable"], view.kwargs["name"]) == ("view", "spare_view")
    assert view.kwargs["parameters"][0]["spare"] is True
    assert review.kwargs["name"] == "review"
    assert Path(rviz.kwargs["arguments"][1]).name == "rafr.rviz"


@pytest.mark.skipif(importlib.util.find_spec("launch_ros") is None, reason="launch_ros is not installed")
@pytest.mark.parametrize("name", ["sim", "review"])
def test_the_real_launch_reads_the_launch_files(name):
    module = runpy.run_path(str(ROOT / "launch" / f"{name}.launch.py"))
    entities = module["generate_launch_description"]().entities
    assert kinds_of(entities)[-1] == "OpaqueFunction"
