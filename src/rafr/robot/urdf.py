"""The serial chain of joints in a URDF, as numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """One joint.

    Attributes:
        T_parent_joint: pose of the joint in the parent link, at angle zero that of the child link.
        axis: (3,) unit rotation axis in the joint frame; zero for a fixed joint.
        limit: the attributes of its `<limit>`; empty for a fixed joint.
    """

    name: str
    kind: str
    parent: str
    child: str
    T_parent_joint: RigidTransform
    axis: FloatArray
    limit: dict[str, float]

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
    chain: list[Joint] = []
    link = tip
    while link != root:
        if link not in by_child:
            raise InputError("URDF", f"no chain from link {root!r} to {tip!r}", "both links in one chain")
        joint = _joint(by_child[link])
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


def link_mass(urdf: str, link: str) -> tuple[float, FloatArray]:
    """Mass (kg) and centre of mass (3,) of a link, in its own frame.

    Raises:
        InputError: no such link, or it has no mass.
    """
    for element in ET.fromstring(urdf).findall("link"):
        inertial = element.find("inertial")
        if element.get("name") == link and inertial is not None:
            mass = inertial.find("mass")
            centre = numbers(inertial.find("origin"), "xyz", "0 0 0")
            return (0.0 if mass is None else float(mass.get("value", "0"))), np.array(centre)
    raise InputError("URDF", f"no link {link!r} with a mass", "one")


def _joint(element: ET.Element) -> Joint:
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
