"""The serial chain of joints in a URDF, as numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Inertia:
    """Of one link, in the link's own frame.

    Attributes:
        mass: kg.   centre: (3,) of mass, m.   tensor: (3, 3) about the centre, kg m^2.
    """

    mass: float
    centre: FloatArray
    tensor: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """One joint.

    Attributes:
        T_parent_joint: pose of the joint in the parent link, at angle zero that of the child link.
        axis: (3,) unit rotation axis in the joint frame; zero for a fixed joint.
        limit: the attributes of its `<limit>`; empty for a fixed joint.
        inertia: of the child link; zero where it has none.
        rotor_inertia: of motor and gear, seen at the joint, kg m^2; zero where `<dynamics>` does not say.
    """

    name: str
    kind: str
    parent: str
    child: str
    T_parent_joint: RigidTransform
    axis: FloatArray
    limit: dict[str, float]
    inertia: Inertia
    rotor_inertia: float

    @property
    def moves(self) -> bool:
        return self.kind != "fixed"


@dataclass(frozen=True, slots=True, eq=False)
class JointLimits:
    """Bounds of each moving joint, (dof,) each: rad, rad/s, rad/s^2, rad/s^3 and N m."""

    lower: FloatArray
    upper: FloatArray
    velocity: FloatArray
    acceleration: FloatArray
    jerk: FloatArray
    effort: FloatArray

    def to_json(self) -> dict[str, list[float]]:
        return {name: getattr(self, name).tolist() for name in self.__slots__}


def joint_chain(urdf: str, root: str, tip: str) -> tuple[Joint, ...]:
    """The joints from link `root` to link `tip`, fixed ones included, in order.

    Raises:
        InputError: the text is no URDF, or the two links are not connected.
    """
    try:
        tree = ET.fromstring(urdf)
    except ET.ParseError as error:
        raise InputError("URDF", f"not valid XML ({error})", "a robot description") from None
    joints = tree.findall("joint")
    by_child = {_attribute(j.find("child"), "link"): j for j in joints}
    inertias = {link.get("name", ""): _inertia(link.find("inertial")) for link in tree.findall("link")}
    chain: list[Joint] = []
    link = tip
    while link != root:
        if link not in by_child:
            raise InputError("URDF", f"no chain from link {root!r} to {tip!r}", "both links in one chain")
        joint = _joint(by_child[link], inertias.get(link, _inertia(None)))
        chain.append(joint)
        link = joint.parent
    return tuple(reversed(chain))


def joint_limits(chain: tuple[Joint, ...]) -> JointLimits:
    """The limits of the chain's moving joints.

    Raises:
        InputError: a joint lacks one of them.
    """
    names = {n: n for n in JointLimits.__slots__}
    columns: dict[str, list[float]] = {n: [] for n in names}
    for joint in chain:
        if joint.moves:
            for name in names:
                if name not in joint.limit:
                    raise InputError("URDF", f"joint {joint.name} has no limit {name!r}", "all of its limits")
                columns[name].append(joint.limit[name])
    return JointLimits(**{n: np.array(v) for n, v in columns.items()})


def parked_posture(urdf: str, joints: Sequence[str]) -> FloatArray:
    """(n,) rad in which the description's ros2_control begins; zero for a joint it says nothing of."""
    value = "state_interface[@name='position']/param[@name='initial_value']"
    begins = {
        joint.get("name"): float(joint.findtext(value, "0"))
        for joint in ET.fromstring(urdf).findall("ros2_control/joint")
    }
    return np.array([begins.get(name, 0.0) for name in joints])


def link_inertia(urdf: str, link: str) -> Inertia:
    """Of a link by name.

    Raises:
        InputError: no such link, or it has no mass.
    """
    for element in ET.fromstring(urdf).findall("link"):
        inertia = _inertia(element.find("inertial"))
        if element.get("name") == link and inertia.mass > 0:
            return inertia
    raise InputError("URDF", f"no link {link!r} with a mass", "one")


def description_mass(urdf: str) -> float:
    """kg of all links together."""
    return sum(_inertia(link.find("inertial")).mass for link in ET.fromstring(urdf).findall("link"))


def _joint(element: ET.Element, inertia: Inertia) -> Joint:
    kind = element.get("type", "")
    if kind not in ("fixed", "revolute"):
        raise InputError("URDF", f"joint {element.get('name')} is {kind!r}", "fixed or revolute joints")
    axis = np.array(numbers(element.find("axis"), "xyz", "1 0 0"))
    limit = element.find("limit")
    return Joint(
        name=element.get("name", ""),
        kind=kind,
        parent=_attribute(element.find("parent"), "link"),
        child=_attribute(element.find("child"), "link"),
        T_parent_joint=origin(element.find("origin")),
        axis=axis / np.linalg.norm(axis) if kind == "revolute" else np.zeros(3),
        limit={} if limit is None else {k: float(v) for k, v in limit.attrib.items()},
        inertia=inertia,
        rotor_inertia=numbers(element.find("dynamics"), "rotor_inertia", "0")[0],
    )


def _inertia(element: ET.Element | None) -> Inertia:
    """Of an `<inertial>`, its tensor turned from the axes of its origin into those of the link."""
    if element is None:
        return Inertia(0.0, np.zeros(3), np.zeros((3, 3)))
    T_link_axes = origin(element.find("origin"))
    (mass,) = numbers(element.find("mass"), "value", "0")
    tensor = element.find("inertia")
    xx, xy, xz, yy, yz, zz = (
        numbers(tensor, name, "0")[0] for name in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")
    )
    R = T_link_axes.rotation
    return Inertia(
        mass, T_link_axes.translation, R @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ R.T
    )


def origin(element: ET.Element | None) -> RigidTransform:
    """Pose of an `<origin>` (m); identity without one."""
    # URDF: fixed-axis roll, pitch, yaw
    rotation = Rotation.from_euler("xyz", numbers(element, "rpy", "0 0 0")).as_matrix()
    return RigidTransform(rotation, np.array(numbers(element, "xyz", "0 0 0")))


def numbers(element: ET.Element | None, name: str, default: str) -> list[float]:
    """The numbers in an attribute."""
    text = default if element is None else element.get(name, default)
    return [float(v) for v in text.split()]


def _attribute(element: ET.Element | None, name: str) -> str:
    return "" if element is None else element.get(name, "")
