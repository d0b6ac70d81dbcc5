"""The world of a case holds the same patient as the embedded plant's model."""

import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rafr.geometry import RigidTransform
from rafr.room import OperatingRoom
from rafr.simulation.gazebo.engine import _free_body
from rafr.simulation.gazebo.names import BONE_JOINTS
from rafr.simulation.gazebo.world import write_world


@pytest.fixture(scope="module")
def world(blocks, tmp_path_factory):
    plant = blocks.plant(seed=2)
    path = write_world(plant.arrangement, tmp_path_factory.mktemp("world"))
    return plant.arrangement, path, ET.parse(path).getroot().find("world")


def test_the_bones_are_where_they_are_and_weigh_what_they_weigh(world):
    arrangement, path, root = world
    for name, inertia in arrangement.inertias.items():
        link = root.find(f"model[@name='bone_{name}']/link[@name='bone']")
        values = [float(v) for v in link.find("pose").text.split()]
        centroid = arrangement.poses[name].apply(inertia.centroid)
        assert np.allclose(values[:3], centroid, atol=1e-12)
        R = Rotation.from_euler("xyz", values[3:]).as_matrix()
        assert np.allclose(R, arrangement.poses[name].rotation, atol=1e-12)
        assert float(link.find("inertial/mass").text) == pytest.approx(inertia.mass)
        assert link.find("gravity").text == "false"
        mesh = path.parent / f"{name}.stl"
        assert link.find("visual/geometry/mesh/uri").text == mesh.as_uri()
        assert mesh.stat().st_size == 84 + 50 * len(arrangement.meshes[name].mesh.faces)


def test_the_mesh_file_is_the_bone(world):
    import trimesh

    arrangement, path, _ = world
    read = trimesh.load(path.parent / "left.stl")
    assert np.allclose(read.bounds[0], arrangement.meshes["left"].mesh.vertices.min(axis=0), atol=1e-3)


def test_table_and_system_are_those_of_the_room_and_case(world):
    arrangement, _, root = world
    table = arrangement.room.table
    size = [float(v) for v in root.find("model[@name='table']/link/visual/geometry/box/size").text.split()]
    assert size == [table.length, table.width, table.thickness]
    plugins = {p.get("name"): p for p in root.findall("plugin")}
    system = plugins["gz::sim::systems::PythonSystemLoader"]
    assert system.find("case").text == str(arrangement.case.folder)
    assert system.find("seed").text == "2"
    assert OperatingRoom.from_yaml(system.find("room").text) == arrangement.room
    assert float(root.find("physics/max_step_size").text) == 1e-3


def test_siblings_have_names_of_their_own(world):
    """SDF's own rule, whatever the siblings are."""
    for element in world[2].iter():
        names = [child.get("name") for child in element if child.get("name") and child.tag != "plugin"]
        assert len(names) == len(set(names)), f"{element.tag} {element.get('name')}"


def test_a_bones_joints_say_where_it_is():
    rng = np.random.default_rng(4)
    R0 = Rotation.random(random_state=5).as_matrix()
    q, qd, h = rng.uniform(-0.6, 0.6, 6), rng.uniform(-1, 1, 6), 1e-6
    (R, p), twist = _free_body(q, qd, R0, np.array([1.0, 2.0, 3.0]))
    expected = Rotation.from_euler("XYZ", q[3:]).as_matrix() @ R0
    assert np.allclose(R, expected, atol=1e-12)
    assert np.allclose(p - q[:3], [1.0, 2.0, 3.0])
    (R_after, p_after), _ = _free_body(q + h * qd, qd, R0, np.array([1.0, 2.0, 3.0]))
    turned = RigidTransform(R_after @ R.T, np.zeros(3)).rotvec / h
    assert np.allclose(np.concatenate([(p_after - p) / h, turned]), twist, atol=1e-4)


def test_the_joints_of_a_bone_are_those_the_engine_reads(world):
    root = world[2]
    model = root.find("model[@name='bone_left']")
    assert tuple(j.get("name") for j in model.findall("joint")) == BONE_JOINTS
    kinds = SimpleNamespace(**{j.get("name"): j.get("type") for j in model.findall("joint")})
    assert kinds.x == kinds.y == kinds.z == "prismatic"
    assert kinds.rx == kinds.ry == kinds.rz == "revolute"
