"""Bone pieces: a bone's signed distance cut by fracture surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.cases.case import Body
from rafr.cases.fracture.anatomy import PelvisAnatomy
from rafr.cases.fracture.solid import sample
from rafr.cases.fracture.surface import Side
from rafr.cases.pelvis import IntactPelvis
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Part of one bone.

    Attributes:
        label: PENGWIN value (1–10 sacrum, 11–20 left hip, 21–30 right hip; x1 the main fragment).
        bone: `left_hip`, `right_hip` or `sacrum`.
        sides: the fracture surfaces that bound it, each negative inside.
    """

    label: int
    bone: str
    sides: tuple[Side, ...] = ()

    def cut(self, points: FloatArray) -> FloatArray:
        """Signed function (n,) of the cuts alone at intact points (n, 3); very negative where uncut."""
        if not self.sides:
            return np.full(len(points), -1e3)
        values: FloatArray = np.max([side(points) for side in self.sides], axis=0)
        return values


@dataclass(frozen=True, slots=True, eq=False)
class FracturedPelvis:
    """An intact pelvis cut into pieces, some of them displaced.

    Attributes:
        pelvis: the intact bones, in the reference body's CT frame (LPS mm).
        solids: signed distance of each intact bone.
        pieces: all pieces, in their intact (reduced) position.
        bodies: what moves together; `bodies[0]` is the reference.
        T_displaced_reduced: per moving body, mm.
        traction_side: the leg traction would pull on, or None.
    """

    kind: str
    pelvis: IntactPelvis
    anatomy: PelvisAnatomy
    solids: dict[str, Volume]
    pieces: tuple[Piece, ...]
    bodies: tuple[Body, ...]
    T_displaced_reduced: dict[str, RigidTransform]
    traction_side: str | None

    def body_of(self, label: int) -> Body:
        return next(b for b in self.bodies if label in b.labels)

    def pose(self, body: str) -> RigidTransform:
        """`T_displaced_reduced` of any body; identity for the reference."""
        return self.T_displaced_reduced.get(body, RigidTransform.identity())

    def distance(self, piece: Piece, points: FloatArray) -> FloatArray:
        """Signed distance (about mm) of intact points (n, 3) to a piece, negative inside."""
        return piece_distance(piece, self.solids, points)


def piece_distance(piece: Piece, solids: dict[str, Volume], points: FloatArray) -> FloatArray:
    """Signed distance (about mm) of points (n, 3), in the intact position, to a piece."""
    distance = sample(solids[piece.bone], points)
    near = distance < 5.0
    if piece.sides and near.any():
        distance[near] = np.maximum(distance[near], piece.cut(points[near]))
    return distance


def surface_points(piece: Piece, solids: dict[str, Volume], pelvis: IntactPelvis) -> FloatArray:
    """Points (n, 3) on a piece's surface: the bone's own vertices and the fracture faces."""
    vertices = pelvis.bones[piece.bone].vertices
    if not piece.sides:
        return vertices
    points = [vertices[piece.cut(vertices) < 0]]
    solid = solids[piece.bone]
    inside = solid.index_to_lps(np.argwhere(solid.array < 0)[:, ::-1])
    for number, side in enumerate(piece.sides):
        value = side(inside)
        face = inside[np.abs(value) < 0.75 * solid.spacing[0]]
        face = _onto(side, face)
        others = piece.sides[:number] + piece.sides[number + 1 :]
        if others and len(face):
            face = face[np.max([o(face) for o in others], axis=0) < 0]
        points.append(face)
    return np.concatenate(points)


def _onto(side: Side, points: FloatArray) -> FloatArray:
    """Two Newton steps onto the zero of a side."""
    for _ in range(2):
        if not len(points):
            break
        value = side(points)
        gradient = numerical_gradient(side, points)
        norm = np.maximum((gradient**2).sum(axis=1), 0.1)
        points = points - gradient * (value / norm)[:, None]
    return points


def numerical_gradient(function: Side, points: FloatArray, step_mm: float = 0.3) -> FloatArray:
    """Central differences (n, 3) of a scalar function of points (n, 3)."""
    gradient = np.empty_like(points)
    for axis, unit in enumerate(step_mm * np.eye(3)):
        gradient[:, axis] = (function(points + unit) - function(points - unit)) / (2 * step_mm)
    return gradient
