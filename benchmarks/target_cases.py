"""Broken pelves for the target campaign: surfaces as `rafr plan` sees them, the truth kept apart."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rafr.cases.case import Body, Case
from rafr.cases.fracture import FracturedPelvis
from rafr.cases.meshes import BodyMesh
from rafr.cases.pelvis import read_pelvis
from rafr.cases.simulate import broken_labels
from rafr.geometry import RigidTransform, TriangleMesh, merge_meshes
from rafr.imaging.meshing import mesh_from_labels
from rafr.imaging.segmentation import bone_of
from rafr.imaging.volume import Volume, write_volume


@dataclass(frozen=True, slots=True)
class Trial:
    """One virtual patient: a pelvis file, a fracture kind and a seed."""

    pelvis: Path
    kind: str
    seed: int

    @property
    def case_seed(self) -> int:
        """What `rafr case simulate --seed` would be given: no two trials break and move alike."""
        return zlib.crc32(f"{self.pelvis.stem} {self.kind} {self.seed}".encode()) % 1_000_000

    @property
    def name(self) -> str:
        return f"{self.pelvis.stem}-{self.kind}-{self.seed}"


def prepare(trial: Trial, store: Path) -> Path:
    """The folder of a trial's surfaces (`bodies.json`, `meshes.npz`, `labels.nii.gz`, `truth.json`)."""
    folder = store / trial.name
    if (folder / "truth.json").is_file():
        return folder
    broken, labels = broken_labels(read_pelvis(trial.pelvis), trial.kind, trial.case_seed)
    folder.mkdir(parents=True, exist_ok=True)
    write_volume(folder / "labels.nii.gz", labels)
    write_surfaces(folder / "meshes.npz", labels, [v for b in broken.bodies for v in b.labels])
    bodies = {b.name: list(b.labels) for b in broken.bodies}
    (folder / "bodies.json").write_text(json.dumps(bodies), encoding="utf-8")
    (folder / "truth.json").write_text(json.dumps(_truth(broken)), encoding="utf-8")
    return folder


def write_surfaces(path: Path, labels: Volume, values: list[int]) -> None:
    """The surface of every label value (float32, LPS mm)."""
    arrays: dict[str, Any] = {}
    for value in values:
        mesh = mesh_from_labels(labels, [value])
        arrays[f"v{value}"], arrays[f"f{value}"] = mesh.vertices.astype(np.float32), mesh.faces
    np.savez_compressed(path, **arrays)


def open_trial(folder: Path, T_ct: RigidTransform | None = None) -> tuple[Case, dict[str, BodyMesh]]:
    """What the planner is given; `T_ct` (mm) turns and shifts the whole scan."""
    names = json.loads((folder / "bodies.json").read_text(encoding="utf-8"))
    bodies = tuple(Body(name, tuple(values)) for name, values in names.items())
    meshes = {}
    with np.load(folder / "meshes.npz") as stored:
        for body in bodies:
            parts = {v: TriangleMesh(stored[f"v{v}"], stored[f"f{v}"]) for v in body.labels}
            if T_ct is not None:
                parts = {v: mesh.transformed(T_ct) for v, mesh in parts.items()}
            meshes[body.name] = BodyMesh(body.name, merge_meshes(list(parts.values())), parts)
    image = folder / "labels.nii.gz"
    return Case(folder, folder.name, image, image, None, bodies), meshes


def true_targets(folder: Path, T_ct: RigidTransform | None = None) -> dict[str, RigidTransform]:
    """`T_reduced_displaced` (mm) of every moving body; for the assessment only."""
    data = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    T = T_ct or RigidTransform.identity()
    return {n: T @ RigidTransform.from_matrix(m) @ T.inverse() for n, m in data.items()}


def group_of(case: Case, body: str) -> str:
    """What the body's place can be told from.

    Returns:
        `bilateral` (several bodies move), `dislocation` (no bone of the body is broken), `rami only` (a
        dislocated joint behind, broken rami in front) or `broken face`.
    """
    if len(case.moving) > 1:
        return "bilateral"
    labels = next(b.labels for b in case.bodies if b.name == body)
    others = [v for b in case.bodies if b.name != body for v in b.labels]
    shared = {bone_of(v) for v in labels} & {bone_of(v) for v in others}
    if not shared:
        return "dislocation"
    dislocated = "si-dislocation" in case.id or "vertical-shear" in case.id
    return "rami only" if dislocated and "sacrum" not in shared else "broken face"


def _truth(broken: FracturedPelvis) -> dict[str, list[list[float]]]:
    return {name: T.inverse().tolist() for name, T in broken.T_displaced_reduced.items()}
