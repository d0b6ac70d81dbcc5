"""Which tools the tracker can see past the robot.

A tool is seen when the straight line from the tracker to it meets no shape of the robot. The two cameras are
taken as one, people and the tracker's measuring volume are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.links import LinkPoses
from rafr.robot.shapes import robot_shapes

_NEVER = 1e-12


class LineOfSight:
    """The robot's shapes, to be asked for every exposure."""

    def __init__(self, urdf: str, joint_names: Sequence[str], margin: float = 0.0) -> None:
        """`margin`: m, by which every shape is larger than it is, and lines have to keep off."""
        self._poses, self._joints = LinkPoses(urdf), tuple(joint_names)
        kinds = ("box", "cylinder", "sphere")
        shapes = sorted(robot_shapes(urdf), key=lambda s: kinds.index(s.kind))
        self._links = [s.link for s in shapes]
        self._R = np.array([s.T_link_shape.rotation for s in shapes])
        self._p = np.array([s.T_link_shape.translation for s in shapes])
        rows = [[i for i, s in enumerate(shapes) if s.kind == kind] for kind in kinds]
        self._rows = [slice(r[0], r[-1] + 1) if r else slice(0, 0) for r in rows]
        grown = {"box": 2.0 * margin, "cylinder": margin * np.array([1.0, 2.0]), "sphere": margin}
        self._sizes = [
            np.array([shapes[i].size for i in r]) + grown[kind] if r else np.zeros((0, 1))
            for kind, r in zip(kinds, rows, strict=True)
        ]

    def seen(
        self, eye: FloatArray, tools: Mapping[str, FloatArray], base: FloatArray, q: FloatArray
    ) -> frozenset[str]:
        """Names of the tools with a free line of sight.

        Args:
            eye: (3,) of the tracker, m, in the room.   tools: (3,) places of the tools.
            base: (3,) x, y, theta.   q: (dof,) rad.
        """
        R, p = self._poses.arrays(dict(zip(self._joints, q, strict=True)), self._links)
        # everything seen from the base, where the shapes are known
        ends = _on_base(np.array([eye, *tools.values()]), base)
        centre, axes = np.einsum("sij,sj->si", R, self._p) + p, R @ self._R
        start = np.einsum("sji,sj->si", axes, ends[0] - centre)[:, None]
        way = np.einsum("sji,tj->sti", axes, ends[1:] - ends[0])
        hidden = np.zeros(len(tools), dtype=bool)
        for meets, rows, size in zip((_box, _cylinder, _sphere), self._rows, self._sizes, strict=True):
            if len(size):
                hidden |= _on_segment(*meets(start[rows], way[rows], size)).any(axis=0)
        return frozenset(name for name, behind in zip(tools, hidden, strict=True) if not behind)


def _on_base(points: FloatArray, base: FloatArray) -> FloatArray:
    """Points (n, 3) of the room in the base's frame."""
    x, y, theta = base
    c, s = np.cos(theta), np.sin(theta)
    turned: FloatArray = (points - (x, y, 0.0)) @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return turned


# Where start + t way is within a shape, t from and to, (shapes, tools); from > to: nowhere.
# start (s, 1, 3), way (s, t, 3), in the shapes' own axes


def _box(start: FloatArray, way: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    return _slab(start, way, size[:, None] / 2)


def _sphere(start: FloatArray, way: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    return _round(start, way, size[:, 0])


def _cylinder(start: FloatArray, way: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    along = _slab(start[..., 2:], way[..., 2:], size[:, None, 1:] / 2)
    across = _round(start[..., :2], way[..., :2], size[:, 0])
    return np.maximum(along[0], across[0]), np.minimum(along[1], across[1])


def _slab(start: FloatArray, way: FloatArray, half: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where start + t way is within +-half along every axis: t from, to."""
    safe = np.where(np.abs(way) < _NEVER, _NEVER, way)
    one, other = (-half - start) / safe, (half - start) / safe
    return np.minimum(one, other).max(axis=-1), np.maximum(one, other).min(axis=-1)


def _round(start: FloatArray, way: FloatArray, radius: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where start + t way is nearer to the origin than a radius (s,): t from, to; from > to: nowhere."""
    a = np.maximum((way * way).sum(axis=-1), _NEVER)
    b = (start * way).sum(axis=-1)
    inside = b * b - a * ((start * start).sum(axis=-1) - (radius**2)[:, None])
    root = np.sqrt(np.maximum(inside, 0.0))
    return np.where(inside > 0, (-b - root) / a, 2.0), np.where(inside > 0, (-b + root) / a, -2.0)


def _on_segment(first: FloatArray, last: FloatArray) -> NDArray[np.bool_]:
    """Is there a t of [first, last] on the segment, 0 to 1?"""
    found: NDArray[np.bool_] = (first <= last) & (last >= 0.0) & (first <= 1.0)
    return found
