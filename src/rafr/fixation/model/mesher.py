"""From a closed bone surface to tetrahedra (fTetWild), checked, and kept in the user's cache.

fTetWild: Hu, Schneider, Wang, Zorin, Panozzo 2020, ACM Trans. Graph. 39(4), through the package `pytetwild`.
The surface of the tetrahedra stays within an envelope of the surface given; it is not that surface.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rafr.config import check_config, option
from rafr.errors import InputError
from rafr.fixation.fem.mesh import mean_ratio, tet_volumes
from rafr.fixation.model.tets import Tets
from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.npz_cache import cached_file, read_cached, write_cached

_RECIPE = "1"  # raise it when meshing changes: older meshes are then built anew
_MOST_FILES = 200
_SLIVER = 0.02  # quality below which an element is too flat to compute with


@dataclass(frozen=True, slots=True)
class MeshOptions:
    """How a bone is cut into tetrahedra."""

    edge_mm: float = option(5.0, "edge length wanted", unit="mm", lower=1.0, upper=20.0)
    envelope_mm: float = option(
        0.5, "how far the boundary may lie from the bone's surface", unit="mm", lower=0.02, upper=3.0
    )
    energy: float = option(
        20.0, "stop improving at this conformal energy (3: regular)", lower=4.0, upper=100.0
    )
    surface_edge_mm: float = option(
        5.0, "surfaces finer than this are thinned to it first", unit="mm", lower=0.5, upper=10.0
    )
    volume_tolerance: float = option(
        0.02, "largest change of a bone's volume by meshing", lower=1e-4, upper=0.2
    )


@dataclass(frozen=True, slots=True)
class MeshQuality:
    """What came of meshing one bone.

    Attributes:
        volume_change: relative, against the surface given.
        worst, median: quality of elements, 1 for a regular tetrahedron, 0 for a flat one.
        edge_mm: mean length of edges.
    """

    elements: int
    volume_change: float
    worst: float
    median: float
    edge_mm: float


def check_surface(name: str, mesh: TriangleMesh) -> None:
    """Raise InputError, naming the body and what is wrong, unless a surface encloses a volume."""
    expected = "a closed surface with outward faces (mend the segmentation)"
    if len(mesh.faces) < 4:
        raise InputError(name, f"its surface has {len(mesh.faces)} triangles", expected)
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    count = np.unique(edges, axis=0, return_counts=True)[1]
    if (count == 1).any():
        raise InputError(name, f"its surface is open along {int((count == 1).sum())} edges", expected)
    if (count > 2).any():
        more = int((count > 2).sum())
        raise InputError(name, f"more than two triangles meet at {more} edges of its surface", expected)
    if mesh.volume <= 0:
        raise InputError(name, f"its surface encloses {mesh.volume:.0f} mm³: it is inside out", expected)


def tetrahedralise(name: str, surface: TriangleMesh, options: MeshOptions | None = None) -> Tets:
    """Tetrahedra of one bone piece; from the cache where the same surface was meshed before.

    Args:
        name: of the piece, for messages.
        surface: closed, outward faces, LPS mm.

    Raises:
        InputError: a surface that is not closed, or whose tetrahedra are not good enough, or no mesher.
    """
    options = options or MeshOptions()
    check_config(options, "meshing")
    check_surface(name, surface)
    path = cached_file("tets", _key(surface, options))
    tets = read_cached(path, _stored)
    if tets is None:
        tets = _rounded(_run(name, surface, options))
        check_tets(name, tets, surface, options)
        nodes, elements = tets.nodes.astype(np.float32), tets.elements.astype(np.int32)
        write_cached(path, _MOST_FILES, nodes=nodes, elements=elements)
    return tets


def check_tets(name: str, tets: Tets, surface: TriangleMesh, options: MeshOptions) -> None:
    """Raise InputError where tetrahedra are inverted, flat, or of another volume than their surface."""
    if not len(tets.elements):
        raise InputError(name, "the mesher made no tetrahedra of it", "a solid piece of bone")
    found = quality(tets, surface)
    if found.worst < _SLIVER:
        raise InputError(
            name,
            f"its worst tetrahedron has quality {found.worst:.3f}",
            f"{_SLIVER} or more (another edge length or envelope)",
        )
    if abs(found.volume_change) > options.volume_tolerance:
        raise InputError(
            name,
            f"meshing changes its volume by {100 * found.volume_change:+.1f} %",
            f"at most {100 * options.volume_tolerance:.0f} % (a shorter edge or a thinner envelope)",
        )


def quality(tets: Tets, surface: TriangleMesh) -> MeshQuality:
    """How good the tetrahedra of a surface are."""
    shape = mean_ratio(tets.nodes, tets.elements)
    return MeshQuality(
        len(tets.elements),
        float(tets.volumes.sum() / surface.volume - 1.0),
        float(shape.min()),
        float(np.median(shape)),
        float(_edge_lengths(tets).mean()),
    )


def _edge_lengths(tets: Tets) -> FloatArray:
    corners = tets.nodes[tets.elements]
    i, j = np.triu_indices(4, 1)
    lengths: FloatArray = np.linalg.norm(corners[:, i] - corners[:, j], axis=2)
    return lengths


def _run(name: str, surface: TriangleMesh, options: MeshOptions) -> Tets:
    """fTetWild, in a process of its own (`tetwild_worker`)."""
    if importlib.util.find_spec("pytetwild") is None:
        raise InputError("pytetwild", "the mesher is not installed", "pip install pytetwild==0.2.3")
    thin = _thinned(surface, options.surface_edge_mm)
    diagonal = float(np.linalg.norm(np.ptp(thin.vertices, axis=0)))
    with tempfile.TemporaryDirectory(prefix="rafr-tets-") as folder:
        given, made = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(
            given,
            vertices=thin.vertices,
            faces=thin.faces.astype(np.int32),
            edge=options.edge_mm,
            epsilon=options.envelope_mm / diagonal,
            energy=options.energy,
        )
        worker = [sys.executable, str(Path(__file__).with_name("tetwild_worker.py")), str(given), str(made)]
        ran = subprocess.run(worker, cwd=folder, capture_output=True, text=True, check=False)
        if ran.returncode or not made.is_file():
            last = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
            raise InputError(name, f"the mesher failed on it ({last})", "a clean, closed surface")
        with np.load(made) as stored:
            nodes, elements = stored["nodes"].astype(float), stored["tets"].astype(np.int64)
    if not len(elements):
        raise InputError(name, "the mesher made no tetrahedra of it", "a solid piece of bone")
    return _right_handed(nodes, elements)


def _thinned(mesh: TriangleMesh, edge_mm: float) -> TriangleMesh:
    """Fewer triangles, still closed; the mesh as it is where it is coarse or thinning would tear it."""
    import open3d

    o3d: Any = open3d
    wanted = max(200, int(mesh.face_areas.sum() / (np.sqrt(3.0) / 4.0 * edge_mm**2)))
    if wanted >= len(mesh.faces):
        return mesh
    fine = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.vertices.copy()),
        o3d.utility.Vector3iVector(mesh.faces.astype(np.int32)),
    )
    thin = fine.simplify_quadric_decimation(wanted)
    thin.remove_degenerate_triangles()
    thin.remove_unreferenced_vertices()
    if not (thin.is_edge_manifold(allow_boundary_edges=False) and thin.is_vertex_manifold()):
        return mesh
    return TriangleMesh(np.asarray(thin.vertices), np.asarray(thin.triangles))


def _right_handed(nodes: FloatArray, elements: np.ndarray) -> Tets:
    """Used nodes only, every element with positive volume."""
    used, elements = np.unique(elements, return_inverse=True)
    nodes, elements = nodes[used], elements.reshape(-1, 4)
    wrong = tet_volumes(nodes, elements) < 0
    elements[wrong] = elements[wrong][:, [0, 2, 1, 3]]
    return Tets(nodes, elements)


# -- cache -------------------------------------------------------------------------------------------


def _key(surface: TriangleMesh, options: MeshOptions) -> str:
    digest = hashlib.sha256(f"{_RECIPE} {options}".encode())
    digest.update(surface.vertices.astype(np.float32).tobytes())
    digest.update(surface.faces.astype(np.int32).tobytes())
    return digest.hexdigest()[:32]


def _rounded(tets: Tets) -> Tets:
    """What comes back from the cache: the first run and the next see the same numbers."""
    return Tets(tets.nodes.astype(np.float32).astype(float), tets.elements)


def _stored(arrays: Mapping[str, np.ndarray]) -> Tets:
    tets = Tets(arrays["nodes"].astype(float), arrays["elements"].astype(np.int64))
    sound = tets.elements.ndim == 2 and tets.elements.size and tets.elements.max() < len(tets.nodes)
    if not sound or (tets.volumes <= 0).any():
        raise ValueError("damaged")
    return tets
