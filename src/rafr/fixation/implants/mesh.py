"""Implants as quadratic tetrahedra: a round section swept along an axis.

A section is a middle node and rings of 6, 12, ... nodes, so triangles are nearly equilateral; sections are
joined by prisms, cut into three tetrahedra each along diagonals that neighbours share. Middles of edges on
the round wall lie on it: the mesh is curved there, and its volume the cylinder's to a few parts in a
thousand.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InputError, RafrError
from rafr.fixation.fem.mesh import EDGES, TetMesh, require_valid
from rafr.fixation.implants.implant import Implant, Rod, Screw
from rafr.geometry.rigid_transform import FloatArray

Indices = NDArray[np.int64]
_LEAST_QUALITY = 0.215  # mean ratio; a tenth of a regular tetrahedron's volume for the same edges
_LEAST_BEND_RADIUS = 2.0  # diameters
_ARC_STEPS = 6


@dataclass(frozen=True, slots=True, eq=False)
class ImplantMesh:
    """A mesh and its parts to be tied.

    Attributes:
        mesh: `region` is what was asked for.
        wall: nodes on the round wall within bone (of a screw: from entry to tip), to be tied to bone.
        ends: nodes of the first and of the last section; of a screw the head's first.
        holds: per name of a screw that a rod holds: the rod's nodes of the section nearest its head.
    """

    mesh: TetMesh
    wall: Indices
    ends: tuple[Indices, Indices]
    holds: dict[str, Indices]


def implant_mesh(implant: Implant, *, region: int = 0, edge_mm: float = 3.0, rings: int = 2) -> ImplantMesh:
    """One screw from head to tip, or one rod with its bends rounded.

    Args:
        edge_mm: length of elements along the axis.   rings: of elements across the radius.

    Raises:
        RafrError: elements that are inverted or flat: a bend too sharp for the rod.
    """
    if rings < 1 or not edge_mm > 0:
        raise RafrError(f"{rings} rings of {edge_mm} mm; one ring or more, a positive length")
    axis = _screw_axis(implant, edge_mm) if isinstance(implant, Screw) else _rod_axis(implant, edge_mm)
    mesh, rim, section = _swept(axis, 0.5 * implant.diameter_mm, rings, region)
    try:
        require_valid(mesh, _LEAST_QUALITY)
    except InputError as error:
        raise RafrError(f"{implant.name}, a sharp bend? {error}") from None
    ends = (np.flatnonzero(section == 0.0), np.flatnonzero(section == float(len(axis) - 1)))
    if isinstance(implant, Rod):
        return ImplantMesh(mesh, np.flatnonzero(rim), ends, _holds(implant, axis, section))
    depth = (mesh.nodes - implant.entry) @ implant.direction
    return ImplantMesh(mesh, np.flatnonzero(rim & (depth > -1e-6)), ends, {})


# -- axes -------------------------------------------------------------------------------------------------


def _screw_axis(screw: Screw, edge_mm: float) -> FloatArray:
    """(n, 3) with a section at the entry, where the bone begins."""
    parts = [(screw.head, screw.entry), (screw.entry, screw.tip)] if screw.head_mm > 0 else []
    parts = parts or [(screw.entry, screw.tip)]
    return _divided(parts, edge_mm)


def _divided(parts: list[tuple[FloatArray, FloatArray]], edge_mm: float) -> FloatArray:
    rows = []
    for start, end in parts:
        n = max(1, round(float(np.linalg.norm(end - start)) / edge_mm))
        rows.append(start + np.arange(n)[:, None] / n * (end - start))
    return np.concatenate([*rows, parts[-1][1][None]])


def _rod_axis(rod: Rod, edge_mm: float) -> FloatArray:
    """(n, 3) with every bend rounded to an arc, as wide as its neighbours leave room for."""
    corners = rod.points
    path = [corners[0]]
    for before, bend, after in zip(corners[:-2], corners[1:-1], corners[2:], strict=True):
        path += _arc(rod, before, bend, after)
    path.append(corners[-1])
    points = np.array(path)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    n = max(2, round(float(along[-1]) / edge_mm)) + 1
    wanted = np.linspace(0.0, along[-1], n)
    return np.column_stack([np.interp(wanted, along, points[:, i]) for i in range(3)])


def _arc(rod: Rod, before: FloatArray, bend: FloatArray, after: FloatArray) -> list[FloatArray]:
    """Points (3,) of an arc that touches both straight parts."""
    a, b = before - bend, after - bend
    room = 0.45 * min(float(np.linalg.norm(a)), float(np.linalg.norm(b)))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    half = 0.5 * float(np.arccos(np.clip(a @ b, -1.0, 1.0)))
    if np.pi / 2 - half < 1e-4:
        return [bend]
    radius = min(room * float(np.tan(half)), 20.0 * rod.diameter_mm)
    if radius < _LEAST_BEND_RADIUS * rod.diameter_mm:
        raise RafrError(
            f"rod {rod.name} bends to a radius of {radius:.1f} mm, too sharp for {rod.diameter_mm:g} mm"
        )
    axis = (a + b) / np.linalg.norm(a + b)
    middle = bend + radius / np.sin(half) * axis
    start, end = (bend + radius / np.tan(half) * d - middle for d in (a, b))
    angle = np.pi - 2.0 * half
    share = np.linspace(0.0, 1.0, max(3, int(_ARC_STEPS * angle / 0.3)))
    return [
        middle + (np.sin((1 - s) * angle) * start + np.sin(s * angle) * end) / np.sin(angle) for s in share
    ]


# -- sections ---------------------------------------------------------------------------------------------


def _swept(
    axis: FloatArray, radius: float, rings: int, region: int
) -> tuple[TetMesh, NDArray[np.bool_], FloatArray]:
    """The mesh, which nodes (n,) are on the round wall, and each node's section (n,), x.5 between two."""
    disc, triangles, outer = _disc(rings)
    first, second = _frames(axis)
    corner = axis[:, None] + radius * (disc[:, 0, None] * first[:, None] + disc[:, 1, None] * second[:, None])
    count = len(disc)
    tets = _cut_prisms(triangles, count, len(axis) - 1)
    nodes = corner.reshape(-1, 3)
    rim = np.tile(outer, len(axis))
    section = np.repeat(np.arange(len(axis), dtype=float), count)
    polar = np.tile(disc, (len(axis), 1))

    pairs = np.sort(np.stack([tets[:, [a, b]] for a, b in EDGES], axis=1).reshape(-1, 2), axis=1)
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    a, b = unique.T
    on_wall = rim[a] & rim[b] & _neighbours(polar[a], polar[b], rings)
    middle = 0.5 * (nodes[a] + nodes[b])
    flat = 0.5 * (polar[a] + polar[b])
    stretch = np.where(on_wall, 1.0 / np.maximum(np.linalg.norm(flat, axis=1), 1e-9), 1.0)
    between = 0.5 * (section[a] + section[b])
    k = np.floor(between).astype(int)
    half = (between > k)[:, None]
    # the axis midway between sections, as straight elements have it; off it by the section's own radius
    centre = np.where(half, 0.5 * (axis[k] + axis[np.minimum(k + 1, len(axis) - 1)]), axis[k])
    middle = centre + stretch[:, None] * (middle - centre)
    elements = np.hstack([tets, len(nodes) + inverse.reshape(-1, 6)]).astype(np.int32)
    mesh = TetMesh(np.concatenate([nodes, middle]), elements, np.full(len(tets), region, dtype=np.int32))
    return mesh, np.concatenate([rim, on_wall]), np.concatenate([section, between])


