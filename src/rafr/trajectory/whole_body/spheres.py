"""Spheres that cover the arm's shapes: what the optimiser sees of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.shapes import Shape, robot_shapes


@dataclass(frozen=True, slots=True, eq=False)
class Sphere:
    """A ball fixed to a link: `centre` (3,) in the link's frame and `radius`, m."""

    link: str
    centre: FloatArray
    radius: float


def sphere_cover(urdf: str, links: frozenset[str], inflation: float) -> tuple[Sphere, ...]:
    """Spheres whose union holds every collision shape of some links.

    Each shape is cut across its longest direction into the fewest pieces whose circumscribed sphere stands
    out of the sides by at most `inflation` (m).
    """
    shapes = [s for s in robot_shapes(urdf, "collision") if s.link in links]
    return tuple(sphere for shape in shapes for sphere in _cover(shape, inflation))


def _cover(shape: Shape, inflation: float) -> list[Sphere]:
    if shape.kind == "sphere":
        return [Sphere(shape.link, shape.T_link_shape.translation, shape.size[0])]
    axis, length, across = _proportions(shape)
    # a piece of length c has the circumscribed radius hypot(across, c / 2)
    longest = 2 * np.sqrt((across + inflation) ** 2 - across**2)
    count = max(1, int(np.ceil(length / longest)))
    radius = float(np.hypot(across, length / count / 2))
    at = (np.arange(count) + 0.5) * length / count - length / 2
    return [Sphere(shape.link, shape.T_link_shape.apply(a * axis), radius) for a in at]


def _proportions(shape: Shape) -> tuple[FloatArray, float, float]:
    """Longest direction (3,) in the shape's frame, length along it and largest radius across it, m."""
    if shape.kind == "cylinder":
        radius, length = shape.size
        return np.array([0.0, 0.0, 1.0]), length, radius
    k = int(np.argmax(shape.size))
    across = float(np.hypot(*np.delete(shape.size, k))) / 2
    return np.eye(3)[k], shape.size[k], across
