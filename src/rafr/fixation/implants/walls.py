"""What a screw must keep its distance from: the surface of bone where no other bone lies against it.

Across a sacroiliac joint or a closed fracture a screw may pass. A triangle that faces another piece within
reach, or lies inside one, therefore is no wall; every other one is, those that line canal and foramina too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from rafr.fixation.implants.anatomy import Anatomy, Piece
from rafr.fixation.implants.neural import NeuralSpaces, neural_spaces
from rafr.geometry import TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface

STRUCTURES = ("cortex", "canal", "foramina")
NEURAL = {"canal", "foramina"}
# the gap of a sacroiliac joint is 1.7 (0.6) mm (rafr.tissue.landmarks); behind, where ligament fills it, and
# with the error of segmentation and reduction it is wider
_JOINT_MM = 6.0
_FRACTURE_MM = 3.0  # a foramen is wider
_OPPOSED = -0.3  # cosine of the normals of faces that lie against each other
_ON_WALL_MM = 0.05
_LINING_MM = 2.5  # of a triangle from a point of the space it lines


@dataclass(frozen=True, slots=True, eq=False)
class Walls:
    """Walls of the bone.

    Attributes:
        all: every wall.   by_structure: those of cortex, canal and foramina; a structure may be missing.
        bones: the whole surface of every bone, to enter through.
        everything: all pieces.   pieces: each alone, in the anatomy's order.
    """

    all: Surface
    by_structure: Mapping[str, Surface]
    bones: Mapping[str, Surface]
    everything: Surface
    pieces: tuple[Surface, ...]
    neural: NeuralSpaces

    @staticmethod
    def of(anatomy: Anatomy) -> Walls:
        faces = [p.mesh.faces[_free(anatomy, p)] for p in anatomy.pieces]
        parts = [TriangleMesh(p.mesh.vertices, f) for p, f in zip(anatomy.pieces, faces, strict=True)]
        broken = sum(p.bone == "sacrum" for p in anatomy.pieces) > 1
        neural = neural_spaces(anatomy.bone("sacrum"), anatomy.T_ct_sacrum, broken)
        walls = merge_meshes(parts)
        lines = _lining(walls, anatomy, neural)
        structures = {
            name: Surface.of(TriangleMesh(walls.vertices, walls.faces[lines == n]))
            for n, name in enumerate(STRUCTURES)
            if (lines == n).any()
        }
        bones = {bone: Surface.of(anatomy.bone(bone)) for bone in ("sacrum", "left_hip", "right_hip")}
        everything = merge_meshes([p.mesh for p in anatomy.pieces])
        pieces = tuple(Surface.of(p.mesh) for p in anatomy.pieces)
        return Walls(Surface.of(walls), structures, bones, Surface.of(everything), pieces, neural)

    def hold(self, points: FloatArray) -> NDArray[np.bool_]:
        """(n,) whether points (n, 3) lie in bone, or in the gap of a joint or fracture: next to no wall."""
        gap = self.everything.distance(points) < self.all.distance(points) - _ON_WALL_MM
        return gap | (self.depth(points) > 0.0)

    def depth(self, points: FloatArray) -> FloatArray:
        """(n,) how deep points (n, 3) lie in the nearest piece, mm; negative outside all of them."""
        depths: FloatArray = np.max([-piece.signed_distance(points) for piece in self.pieces], axis=0)
        return depths


def _free(anatomy: Anatomy, piece: Piece) -> NDArray[np.bool_]:
    """(m,) which triangles of a piece face no other piece."""
    free = np.ones(len(piece.mesh.faces), dtype=bool)
    centres, normals = piece.mesh.face_centres, piece.mesh.face_normals
    for other in anatomy.pieces:
        if other is piece:
            continue
        reach = _FRACTURE_MM if other.bone == piece.bone else _JOINT_MM
        lower, upper = other.mesh.vertices.min(axis=0) - reach, other.mesh.vertices.max(axis=0) + reach
        near = np.flatnonzero(free & ((centres > lower) & (centres < upper)).all(axis=1))
        if len(near):
            free[near] = ~_against(Surface.of(other.mesh), centres[near], normals[near], reach)
    return free


def _against(other: Surface, centres: FloatArray, normals: FloatArray, reach: float) -> NDArray[np.bool_]:
    """(n,) inside the other piece, or with its face near before them or beside them."""
    against = other.first_hit(centres, normals) < reach
    found = other.closest(centres)
    against |= (found.distance < reach) & ((normals * found.normals).sum(axis=1) < _OPPOSED)
    close = np.flatnonzero(~against & (found.distance < 4.0 * reach))
    against[close] |= other.signed_distance(centres[close]) < 0.0
    return against


def _lining(walls: TriangleMesh, anatomy: Anatomy, neural: NeuralSpaces) -> NDArray[np.int64]:
    """(m,) index into `STRUCTURES` of every triangle: what it lines."""
    lines = np.zeros(len(walls.faces), dtype=np.int64)
    local = anatomy.T_ct_sacrum.inverse().apply(walls.face_centres)
    best = np.full(len(lines), _LINING_MM)
    for number, points in ((1, neural.canal), (2, neural.foramina)):
        if not len(points):
            continue
        distance, _ = cKDTree(points).query(local, distance_upper_bound=_LINING_MM)
        nearer = distance < best
        lines[nearer], best[nearer] = number, distance[nearer]
    return lines
