"""The robot's URDF as an SDF model, link by link: nothing merged, nothing renamed.

Gazebo can read URDF itself, but merges links behind fixed joints, and with them the force-torque sensor's
joint and the clamp's frame.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.simulation.gazebo.names import CMD_VEL, MODEL, ODOMETRY, SENSOR_JOINT, WRIST

# touching the floor or the room; the arm's own collisions are the planner's concern
_TOUCHING = ("base", "left_wheel", "right_wheel", "front_caster", "rear_caster")
_SLIPPERY = ("front_caster", "rear_caster")
_WHEELS = ("left_wheel_joint", "right_wheel_joint")
_SENSOR_RATE = 100  # Hz


def robot_model(
    urdf: str, parking: tuple[float, float, float], wheel_radius: float, track: float
) -> ET.Element:
    """SDF `<model>` of a URDF, with a force-torque sensor at the wrist, Gazebo's differential drive and
    the plugins that the URDF itself asks of Gazebo.

    Args:
        urdf: processed text; its root link stands on the floor.
        parking: (x, y, theta) of the base, m and rad.
        wheel_radius, track: of the drive, m.

    Raises:
        InputError: the text is no URDF that this can write.
    """
    try:
        tree = ET.fromstring(urdf)
    except ET.ParseError as error:
        raise InputError("URDF", f"not valid XML ({error})", "a robot description") from None
    colours = {m.get("name"): _colour(m) for m in tree.findall("material")}
    model = ET.Element("model", name=MODEL)
    x, y, theta = parking
    add_text(model, "pose", f"{x:.12g} {y:.12g} 0 0 0 {theta:.12g}")
    add_text(model, "allow_auto_disable", "false")
    massless = _massless(tree)
    joints = [j for j in tree.findall("joint") if _end(j, "child") not in massless]
    mounts = {_end(j, "child"): j for j in tree.findall("joint")}
    children = {_end(j, "child"): j.get("name", "") for j in joints}
    for link in tree.findall("link"):
        if link.get("name") not in massless:
            _add_link(model, link, children, colours)
    for joint in joints:
        _add_joint(model, joint, mounts, massless)
    _add_drive(model, wheel_radius, track)
    model.extend(tree.findall("gazebo/plugin"))
    return model


def with_rotors(urdf: str, inertia: Mapping[str, float]) -> str:
    """The URDF with its motors' rotors, which SDF does not know, as discs in the links they move.

    Args:
        inertia: kg m² seen at the joint, by joint.
    """
    tree = ET.fromstring(urdf)
    links = {link.get("name"): link for link in tree.findall("link")}
    for joint in tree.findall("joint"):
        if joint.get("name") not in inertia:
            continue
        inertial = links[_end(joint, "child")].find("inertial")
        tensor = None if inertial is None else inertial.find("inertia")
        if inertial is None or tensor is None:
            raise InputError("URDF", f"joint {joint.get('name')} moves a link without inertia", "an inertial")
        source = joint.find("axis")
        xyz = "1 0 0" if source is None else source.get("xyz", "1 0 0")
        axis = _origin(inertial.find("origin")).rotation.T @ np.array([float(v) for v in xyz.split()])
        # a disc's other two moments are half of that about its axis: with less no body could exist
        disc = 0.5 * inertia[joint.get("name", "")] * (np.eye(3) + np.outer(axis, axis) / (axis @ axis))
        for i in range(3):
            for j in range(i, 3):
                key = f"i{'xyz'[i]}{'xyz'[j]}"
                tensor.set(key, f"{float(tensor.get(key, '0')) + disc[i, j]:.15g}")
    return ET.tostring(tree, encoding="unicode")


def _massless(tree: ET.Element) -> frozenset[str]:
    """Links without inertia: mere frames, which a physics engine would give a mass."""
    names = frozenset(link.get("name", "") for link in tree.findall("link") if link.find("inertial") is None)
    movable = [j for j in tree.findall("joint") if j.get("type") != "fixed" and _end(j, "child") in names]
    if movable:
        raise InputError(
            "URDF", f"joint {movable[0].get('name')} moves a link without inertia", "an inertial"
        )
    return names


def _add_link(
    model: ET.Element, link: ET.Element, mounts: dict[str, str], colours: dict[str | None, str]
) -> None:
    name = link.get("name", "")
    element = ET.SubElement(model, "link", name=name)
    if name in mounts:
        ET.SubElement(element, "pose", relative_to=mounts[name])
    inertial = link.find("inertial")
    assert inertial is not None
    _add_inertia(element, inertial)
    for i, visual in enumerate(link.findall("visual")):
        shape = _add_shape(element, "visual", f"visual_{i}", visual)
        material = visual.find("material")
        if material is not None:
            colour = colours.get(material.get("name")) or _colour(material)
            paint = ET.SubElement(shape, "material")
            add_text(paint, "ambient", colour)
            add_text(paint, "diffuse", colour)
    if name in _TOUCHING:
        for i, collision in enumerate(link.findall("collision")):
            shape = _add_shape(element, "collision", f"collision_{i}", collision)
            friction = ET.SubElement(ET.SubElement(ET.SubElement(shape, "surface"), "friction"), "ode")
            mu = "0" if name in _SLIPPERY else "1"
            add_text(friction, "mu", mu)
            add_text(friction, "mu2", mu)


def _add_inertia(element: ET.Element, source: ET.Element) -> None:
    inertial = ET.SubElement(element, "inertial")
    add_text(inertial, "pose", _pose(source.find("origin")))
    mass, inertia = source.find("mass"), source.find("inertia")
    if mass is None or inertia is None:
        raise InputError("URDF", "an inertial without mass or inertia", "both")
    add_text(inertial, "mass", mass.get("value", "0"))
    tensor = ET.SubElement(inertial, "inertia")
    for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz"):
        add_text(tensor, key, inertia.get(key, "0"))


def _add_shape(element: ET.Element, kind: str, name: str, source: ET.Element) -> ET.Element:
    shape = ET.SubElement(element, kind, name=name)
    add_text(shape, "pose", _pose(source.find("origin")))
    geometry = ET.SubElement(shape, "geometry")
    original = source.find("geometry")
    for given in [] if original is None else list(original):
        if given.tag not in ("box", "cylinder", "sphere"):
            raise InputError("URDF", f"a {given.tag} as shape", "box, cylinder or sphere")
        written = ET.SubElement(geometry, given.tag)
        for key, value in given.attrib.items():
            add_text(written, key, value)
    return shape


def _add_joint(
    model: ET.Element, joint: ET.Element, mounts: dict[str, ET.Element], massless: Iterable[str]
) -> None:
    kind, parent, T = joint.get("type", ""), _end(joint, "parent"), _origin(joint.find("origin"))
    while parent in massless:
        T = _origin(mounts[parent].find("origin")) @ T
        parent = _end(mounts[parent], "parent")
    written = ET.SubElement(model, "joint", name=joint.get("name", ""), type=_sdf_kind(kind))
    ET.SubElement(written, "pose", relative_to=parent).text = sixfold(T)
    add_text(written, "parent", parent)
    add_text(written, "child", _end(joint, "child"))
    if kind != "fixed":
        _add_axis(written, joint, kind)
    if joint.get("name") == SENSOR_JOINT:
        sensor = ET.SubElement(written, "sensor", name="wrist", type="force_torque")
        add_text(sensor, "always_on", "true")
        add_text(sensor, "update_rate", str(_SENSOR_RATE))
        add_text(sensor, "topic", WRIST)
        reading = ET.SubElement(sensor, "force_torque")
        add_text(reading, "frame", "child")
        add_text(reading, "measure_direction", "child_to_parent")


def _add_axis(written: ET.Element, joint: ET.Element, kind: str) -> None:
    axis = ET.SubElement(written, "axis")
    source, limit = joint.find("axis"), joint.find("limit")
    add_text(axis, "xyz", "1 0 0" if source is None else source.get("xyz", "1 0 0"))
    bounds = ET.SubElement(axis, "limit")
    given = {} if limit is None else limit.attrib
    if kind == "revolute":
        add_text(bounds, "lower", given["lower"])
        add_text(bounds, "upper", given["upper"])
    add_text(bounds, "effort", given.get("effort", "-1"))
    add_text(bounds, "velocity", given.get("velocity", "-1"))


def _add_drive(model: ET.Element, wheel_radius: float, track: float) -> None:
    """The ramps are the base drive's own, the same in every simulator: Gazebo adds none."""
    drive = ET.SubElement(
        model, "plugin", filename="gz-sim-diff-drive-system", name="gz::sim::systems::DiffDrive"
    )
    for key, value in (
        ("left_joint", _WHEELS[0]),
        ("right_joint", _WHEELS[1]),
        ("wheel_separation", f"{track:.12g}"),
        ("wheel_radius", f"{wheel_radius:.12g}"),
        ("topic", CMD_VEL),
        ("odom_topic", ODOMETRY),
        ("odom_publish_frequency", "50"),
    ):
        add_text(drive, key, value)


