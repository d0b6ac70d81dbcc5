"""Masses that move with the bones: bone, soft tissue and what of the body hangs on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.units import METRES_PER_MM

_HIP_AREA_M2 = 0.045


@dataclass(frozen=True, slots=True)
class MassConfig:
    """Effective masses."""

    fragment: float = option(
        8.0,
        "of a fragment as large as a hip bone: bone, soft tissue, share of the thigh",
        unit="kg",
        lower=1.0,
        upper=40.0,
    )
    reference: float = option(25.0, "of pelvis and trunk", unit="kg", lower=5.0, upper=80.0)


@dataclass(frozen=True, slots=True, eq=False)
class BodyInertia:
    """Effective rigid body of a bone: mass (kg), inertia (3, 3) about its centroid in CT axes (kg m²)."""

    mass: float
    inertia: FloatArray
    centroid: FloatArray


def fragment_inertia(mesh_mm: TriangleMesh, config: MassConfig) -> BodyInertia:
    """Mass by the bone's surface area, distributed as that surface is."""
    area = float(mesh_mm.face_areas.sum()) * METRES_PER_MM**2
    mass = config.fragment * float(np.clip(area / _HIP_AREA_M2, 0.25, 2.0))
    return _shell(mesh_mm, mass)


def reference_inertia(mesh_mm: TriangleMesh, config: MassConfig) -> BodyInertia:
    return _shell(mesh_mm, config.reference)


def _shell(mesh_mm: TriangleMesh, mass: float) -> BodyInertia:
    weights = mesh_mm.face_areas / mesh_mm.face_areas.sum()
    offset = (mesh_mm.face_centres - mesh_mm.centroid) * METRES_PER_MM
    second = (offset * weights[:, None]).T @ offset
    # the soft tissue that moves along rounds the body off: at least 40 mm of gyration about any axis
    second = second + 0.5 * 0.04**2 * np.eye(3)
    inertia = mass * (np.trace(second) * np.eye(3) - second)
    return BodyInertia(mass, inertia, mesh_mm.centroid * METRES_PER_MM)
