"""Triangle meshes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InputError, RafrError
from rafr.files import written_whole
from rafr.geometry.rigid_transform import FloatArray, RigidTransform

IntArray = NDArray[np.int64]
_EXPECTED = "a whole STL, PLY or OBJ mesh"
_STL_HEAD = struct.Struct("<80xI")  # of a binary one; 50 bytes for every triangle follow
_STL_TRIANGLE = 50


@dataclass(frozen=True, slots=True, eq=False)
class TriangleMesh:
    """A surface of outward-facing triangles.

    Attributes:
        vertices: (n, 3), LPS mm in image space.
        faces: (m, 3) vertex indices, counter-clockwise seen from outside.
    """

    vertices: FloatArray
    faces: IntArray

    def __post_init__(self) -> None:
        vertices = np.ascontiguousarray(self.vertices, dtype=float)
        faces = np.ascontiguousarray(self.faces, dtype=np.int64)
        if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3:
            raise RafrError(f"a mesh needs (n, 3) arrays, got {vertices.shape} and {faces.shape}")
        if not np.isfinite(vertices).all():
            raise RafrError("a mesh vertex is not finite")
        if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
            raise RafrError("a mesh face names a vertex that does not exist")
        vertices.setflags(write=False)
        faces.setflags(write=False)
        object.__setattr__(self, "vertices", vertices)
        object.__setattr__(self, "faces", faces)

    def transformed(self, transform: RigidTransform) -> TriangleMesh:
        return TriangleMesh(transform.apply(self.vertices), self.faces)

    def scaled(self, factor: float) -> TriangleMesh:
        return TriangleMesh(self.vertices * factor, self.faces)

    @property
    def corners(self) -> FloatArray:
        """(m, 3, 3) corner points of every triangle."""
        return self.vertices[self.faces]

    @property
    def area_vectors(self) -> FloatArray:
        """(m, 3) outward normals times triangle area."""
        c = self.corners
        return 0.5 * np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0])

    @property
    def face_areas(self) -> FloatArray:
        areas: FloatArray = np.linalg.norm(self.area_vectors, axis=1)
        return areas

    @property
    def face_centres(self) -> FloatArray:
        centres: FloatArray = self.corners.mean(axis=1)
        return centres

    @property
    def face_normals(self) -> FloatArray:
        """(m, 3) unit outward normals; zero for degenerate triangles."""
        v = self.area_vectors
        norm = np.linalg.norm(v, axis=1, keepdims=True)
        normals: FloatArray = np.divide(v, norm, out=np.zeros_like(v), where=norm > 0)
        return normals

    @property
    def vertex_normals(self) -> FloatArray:
        """(n, 3) area-weighted unit outward normals."""
        normals, area_vectors = np.zeros_like(self.vertices), self.area_vectors
        for corner in range(3):
            np.add.at(normals, self.faces[:, corner], area_vectors)
        norm = np.linalg.norm(normals, axis=1, keepdims=True)
        unit: FloatArray = np.divide(normals, norm, out=np.zeros_like(normals), where=norm > 0)
        return unit

    @property
    def volume(self) -> float:
        """Signed enclosed volume by the divergence theorem; positive when faces point outward."""
        return float(np.einsum("ij,ij->", self.face_centres, self.area_vectors) / 3.0)

    @property
    def centroid(self) -> FloatArray:
        """(3,) area-weighted centroid of the surface."""
        weights = self.face_areas
        centroid: FloatArray = weights @ self.face_centres / weights.sum()
        return centroid

    def sample_surface(self, n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """`n` area-uniform surface points (n, 3) and their unit outward normals (n, 3)."""
        areas = self.face_areas
        index = rng.choice(len(areas), size=n, p=areas / areas.sum())
        r1, r2 = rng.random(n), rng.random(n)
        root = np.sqrt(r1)
        weights = np.stack([1 - root, root * (1 - r2), root * r2], axis=1)
        points = np.einsum("ni,nij->nj", weights, self.corners[index])
        return points, self.face_normals[index]


def merge_meshes(meshes: list[TriangleMesh]) -> TriangleMesh:
    """One mesh holding all given ones side by side (no boolean operation)."""
    offsets = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    return TriangleMesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.faces + o for m, o in zip(meshes, offsets, strict=True)]),
    )


def read_mesh(path: Path) -> TriangleMesh:
    """Read STL, PLY or OBJ (through trimesh, vertices merged).

    Raises:
        InputError: it cannot be read, is cut short, or holds no triangles of finite vertices.
    """
    import trimesh

    try:
        _refuse_cut_stl(path)
        loaded = trimesh.load_mesh(path, process=True)
        return TriangleMesh(np.asarray(loaded.vertices), np.asarray(loaded.faces))
    except InputError:
        raise
    except Exception as error:  # trimesh raises anything on a broken file
        raise InputError(path, f"not a readable mesh ({error})", _EXPECTED) from None


def _refuse_cut_stl(path: Path) -> None:
    """A binary STL says how many triangles it holds; trimesh takes what is there."""
    if path.suffix.lower() != ".stl":
        return
    with path.open("rb") as file:
        head = file.read(_STL_HEAD.size)
    size = path.stat().st_size
    if len(head) == _STL_HEAD.size:
        (count,) = _STL_HEAD.unpack(head)
        if size == _STL_HEAD.size + count * _STL_TRIANGLE:
            return
    if not head.lstrip().startswith(b"solid") or b"endsolid" not in path.read_bytes()[-200:]:
        raise InputError(path, "is no STL, or cut short", _EXPECTED)


def write_mesh(path: Path, mesh: TriangleMesh) -> None:
    """Write STL, PLY or OBJ by suffix (through trimesh), whole or not at all."""
    import trimesh

    with written_whole(path) as temporary:
        trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(temporary)