def _sdf_kind(kind: str) -> str:
    kinds = {"fixed": "fixed", "revolute": "revolute", "continuous": "revolute"}
    if kind not in kinds:
        raise InputError("URDF", f"a joint that is {kind!r}", f"one of {', '.join(kinds)}")
    return kinds[kind]


def add_text(parent: ET.Element, tag: str, value: str) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = value
    return element


def _end(joint: ET.Element, which: str) -> str:
    element = joint.find(which)
    return "" if element is None else element.get("link", "")


def _colour(material: ET.Element) -> str:
    colour = material.find("color")
    return "0.7 0.7 0.7 1" if colour is None else colour.get("rgba", "0.7 0.7 0.7 1")


def _pose(origin: ET.Element | None) -> str:
    if origin is None:
        return "0 0 0 0 0 0"
    return f"{origin.get('xyz', '0 0 0')} {origin.get('rpy', '0 0 0')}"


def _origin(origin: ET.Element | None) -> RigidTransform:
    numbers = [float(v) for v in _pose(origin).split()]
    return RigidTransform(Rotation.from_euler("xyz", numbers[3:]).as_matrix(), np.array(numbers[:3]))


def sixfold(T: RigidTransform) -> str:
    """x y z roll pitch yaw, as SDF writes poses."""
    angles = Rotation.from_matrix(T.rotation).as_euler("xyz")
    return " ".join(f"{v:.15g}" for v in (*T.translation, *angles))
