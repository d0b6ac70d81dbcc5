"""What holds the pelvis: one or both acetabula, fixed or on springs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.config import option
from rafr.errors import InputError
from rafr.fixation.fem.mesh import EDGES, TetMesh
from rafr.fixation.model.bones import Piece
from rafr.fixation.model.springs import Springs
from rafr.fixation.model.tets import Embedded, IntArray
from rafr.geometry import TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue import landmarks

SUPPORTS = ("both", "left", "right", "springs")
_RADII_MM = (18.0, 34.0)  # from the hip centre to the cup's floor and rim, adults
_FACING = 0.8  # cosine between a cup's normal and the way to the hip centre
_BAND_MM = 4.0  # about the cup's radius
_LEAST_CUP_MM2 = 500.0
_FITS = 4
_LARGEST_SHIFT_MM = 5.0  # of the centre in one fit


@dataclass(frozen=True, slots=True)
class SupportOptions:
    """How the pelvis is held. Sources: docs/fixation_model.md."""

    kind: str = "both"
    """`both` acetabula fixed (as in the case report), `left` or `right` alone, both on `springs`."""
    spring_stiffness: float = option(
        2_000.0, "of each acetabulum in every direction, for `springs`", unit="N/mm", lower=1.0, upper=1e6
    )


@dataclass(frozen=True, slots=True, eq=False)
class Cup:
    """One acetabulum at the reduced pose.

    Attributes:
        side: left or right.   centre: (3,) mm.   radius: mm, of the bony cup.   area: mm².
        faces: by piece number, faces (f,) of that piece's boundary that belong to it.
    """

    side: str
    centre: FloatArray
    radius: float
    area: float
    faces: dict[int, IntArray]


def find_cups(pieces: Sequence[Piece]) -> dict[str, Cup]:
    """Both acetabula.

    Raises:
        InputError: a hip bone is missing or has no cup.
    """
    return {side: _cup(pieces, side) for side in ("left", "right")}


def whole_hip(pieces: Sequence[Piece], side: str) -> TriangleMesh:
    """All pieces of one hip bone at the reduced pose, side by side."""
    surfaces = [p.surface for p in pieces if p.bone == f"{side}_hip"]
    if not surfaces:
        labels = "11-20" if side == "left" else "21-30"
        raise InputError("pelvis", f"no piece of the {side} hip", f"labels {labels}")
    return merge_meshes(surfaces)


def _cup(pieces: Sequence[Piece], side: str) -> Cup:
    centre = landmarks.hip_centre(whole_hip(pieces, side), side)
    own = [p for p in pieces if p.bone == f"{side}_hip"]
    points = np.concatenate([p.skin.boundary.centres for p in own])
    radius = 0.0
    for _ in range(_FITS):
        distance, keep, areas = _looking(own, centre)
        if not keep.any():
            raise InputError(f"{side} hip", "no acetabulum was found", "a hip bone with its socket")
        if not radius:
            radius = _median(distance[keep], areas[keep])
        cup = keep & (np.abs(distance - radius) < _BAND_MM)
        centre, radius = _sphere(points[cup], areas[cup], centre, radius)
    distance, keep, areas = _looking(own, centre)
    cup = keep & (np.abs(distance - radius) < _BAND_MM)
    area = float(areas[cup].sum())
    if area < _LEAST_CUP_MM2:
        raise InputError(f"{side} hip", f"its acetabulum shows {area:.0f} mm² only", "a whole socket")
    ends = np.cumsum([len(p.skin.boundary.corners) for p in own])[:-1]
    faces = {p.number: np.flatnonzero(part) for p, part in zip(own, np.split(cup, ends), strict=True)}
    return Cup(side, centre, radius, area, {n: f for n, f in faces.items() if len(f)})


def _sphere(
    points: FloatArray, weights: FloatArray, centre: FloatArray, radius: float
) -> tuple[FloatArray, float]:
    """Sphere through points (n, 3), least squares; the one given where that leaves the bounds of a cup."""
    if len(points) < 10:
        return centre, radius
    offset = points - centre
    A = np.column_stack([2.0 * offset, np.ones(len(points))]) * weights[:, None]
    found = np.linalg.lstsq(A, (offset**2).sum(axis=1) * weights, rcond=None)[0]
    fitted = float(np.sqrt(max(found[3] + found[:3] @ found[:3], 0.0)))
    if not _RADII_MM[0] < fitted < _RADII_MM[1] or np.linalg.norm(found[:3]) > _LARGEST_SHIFT_MM:
        return centre, radius
    return centre + found[:3], fitted


def _median(values: FloatArray, weights: FloatArray) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), 0.5 * weights.sum())])


def _looking(own: Sequence[Piece], centre: FloatArray) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
    """Of all boundary faces (f,): distance to the hip centre, whether they look at it from a cup's, area."""
    vectors = np.concatenate([p.skin.boundary.area_vectors for p in own])
    to_centre = centre - np.concatenate([p.skin.boundary.centres for p in own])
    distance, areas = np.linalg.norm(to_centre, axis=1), np.linalg.norm(vectors, axis=1)
    cosine = np.einsum("ij,ij->i", to_centre, vectors) / (distance * areas)
    keep = (cosine > _FACING) & (distance > _RADII_MM[0]) & (distance < _RADII_MM[1])
    return distance, keep, areas


def check_support(options: SupportOptions) -> None:
    """Raise InputError for a kind of support there is not."""
    if options.kind not in SUPPORTS:
        raise InputError("support", f"there is none called {options.kind!r}", ", ".join(SUPPORTS))


def support(
    mesh: TetMesh, pieces: Sequence[Piece], cups: dict[str, Cup], options: SupportOptions
) -> tuple[IntArray, Springs]:
    """Fixed nodes (k,), all three displacements 0, and springs to the ground.

    Bone is held in all six degrees of freedom where a whole patch of its nodes is fixed.
    """
    sides = ("left", "right") if options.kind in ("both", "springs") else (options.kind,)
    nodes = [
        face_nodes(mesh, p, cups[s].faces[p.number])
        for s in sides
        for p in pieces
        if p.number in cups[s].faces
    ]
    if options.kind != "springs":
        return np.unique(np.concatenate(nodes)), Springs.none()
    parts = [_grounded(pieces, cups[s], options.spring_stiffness) for s in sides]
    return np.zeros(0, dtype=np.int64), Springs.joined(parts)


def face_nodes(mesh: TetMesh, piece: Piece, faces: IntArray) -> IntArray:
    """Corner and middle nodes (n,) of boundary faces of a piece."""
    boundary = piece.skin.boundary
    elements = mesh.elements[boundary.element[faces]]
    local = boundary.local[faces]
    corners = np.take_along_axis(elements, local, axis=1)
    middles = [
        np.take_along_axis(elements, 4 + edge_number(local[:, i], local[:, j])[:, None], axis=1)
        for i, j in ((0, 1), (1, 2), (2, 0))
    ]
    return np.unique(np.concatenate([corners.ravel(), *(m.ravel() for m in middles)])).astype(np.int64)


def edge_number(a: IntArray, b: IntArray) -> IntArray:
    """Which of `EDGES` joins local corners a and b, (n,) each."""
    table = np.zeros((4, 4), dtype=np.int64)
    for number, (i, j) in enumerate(EDGES):
        table[i, j] = table[j, i] = number
    return table[a, b]


def _grounded(pieces: Sequence[Piece], cup: Cup, stiffness: float) -> Springs:
    """Springs in three directions spread over a cup by area, together as stiff as asked for."""
    points, areas = [], []
    for p in pieces:
        if p.number in cup.faces:
            faces = cup.faces[p.number]
            points.append(p.skin.boundary.embed(faces, np.full((len(faces), 3), 1.0 / 3.0)))
            areas.append(np.linalg.norm(p.skin.boundary.area_vectors[faces], axis=1))
    held = Embedded.joined(points)
    share = np.concatenate(areas) / np.concatenate(areas).sum()
    parts = []
    for axis in np.eye(3):
        n = len(held)
        ground = Embedded.ground(held.points + 100.0 * axis)  # long, so that the direction stays
        parts.append(
            Springs(
                ("support",) * n,
                held,
                ground,
                stiffness * share,
                np.zeros(n),
                np.full(n, 100.0),
                np.zeros(n, bool),
            )
        )
    return Springs.joined(parts)
