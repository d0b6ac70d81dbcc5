"""What holds the pelvis: one or both acetabula, fixed or on springs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    looking = {p.number: _looking(p, centre) for p in own}
    distances = np.concatenate([d[keep] for d, keep, _ in looking.values()])
    weights = np.concatenate([a[keep] for _, keep, a in looking.values()])
    if not len(distances):
        raise InputError(f"{side} hip", "no acetabulum was found", "a hip bone with its socket")
    order = np.argsort(distances)
    radius = float(distances[order][np.searchsorted(np.cumsum(weights[order]), 0.5 * weights.sum())])
    faces = {
        number: np.flatnonzero(keep & (np.abs(d - radius) < _BAND_MM))
        for number, (d, keep, _) in looking.items()
    }
    area = float(sum(looking[number][2][f].sum() for number, f in faces.items()))
    if area < _LEAST_CUP_MM2:
        raise InputError(f"{side} hip", f"its acetabulum shows {area:.0f} mm² only", "a whole socket")
    return Cup(side, centre, radius, area, {n: f for n, f in faces.items() if len(f)})


def _looking(piece: Piece, centre: FloatArray) -> tuple[FloatArray, np.ndarray, FloatArray]:
    """Distance to the hip centre, mask of faces that look at it from a cup's distance, area: (f,) each."""
    boundary = piece.skin.boundary
    to_centre = centre - boundary.centres
    distance = np.linalg.norm(to_centre, axis=1)
    vectors = boundary.area_vectors
    areas = np.linalg.norm(vectors, axis=1)
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