def _disc(rings: int) -> tuple[FloatArray, Indices, NDArray[np.bool_]]:
    """Nodes (n, 2) of the unit disc, triangles (m, 3) counter-clockwise, and which nodes lie on its rim."""
    points = [np.zeros((1, 2))]
    for ring in range(1, rings + 1):
        angle = 2 * np.pi * np.arange(6 * ring) / (6 * ring)
        points.append(ring / rings * np.column_stack([np.cos(angle), np.sin(angle)]))
    start = [0] + [1 + 3 * r * (r - 1) for r in range(1, rings + 1)]
    triangles = []
    for ring in range(1, rings + 1):
        inner, outer = 6 * (ring - 1), 6 * ring
        for sector, step in itertools.product(range(6), range(ring)):
            o = start[ring] + (sector * ring + step) % outer
            o_next = start[ring] + (sector * ring + step + 1) % outer
            i = start[ring - 1] + ((sector * (ring - 1) + step) % inner if inner else 0)
            triangles.append((i, o, o_next))
            if step < ring - 1:
                i_next = start[ring - 1] + (sector * (ring - 1) + step + 1) % inner
                triangles.append((i, o_next, i_next))
    disc = np.concatenate(points)
    return disc, np.array(triangles, dtype=np.int64), np.arange(len(disc)) >= start[rings]


def _cut_prisms(triangles: Indices, count: int, layers: int) -> Indices:
    """(k, 4) tetrahedra; every quadrilateral is cut from its smaller lower node, so neighbours agree."""
    a, b, c = np.sort(triangles, axis=1).T
    odd = np.array([np.linalg.det(np.eye(3)[np.argsort(t)]) < 0 for t in triangles])
    one = np.stack(
        [
            np.column_stack([a, b, c, c + count]),
            np.column_stack([a, b, c + count, b + count]),
            np.column_stack([a, b + count, c + count, a + count]),
        ],
        axis=1,
    )
    one = np.where(odd[:, None, None], one[:, :, [0, 2, 1, 3]], one)
    layer: Indices = one.reshape(-1, 4)
    return np.concatenate([layer + k * count for k in range(layers)])


def _neighbours(first: FloatArray, second: FloatArray, rings: int) -> NDArray[np.bool_]:
    """Whether nodes of the rim (n, 2) lie beside each other on it, or above each other."""
    cosine = (first * second).sum(axis=1)
    near: NDArray[np.bool_] = cosine > np.cos(2 * np.pi / (6 * rings)) - 1e-6
    return near


def _frames(axis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two unit vectors (n, 3) across the axis at each of its points, carried along without twist."""
    way = np.diff(axis, axis=0)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    along = np.concatenate([way[:1], way[:-1] + way[1:], way[-1:]])
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    least = np.eye(3)[int(np.argmin(np.abs(along[0])))]
    first = [np.cross(along[0], least)]
    for k in range(1, len(axis)):
        first.append(first[-1] - (first[-1] @ along[k]) * along[k])
    first_unit = np.array(first)
    first_unit /= np.linalg.norm(first_unit, axis=1, keepdims=True)
    return first_unit, np.cross(along, first_unit)


def _holds(rod: Rod, axis: FloatArray, section: FloatArray) -> dict[str, Indices]:
    found = {}
    for name, point in zip(rod.screws, rod.points, strict=True):
        if name:
            nearest = int(np.argmin(np.linalg.norm(axis - point, axis=1)))
            found[name] = np.flatnonzero(section == float(nearest))
    return found
