"""Rules of the house that a reader relies on, checked on the source itself."""

import ast
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "rafr"
ROS_PACKAGES = {
    "rclpy",
    "rafr_msgs",
    "std_msgs",
    "std_srvs",
    "geometry_msgs",
    "sensor_msgs",
    "nav_msgs",
    "trajectory_msgs",
    "visualization_msgs",
    "diagnostic_msgs",
    "builtin_interfaces",
    "rosgraph_msgs",
    "tf2_msgs",
}
# who may know the truth of a simulated case: its maker, the plant, and the final measurement
TRUTH_READERS = (
    "cases/truth.py",
    "cases/values.py",
    "cases/simulate",
    "simulation/",
    "nodes/or_simulator.py",
    "nodes/console.py",
    "cli/sim.py",
    "review/report.py",
)


def modules():
    return sorted(SOURCE.rglob("*.py"))


def imported(path):
    """Top-level and dotted names a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_the_nodes_import_ros():
    offenders = [
        f"{path.relative_to(SOURCE)}: {name}"
        for path in modules()
        if path.parent.name != "nodes"
        for name in imported(path)
        if name.split(".")[0] in ROS_PACKAGES
    ]
    assert offenders == []


def test_the_core_does_not_import_nodes_or_commands():
    offenders = [
        f"{path.relative_to(SOURCE)}: {name}"
        for path in modules()
        if path.relative_to(SOURCE).parts[0] not in ("nodes", "cli")
        for name in imported(path)
        if name.startswith(("rafr.nodes", "rafr.cli"))
    ]
    assert offenders == []


def test_nobody_but_simulator_and_final_measurement_reads_the_truth():
    offenders = []
    for path in modules():
        name = path.relative_to(SOURCE).as_posix()
        if name.startswith(TRUTH_READERS):
            continue
        text = path.read_text(encoding="utf-8")
        if any(n.startswith("rafr.cases.truth") for n in imported(path)) or "truth_path" in text:
            offenders.append(name)
    assert offenders == []


def test_the_lock_pins_every_package_exactly_once():
    lines = [
        line
        for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    names = [line.split("==")[0] for line in lines]
    assert all("==" in line for line in lines)
    assert len(names) == len(set(names)) > 100
    direct = [
        line.split("==")[0].split("[")[0].lower().replace("_", "-")
        for line in (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert set(direct) <= set(names)


@pytest.mark.parametrize(
    ("manifest", "build_type"),
    [("package.xml", "ament_python"), ("ros2_ws/src/rafr_msgs/package.xml", "ament_cmake")],
)
def test_package_manifests_are_valid_and_of_the_right_type(manifest, build_type):
    from catkin_pkg.package import parse_package

    # an invalid manifest silently turns an ament package into plain Python
    package = parse_package(str(ROOT / manifest))
    package.validate()
    assert ElementTree.parse(ROOT / manifest).find("export/build_type").text == build_type


def test_colcon_finds_both_packages_from_the_workspace():
    colcon = Path(sys.executable).with_name("colcon")
    result = subprocess.run(
        [colcon, "list"],
        cwd=ROOT / "ros2_ws",
        env={"COLCON_DEFAULTS_FILE": "colcon_defaults.yaml", "PATH": str(colcon.parent), "HOME": "/tmp"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = {tuple(line.split("\t")[::2]) for line in result.stdout.splitlines()}
    assert found == {("rafr", "(ros.ament_python)"), ("rafr_msgs", "(ros.ament_cmake)")}


def test_every_console_script_has_its_module():
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    nodes = next(n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "NODES")
    missing = [n for n in ast.literal_eval(nodes) if not (SOURCE / "nodes" / f"{n}.py").is_file()]
    assert missing == []


def test_every_test_that_the_hazard_table_names_exists():
    text = (ROOT / "docs" / "hazards.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)
    assert len(named) > 20
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []
