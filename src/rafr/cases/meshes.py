"""Surfaces of a case's bodies, built once per content and kept in the user's cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rafr.cases.case import Body, Case
from rafr.geometry import TriangleMesh
from rafr.imaging.meshing import mesh_from_labels
from rafr.imaging.readers import read_grid
from rafr.imaging.volume import Volume
from rafr.npz_cache import cached_file, read_cached, write_cached
from rafr.progress import Progress, silent

_RECIPE = "2"  # raise it when meshing changes: older surfaces are then built anew
_MOST_FILES = 600
_ONE_FILE_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha")


@dataclass(frozen=True, slots=True, eq=False)
class BodyMesh:
    """The surface of one body.

    Attributes:
        mesh: watertight surface of all its pieces together, LPS mm in the CT, outward faces.
        parts: the surface of every label value alone.
        voxel_mm: longest edge of the voxels it was meshed from; 0 of a surface that comes from none.
    """

    name: str
    mesh: TriangleMesh
    parts: dict[int, TriangleMesh]
    voxel_mm: float = 0.0


def body_meshes(case: Case, progress: Progress = silent) -> dict[str, BodyMesh]:
    """Surfaces of all bodies of a case, from the cache where its labels were meshed before.

    The cache (`$XDG_CACHE_HOME/rafr/meshes`) is keyed by the labels' content. Several processes may
    build at once; a damaged file is built anew.

    Raises:
        InputError: labels that cannot be used (`rafr.cases.load.load_labels`).
    """
    store = _MeshStore(case)
    voxel_mm = float(read_grid(case.labels).spacing.max())
    meshes = {}
    for number, body in enumerate(case.bodies):
        progress(number / len(case.bodies), f"surface of {body.name}")
        meshes[body.name] = _body_mesh(body, store.mesh, voxel_mm)
    progress(1.0, "surfaces ready")
    return meshes


def _body_mesh(body: Body, mesh: Callable[[tuple[int, ...]], TriangleMesh], voxel_mm: float) -> BodyMesh:
    parts = {label: mesh((label,)) for label in body.labels}
    whole = parts[body.labels[0]] if len(body.labels) == 1 else mesh(tuple(sorted(body.labels)))
    return BodyMesh(body.name, whole, parts, voxel_mm)


class _MeshStore:
    """Meshes of one labels image; the image is opened only when the cache misses."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._labels: Volume | None = None
        self._content = self._content_hash()

    def mesh(self, values: tuple[int, ...]) -> TriangleMesh:
        key = f"{self._content}-{'_'.join(map(str, values))}"
        path = cached_file("meshes", key)
        cached = read_cached(path, lambda stored: TriangleMesh(stored["vertices"], stored["faces"]))
        if cached is not None:
            return cached
        built = _rounded(mesh_from_labels(self._volume(), values))
        vertices, faces = built.vertices.astype(np.float32), built.faces.astype(np.int32)
        write_cached(path, _MOST_FILES, vertices=vertices, faces=faces)
        return built

    def _volume(self) -> Volume:
        from rafr.cases.load import load_labels

        if self._labels is None:
            self._labels = load_labels(self._case)
        return self._labels

    def _content_hash(self) -> str:
        digest = hashlib.sha256(_RECIPE.encode())
        path = self._case.labels
        if path.is_file() and path.name.lower().endswith(_ONE_FILE_SUFFIXES):
            digest.update(path.read_bytes())
        else:  # a header beside its data: hash what they say together
            volume = self._volume()
            digest.update(np.ascontiguousarray(volume.array).tobytes())
            for part in (volume.origin, volume.spacing, volume.direction):
                digest.update(np.ascontiguousarray(part, dtype=float).tobytes())
        return digest.hexdigest()[:32]


def _rounded(mesh: TriangleMesh) -> TriangleMesh:
    """What comes back from the cache: the first run and the next see the same numbers."""
    return TriangleMesh(mesh.vertices.astype(np.float32), mesh.faces)
