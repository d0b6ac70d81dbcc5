"""The visible shapes of a URDF's links, for showing the robot."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from rafr.geometry import RigidTransform
from rafr.robot.urdf import numbers, origin

_GREY = (0.7, 0.7, 0.7)


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One primitive of a link.

    Attributes:
        kind: box | cylinder | sphere.
        size: m; box: its three edges, cylinder: radius and length (along z), sphere: radius.
        T_link_shape: m.   colour: red, green, blue in 0..1.
    """

    link: str
    kind: str
    size: tuple[float, ...]
    T_link_shape: RigidTransform
    colour: tuple[float, float, float]


def robot_shapes(urdf: str, element: str = "visual") -> tuple[Shape, ...]:
    """Every box, cylinder and sphere of the URDF's links; meshes are left out.

    Args:
        element: "visual" for what is shown, "collision" for what must not touch.
    """
    tree = ET.fromstring(urdf)
    colours = {m.get("name", ""): _colour(m) for m in tree.findall("material")}
    return tuple(
        shape
        for link in tree.findall("link")
        for visual in link.findall(element)
        if (shape := _shape(link.get("name", ""), visual, colours)) is not None
    )


def _shape(link: str, visual: ET.Element, colours: dict[str, tuple[float, float, float]]) -> Shape | None:
    for kind, attributes in (("box", ("size",)), ("cylinder", ("radius", "length")), ("sphere", ("radius",))):
        found = visual.find(f"geometry/{kind}")
        if found is not None:
            size = tuple(v for name in attributes for v in numbers(found, name, "0"))
            material = visual.find("material")
            name = "" if material is None else material.get("name", "")
            return Shape(link, kind, size, origin(visual.find("origin")), colours.get(name, _GREY))
    return None


def _colour(material: ET.Element) -> tuple[float, float, float]:
    r, g, b, *_ = numbers(material.find("color"), "rgba", "0.7 0.7 0.7 1")
    return r, g, b
