"""An intact pelvis as three meshes, read from what people have: meshes, labels or VSD files."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rafr.cases import vsd_worker
from rafr.errors import InputError, RafrError
from rafr.geometry import RigidTransform, TriangleMesh, read_mesh
from rafr.geometry.mesh import IntArray
from rafr.geometry.rigid_transform import FloatArray

BONES = ("left_hip", "right_hip", "sacrum")
_EXPECTED = (
    "a VSD .mat file, a labelled volume (1 sacrum, 11 left hip, 21 right hip) or a folder of STL/PLY meshes"
)
_VSD_NAMES = {"Hip_L": "left_hip", "Hip_R": "right_hip", "Sacrum": "sacrum"}
_MESH_SUFFIXES = (".stl", ".ply", ".obj")
_VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")
# no adult or adolescent pelvis is outside this range; metres or inches in a file are
_WIDTH_RANGE_MM = (150.0, 400.0)


@dataclass(frozen=True, slots=True, eq=False)
class IntactPelvis:
    """The three bones of an unbroken pelvis, closed meshes, LPS mm."""

    left_hip: TriangleMesh
    right_hip: TriangleMesh
    sacrum: TriangleMesh

    @property
    def bones(self) -> dict[str, TriangleMesh]:
        return {name: getattr(self, name) for name in BONES}

    def transformed(self, transform: RigidTransform) -> IntactPelvis:
        return IntactPelvis(**{name: mesh.transformed(transform) for name, mesh in self.bones.items()})


def read_pelvis(path: Path | str) -> IntactPelvis:
    """Read an intact pelvis.

    Args:
        path: a VSD `.mat` file (axes RAS), a volume labelled in PENGWIN's values (image space LPS), or a
            folder of STL/PLY/OBJ files in LPS mm whose names say left hip, right hip and sacrum
            (`left_hip.stl`, `Hip_L.ply`, `LI.stl`, `sacrum.stl` …).

    Raises:
        InputError: no such file, a bone missing or not closed, or bones that do not lie like a pelvis.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(path, "no such file or folder", _EXPECTED)
    name = path.name.lower()
    if path.is_dir():
        bones = _read_mesh_folder(path)
    elif name.endswith(".mat"):
        bones = _read_vsd(path)
    elif name.endswith(_VOLUME_SUFFIXES):
        bones = _read_labels(path)
    else:
        raise InputError(path, f"the file type {path.suffix or 'without suffix'!r} is not known", _EXPECTED)
    missing = [bone for bone in BONES if bone not in bones]
    if missing:
        raise InputError(path, f"no {' and no '.join(missing)} in it", "left hip, right hip and sacrum")
    pelvis = IntactPelvis(**{bone: bones[bone] for bone in BONES})
    _check(path, pelvis)
    return pelvis


def _read_vsd(path: Path) -> dict[str, TriangleMesh]:
    """In a process of its own (`vsd_worker`), which a damaged file may end."""
    expected = "a struct array B with name and mesh"
    with tempfile.TemporaryDirectory(prefix="rafr-vsd-") as folder:
        made = Path(folder) / "bones.npz"
        command = [sys.executable, "-m", vsd_worker.__name__, str(path), str(made)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode or not made.is_file():
            problem = ran.stdout.strip() or "the library that reads it breaks down"
            raise InputError(path, f"not a VSD pelvis ({problem})", expected)
        with np.load(made) as stored:
            parts = dict(stored)
    try:
        return {
            # VSD axes are RAS
            bone: TriangleMesh(
                parts[f"{name} vertices"] * [-1.0, -1.0, 1.0], _indices(parts[f"{name} faces"]) - 1
            )
            for name, bone in _VSD_NAMES.items()
            if f"{name} faces" in parts
        }
    except (RafrError, ValueError) as error:
        raise InputError(path, f"not a VSD pelvis ({error})", expected) from None


def _indices(faces: FloatArray) -> IntArray:
    if not (np.abs(faces) < 2**53).all():
        raise ValueError("a face names no vertex")
    return faces.astype(np.int64)


def _read_mesh_folder(path: Path) -> dict[str, TriangleMesh]:
    bones: dict[str, TriangleMesh] = {}
    for file in sorted(p for p in path.iterdir() if p.suffix.lower() in _MESH_SUFFIXES):
        bone = _bone_named(file.stem)
        if bone is None:
            continue
        if bone in bones:
            raise InputError(file, f"a second mesh for the {bone}", "one mesh per bone")
        bones[bone] = read_mesh(file)
    return bones


def _bone_named(stem: str) -> str | None:
    """Which bone a file name means: `left_hip`, `Hip_L`, `LI`, `coxa-right`, `sacrum`, `001_SA` …"""
    words = stem.lower().replace("-", "_").replace(".", "_").replace(" ", "_").split("_")
    if any(w.startswith("sacr") or w == "sa" for w in words):
        return "sacrum"
    if not any(w in {"hip", "hipbone", "coxa", "coxal", "ilium", "innominate", "li", "ri"} for w in words):
        return None
    if any(w in {"left", "l", "li"} for w in words):
        return "left_hip"
    if any(w in {"right", "r", "ri"} for w in words):
        return "right_hip"
    return None


def _read_labels(path: Path) -> dict[str, TriangleMesh]:
    from rafr.imaging.meshing import mesh_from_labels
    from rafr.imaging.readers import read_labels

    labels = read_labels(path)
    values = {"sacrum": range(1, 11), "left_hip": range(11, 21), "right_hip": range(21, 31)}
    present = set(np.unique(labels.array).tolist())
    return {
        bone: mesh_from_labels(labels, tuple(v for v in known if v in present))
        for bone, known in values.items()
        if present & set(known)
    }


def _check(path: Path, pelvis: IntactPelvis) -> None:
    for name, mesh in pelvis.bones.items():
        if len(mesh.faces) < 100:
            raise InputError(path, f"the {name} has {len(mesh.faces)} triangles", "a mesh of the whole bone")
        if not _closed(mesh):
            raise InputError(path, f"the mesh of the {name} has holes", "closed meshes")
        if mesh.volume <= 0:
            raise InputError(path, f"the triangles of the {name} face inwards", "outward-facing triangles")
    width = np.ptp(np.concatenate([pelvis.left_hip.vertices, pelvis.right_hip.vertices])[:, 0])
    low, high = _WIDTH_RANGE_MM
    if not low <= width <= high:
        raise InputError(
            path, f"the pelvis is {width:.3g} wide from left to right", f"{low:g} to {high:g} mm (LPS mm)"
        )
    x = {name: float(mesh.centroid[0]) for name, mesh in pelvis.bones.items()}
    if not x["right_hip"] < x["sacrum"] < x["left_hip"]:
        raise InputError(
            path, "right hip, sacrum and left hip do not follow each other along +x", "meshes in LPS mm"
        )


def _closed(mesh: TriangleMesh) -> bool:
    """Every edge is used once in each direction."""
    directed = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    n = len(mesh.vertices)
    forward = np.sort(directed[:, 0] * n + directed[:, 1])
    backward = np.sort(directed[:, 1] * n + directed[:, 0])
    return bool(np.array_equal(forward, backward))
