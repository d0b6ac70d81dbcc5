"""The world of a case: the room of `sim/worlds/operating_room.sdf` with table, robot and patient in it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.resources import resource_path
from rafr.robot.mobile import DifferentialDrive
from rafr.robot.urdf import joint_chain
from rafr.room import Table
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.engine import CLAMP, bone
from rafr.simulation.gazebo.model import add_text, robot_model, sixfold, with_rotors
from rafr.simulation.gazebo.names import BONE_JOINTS, BONE_LINK
from rafr.simulation.gazebo.ros2_control import controlled_urdf
from rafr.simulation.inertia import BodyInertia
from rafr.units import METRES_PER_MM

WORLD_FILE = "operating_room.sdf"
_CARRIER_MASS, _CARRIER_GYRATION = 1e-3, 0.01  # kg, m: nothing beside a bone
_BONE_COLOURS = ("0.88 0.84 0.72 1", "0.85 0.62 0.42 1", "0.55 0.70 0.86 1", "0.62 0.80 0.58 1")


def write_world(arrangement: Arrangement, folder: Path, *, ros2_control: bool = False) -> Path:
    """Write the world and the bones' meshes into a folder; returns the world's path.

    Args:
        ros2_control: gz_ros2_control moves the arm, not the plant.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tree = ET.parse(resource_path(f"sim/worlds/{WORLD_FILE}"))
    world = tree.getroot().find("world")
    assert world is not None
    room = folder / "room.yaml"
    arrangement.room.to_yaml(room)
    world.append(_plant_system(arrangement, room, ros2_control))
    world.append(_table(arrangement.room.table))
    drive = DifferentialDrive.from_yaml()
    urdf = gazebo_urdf(controlled_urdf(arrangement) if ros2_control else arrangement.urdf)
    world.append(robot_model(urdf, arrangement.parking, drive.wheel.radius, drive.wheel.track))
    for i, (name, inertia) in enumerate(arrangement.inertias.items()):
        mesh = _write_mesh(arrangement.meshes[name].mesh, folder / f"{name}.stl")
        pose = arrangement.poses[name]
        world.append(_bone(name, inertia, pose, mesh, _BONE_COLOURS[i % len(_BONE_COLOURS)]))
    ET.indent(tree)
    path = folder / WORLD_FILE
    tree.write(path, encoding="unicode", xml_declaration=True)
    return path


def gazebo_urdf(urdf: str) -> str:
    """The robot as Gazebo carries it: its rotors' inertia in the links."""
    moving = (j for j in joint_chain(urdf, "arm_base", CLAMP) if j.moves)
    return with_rotors(urdf, {j.name: j.rotor_inertia for j in moving})


def _plant_system(arrangement: Arrangement, room: Path, ros2_control: bool) -> ET.Element:
    """What the system needs to build the same plant; the rest it reads from the case."""
    name = "gz::sim::systems::PythonSystemLoader"
    plugin = ET.Element("plugin", filename="gz-sim-python-system-loader-system", name=name)
    add_text(plugin, "module_name", "rafr_plant")
    add_text(plugin, "case", str(arrangement.case.folder.resolve()))
    add_text(plugin, "room", str(room.resolve()))
    add_text(plugin, "seed", str(arrangement.seed))
    add_text(plugin, "arm", arrangement.config.arm)
    add_text(plugin, "arm_driver", "ros2_control" if ros2_control else "rafr")
    return plugin


def _table(table: Table) -> ET.Element:
    model = ET.Element("model", name="table")
    add_text(model, "static", "true")
    add_text(model, "pose", f"0 0 {table.height - table.thickness / 2:.12g} 0 0 0")
    link = ET.SubElement(model, "link", name="top")
    for kind in ("collision", "visual"):
        shape = ET.SubElement(link, kind, name=kind)
        box = ET.SubElement(ET.SubElement(shape, "geometry"), "box")
        add_text(box, "size", f"{table.length:.12g} {table.width:.12g} {table.thickness:.12g}")
    return model


def _bone(name: str, inertia: BodyInertia, T_world_ct: RigidTransform, mesh: Path, colour: str) -> ET.Element:
    """A body at the bone's centroid in its CT's axes, free to move; nothing touches it, its weight is borne.

    Six joints lead to it from the world, because Gazebo reports joints exactly, but a free link only when it
    has moved by a micrometre, which stiff pins would feel as chatter.
    """
    model = ET.Element("model", name=bone(name))
    place = RigidTransform(T_world_ct.rotation, T_world_ct.apply(inertia.centroid))
    here = sixfold(RigidTransform.from_translation(place.translation))
    parent = "world"
    for i, joint in enumerate(BONE_JOINTS):
        last = i == len(BONE_JOINTS) - 1
        child = BONE_LINK if last else f"carrier_{joint}"
        link = _free_link(model, child, sixfold(place) if last else here)
        if last:
            _add_bone(link, name, inertia, mesh, colour)
        else:
            _add_inertia(link, _CARRIER_MASS, _CARRIER_MASS * _CARRIER_GYRATION**2 * np.eye(3))
        kind = "prismatic" if i < 3 else "revolute"
        element = ET.SubElement(model, "joint", name=joint, type=kind)
        ET.SubElement(element, "pose", relative_to="__model__").text = here
        add_text(element, "parent", parent)
        add_text(element, "child", child)
        direction = " ".join("1" if k == i % 3 else "0" for k in range(3))
        add_text(ET.SubElement(element, "axis"), "xyz", direction)
        parent = child
    return model


def _free_link(model: ET.Element, name: str, pose: str) -> ET.Element:
    link = ET.SubElement(model, "link", name=name)
    add_text(link, "pose", pose)
    add_text(link, "gravity", "false")
    return link


def _add_inertia(link: ET.Element, mass: float, inertia: FloatArray) -> None:
    inertial = ET.SubElement(link, "inertial")
    add_text(inertial, "mass", f"{mass:.15g}")
    tensor, axes = ET.SubElement(inertial, "inertia"), "xyz"
    for i in range(3):
        for j in range(i, 3):
            add_text(tensor, f"i{axes[i]}{axes[j]}", f"{inertia[i, j]:.15g}")


def _add_bone(link: ET.Element, name: str, inertia: BodyInertia, mesh: Path, colour: str) -> None:
    _add_inertia(link, inertia.mass, inertia.inertia)
    visual = ET.SubElement(link, "visual", name=name)
    x, y, z = -inertia.centroid
    add_text(visual, "pose", f"{x:.12g} {y:.12g} {z:.12g} 0 0 0")
    shape = ET.SubElement(ET.SubElement(visual, "geometry"), "mesh")
    add_text(shape, "uri", mesh.resolve().as_uri())
    add_text(shape, "scale", f"{METRES_PER_MM} {METRES_PER_MM} {METRES_PER_MM}")
    material = ET.SubElement(visual, "material")
    add_text(material, "ambient", colour)
    add_text(material, "diffuse", colour)


def _write_mesh(mesh: TriangleMesh, path: Path) -> Path:
    """Binary STL, mm in the CT."""
    corners = mesh.vertices[mesh.faces].astype("<f4")
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    records = np.zeros(len(corners), dtype=[("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("pad", "<u2")])
    records["normal"], records["corners"] = normals, corners
    path.write_bytes(bytes(80) + np.uint32(len(records)).tobytes() + records.tobytes())
    return path
