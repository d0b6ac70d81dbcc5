"""Parameters out of range are refused by every node: at its start, and when they are set while it runs."""

import ast
import dataclasses
import importlib
import math
from pathlib import Path

import pytest

import rafr.nodes
from rafr.errors import InputError
from rafr.nodes.graph import GraphOptions, HardwareOptions, build_graph

pytestmark = pytest.mark.ros
FOLDER = Path(rafr.nodes.__file__).parent
# of the node, that a person or a test rig may change while it runs; the node judges them itself
LIVE = {("arm_endpoint", "fault"), ("arm_endpoint", "speed_scaling")}
UNBOUNDED = {"seed"}
GAZEBO = ("gazebo_bridge", "gazebo_devices")  # the or_simulator on another plant


def executables():
    """Of every node that any graph has."""
    rooms = [GraphOptions("case", "out", sim=sim, drill=True) for sim in ("embedded", "gazebo")]
    rooms += [GraphOptions("case", "out", control="ros2_control", sim="gazebo")]
    rooms += [
        GraphOptions("case", "out", hardware=HardwareOptions(mode=mode)) for mode in ("emulated", "hardware")
    ]
    return sorted({spec.executable for options in rooms for spec in build_graph(options)})


def configs(executable):
    """The config dataclasses a node declares its parameters from."""
    executable = dict.fromkeys(("gazebo_bridge", "gazebo_devices"), "or_simulator").get(
        executable, executable
    )
    module = importlib.import_module(f"rafr.nodes.{executable}")
    tree = ast.parse((FOLDER / f"{executable}.py").read_text(encoding="utf-8"))
    names = [
        node.args[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (node.func.attr, len(node.args)) == ("config", 1)
    ]
    return [getattr(module, name) for name in names]


def wrong_values(field):
    """What must not be: beyond either bound, and no number."""
    kind = type(field.default)
    lower, upper = field.metadata["lower"], field.metadata["upper"]
    step = 1 if kind is int else 1e-3 * max(1.0, abs(upper or 1.0))
    values = [bound + side * step for bound, side in ((lower, -1), (upper, 1)) if bound is not None]
    return [kind(v) for v in values] + ([math.nan, math.inf, -math.inf] if kind is float else [])


def numbers(config):
    return [f for f in dataclasses.fields(config) if type(f.default) in (int, float)]


CONFIGS = {
    f"{executable}-{config.__name__}": (executable, config)
    for executable in executables()
    for config in configs(executable)
}


@pytest.fixture
def bare(ros_domain):
    """Makes a node that is nothing but its parameters; `given`: begun anew with those of a command line."""
    import rclpy

    from rafr.nodes.runtime import RafrNode

    class Bare(RafrNode):
        def given(self, **overrides):
            self._parameters.clear()
            self._descriptors.clear()
            self._parameter_overrides = {n: rclpy.Parameter(n, value=v) for n, v in overrides.items()}

    rclpy.init(domain_id=ros_domain)
    made = []

    def make():
        made.append(Bare("bare"))
        return made[-1]

    yield make
    for node in made:
        node.destroy_node()
    rclpy.try_shutdown()


def test_every_node_declares_all_its_parameters_from_configs():
    declaring = [p.stem for p in FOLDER.glob("*.py") if "declare_parameter" in p.read_text(encoding="utf-8")]
    assert declaring == ["runtime"]
    assert len(executables()) > 14
    assert all(configs(name) for name in executables())


@pytest.mark.parametrize("name", CONFIGS)
def test_every_number_is_bounded(name):
    _, config = CONFIGS[name]
    unbounded = [
        field.name
        for field in numbers(config)
        if field.name not in UNBOUNDED and None in (field.metadata.get("lower"), field.metadata.get("upper"))
    ]
    assert unbounded == []


@pytest.mark.slow
def test_what_is_out_of_range_or_no_number_is_refused_at_the_start(bare):
    node, refused = bare(), 0
    for _, config in CONFIGS.values():
        for field in numbers(config):
            for value in wrong_values(field):
                node.given(**{field.name: value})
                with pytest.raises(InputError, match=f"parameter {field.name} ") as caught:
                    node.config(config)
                assert "\n" not in str(caught.value)
                refused += 1
    assert refused > 500


def test_nothing_changes_while_a_node_runs(bare):
    import rclpy

    node = bare()
    for executable, config in CONFIGS.values():
        node.given()
        live = tuple(name for node_name, name in LIVE if node_name == executable)
        before = node.config(config, live=live)
        for field in numbers(config):
            if (executable, field.name) in LIVE:
                continue
            for value in (*wrong_values(field), field.default):
                (answer,) = node.set_parameters([rclpy.Parameter(field.name, value=value)])
                assert not answer.successful, f"{executable}: {field.name} = {value}"
                assert field.name in answer.reason
                assert "read-only" in answer.reason
                assert "\n" not in answer.reason
            assert node.get_parameter(field.name).value == getattr(before, field.name)


@pytest.mark.slow
@pytest.mark.parametrize("executable", executables())
def test_a_real_node_ends_with_one_line_and_exit_code_2(executable, lab):
    fields = [field for config in configs(executable) for field in numbers(config)]
    if not fields:
        pytest.skip("it has no numbers")
    value = wrong_values(fields[0])[0]
    process = lab.start(executable, **{fields[0].name: value})
    assert process.wait(timeout=90.0) == 2
    lines = [line for line in lab.log(executable).splitlines() if line.startswith("rafr: ")]
    assert len(lines) == 1
    assert f"parameter {fields[0].name} is" in lines[0]
    assert "Traceback" not in lab.log(executable)
