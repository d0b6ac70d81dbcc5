"""The patient's pelvis as tissue sees it: bones where they belong, who carries what, where muscles arise.

LPS mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from rafr.geometry import RigidTransform, TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.segmentation import bone_of
from rafr.tissue import landmarks
from rafr.units import METRES_PER_MM

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

SIDES = ("left", "right")
# Landmarks in the pelvis frame of the OpenSim model (x anterior, y up, z right, m), right side: hip centre
# from its joint, the others from the muscles that arise there (sartorius; hamstrings; adductor longus)
_MODEL_LANDMARKS = {
    "hip_centre": (-0.0707, -0.0661, 0.0835),
    "asis": (-0.0153, -0.0013, 0.1242),
    "tuberosity": (-0.1244, -0.1001, 0.0666),
    "pubis": (-0.0316, -0.0836, 0.0169),
}
_LPS_FROM_MODEL = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_TURNS = 30
_SCALES = (0.75, 1.3)  # smallest and largest scale of an adult's pelvis along one axis


@dataclass(frozen=True, slots=True)
class PelvisMap:
    """Affine map from the muscle model's pelvis frame (m) to the patient's pelvis (LPS mm).

    Attributes:
        linear: (3, 3).   shift: (3,).   rms_mm: of the landmarks it was fitted to.
    """

    linear: FloatArray
    shift: FloatArray
    rms_mm: float

    def place(self, points: FloatArray) -> FloatArray:
        placed: FloatArray = points @ self.linear.T + self.shift
        return placed


class Pelvis:
    """All bodies of a case with every fragment where it belongs."""

    def __init__(
        self, meshes: Mapping[str, BodyMesh], reduced: Mapping[str, RigidTransform] | None = None
    ) -> None:
        """`reduced`: `T_reduced_displaced` (mm) of moving bodies; others stay as the CT shows them."""
        parts: dict[str, list[tuple[str, TriangleMesh]]] = {}
        for name, body in meshes.items():
            T = (reduced or {}).get(name, RigidTransform.identity())
            for label, mesh in body.parts.items():
                parts.setdefault(bone_of(label), []).append((name, mesh.transformed(T)))
        self.bones = {bone: merge_meshes([m for _, m in held]) for bone, held in parts.items()}
        everything = [held for pieces in parts.values() for held in pieces]
        self._owner = np.repeat([name for name, _ in everything], [len(m.vertices) for _, m in everything])
        self._vertices = np.concatenate([m.vertices for _, m in everything])

    def hip(self, side: str) -> TriangleMesh | None:
        return self.bones.get(f"{side}_hip")

    def owners(self, points: FloatArray) -> list[str]:
        """The body nearest to each point (n, 3)."""
        return [str(name) for name in self._owner[self._tree.query(points)[1]]]

    def nearest(self, points: FloatArray) -> FloatArray:
        """The nearest points (n, 3) on bone."""
        found: FloatArray = self._vertices[self._tree.query(points)[1]]
        return found

    @cached_property
    def hip_centres(self) -> dict[str, FloatArray]:
        """(3,) by side, where there is a hip bone."""
        hips = {side: self.hip(side) for side in SIDES}
        return {s: landmarks.hip_centre(h, s) for s, h in hips.items() if h is not None}

    def leg_carriers(self) -> dict[str, str]:
        """The body that holds each acetabulum, by side."""
        carriers = {}
        for side, centre in self.hip_centres.items():
            _, nearest = self._tree.query(centre)
            carriers[side] = str(self._owner[nearest])
        return carriers

    @cached_property
    def map(self) -> PelvisMap:
        """Fit of the muscle model: a rotation, a shift and a scale along each of the model's axes."""
        model, patient = [], []
        for side, centre in self.hip_centres.items():
            mirror = np.array([1.0, 1.0, -1.0 if side == "left" else 1.0])
            for name, place in self._landmarks(side, centre).items():
                model.append(np.array(_MODEL_LANDMARKS[name]) * mirror)
                patient.append(place)
        return fit_map(np.array(model), np.array(patient))

    def _landmarks(self, side: str, hip_centre: FloatArray) -> dict[str, FloatArray]:
        hip = self.hip(side)
        assert hip is not None
        return {
            "hip_centre": hip_centre,
            "asis": landmarks.anterior_superior_spine(hip, hip_centre),
            "tuberosity": landmarks.ischial_tuberosity(hip),
            "pubis": landmarks.pubic_tubercle(hip, hip_centre, side),
        }

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self._vertices)


def fit_map(model: FloatArray, patient: FloatArray) -> PelvisMap:
    """Least squares over pairs of landmarks (n, 3): rotation (Umeyama 1991) and scales in turn.

    With fewer than four pairs only the scale of an average adult is used.
    """
    axes = model @ _LPS_FROM_MODEL.T / METRES_PER_MM
    if len(model) < 4:
        shift = (patient - axes).mean(axis=0) if len(model) else np.zeros(3)
        return PelvisMap(_LPS_FROM_MODEL / METRES_PER_MM, shift, float("nan"))
    here, there = axes - axes.mean(axis=0), patient - patient.mean(axis=0)
    spread = np.maximum((here**2).sum(axis=0), 1e-9)
    scale = np.ones(3)
    for _ in range(_TURNS):
        U, _, Vt = np.linalg.svd(there.T @ (here * scale))
        R = U @ np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))]) @ Vt
        scale = np.clip((here * (there @ R)).sum(axis=0) / spread, *_SCALES)
    linear = R @ np.diag(scale) @ _LPS_FROM_MODEL / METRES_PER_MM
    shift = patient.mean(axis=0) - model.mean(axis=0) @ linear.T
    miss = model @ linear.T + shift - patient
    return PelvisMap(linear, shift, float(np.sqrt((miss**2).sum(axis=1).mean())))
