"""What one solved scheme says: displacements, gaps, stresses, stiffness."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rafr.fixation.fem.elasticity import stress, von_mises
from rafr.fixation.fem.mesh import tet_volumes
from rafr.fixation.implants.catalogue import Metal
from rafr.fixation.study.assembly import FixedPelvis
from rafr.geometry.rigid_transform import FloatArray

_BONE_QUANTILE = 0.999  # of the bone's volume: supports and screw threads have peaks that no mesh resolves


@dataclass(frozen=True, slots=True)
class SchemeResult:
    """Numbers of one scheme under one load.

    Attributes:
        displacement_mm: how far points A to E sink, by name; vertical.
        fracture_gap_mm: largest opening of a fracture, by its two pieces (negative: it closes everywhere).
        fracture_slip_mm: largest slip, by the same names.
        max_von_mises_mpa: of all metal.   implant_von_mises_mpa: by implant.
        bone_von_mises_mpa: exceeded in a thousandth of the bone.
        stiffness_n_per_mm: load over the mean sinking of A to E.
        safety_factor: yield over the largest von Mises stress of metal.
        energy_nmm: work of the load.
        tied_nodes: bonded to bone, by implant.   newton: steps to the equilibrium.
    """

    displacement_mm: dict[str, float]
    fracture_gap_mm: dict[str, float]
    fracture_slip_mm: dict[str, float]
    max_von_mises_mpa: float
    implant_von_mises_mpa: dict[str, float]
    bone_von_mises_mpa: float
    stiffness_n_per_mm: float
    safety_factor: float
    energy_nmm: float
    tied_nodes: dict[str, int]
    newton: int

    @property
    def mean_mm(self) -> float:
        """Mean sinking of A to E."""
        return float(np.mean(list(self.displacement_mm.values())))

    def to_json(self) -> dict[str, Any]:
        data = asdict(self)
        finite = np.isfinite(self.safety_factor)
        return {**data, "mean_mm": self.mean_mm, "safety_factor": self.safety_factor if finite else None}


def evaluate(fixed: FixedPelvis, displacement: FloatArray, newton: int, metal: Metal) -> SchemeResult:
    """The numbers of an equilibrium, displacement (n, 3) mm, found in so many steps of Newton's method."""
    model, problem = fixed.model, fixed.problem
    bone_nodes = displacement[: len(model.mesh.nodes)]
    down = -model.points.at.interpolate(model.mesh, bone_nodes) @ model.axes.up
    gaps, slips = _fractures(fixed, bone_nodes)
    stresses = von_mises(stress(problem.mesh, problem.young, problem.poisson, displacement)).max(axis=1)
    regions = len(model.pieces)
    implants = {
        implant.name: float(stresses[problem.mesh.region == regions + k].max())
        for k, implant in enumerate(fixed.scheme.implants)
    }
    largest = max(implants.values(), default=0.0)
    mean = float(down.mean())
    load = float(np.linalg.norm(fixed.forces.sum(axis=0)))
    return SchemeResult(
        displacement_mm=dict(zip(model.points.names, map(float, down), strict=True)),
        fracture_gap_mm=gaps,
        fracture_slip_mm=slips,
        max_von_mises_mpa=largest,
        implant_von_mises_mpa=implants,
        bone_von_mises_mpa=_bone_stress(fixed, stresses),
        stiffness_n_per_mm=load / mean if mean > 0.0 else float("inf"),
        safety_factor=metal.yield_mpa / largest if largest > 0.0 else float("inf"),
        energy_nmm=0.5 * float((fixed.forces * displacement).sum()),
        tied_nodes=fixed.tied,
        newton=newton,
    )


def _bone_stress(fixed: FixedPelvis, stresses: FloatArray) -> float:
    """The stress that a thousandth of the bone's volume exceeds."""
    mesh = fixed.model.mesh
    volume = tet_volumes(mesh.nodes, mesh.elements)
    own = stresses[~fixed.implants]
    order = np.argsort(own)
    share = np.cumsum(volume[order]) / volume.sum()
    return float(own[order][np.searchsorted(share, _BONE_QUANTILE)])


def _fractures(fixed: FixedPelvis, displacement: FloatArray) -> tuple[dict[str, float], dict[str, float]]:
    mesh, names = fixed.model.mesh, fixed.model.region_names
    gaps, slips = {}, {}
    for pair in fixed.model.gaps:
        moved = pair.on_second.interpolate(mesh, displacement) - pair.on_first.interpolate(mesh, displacement)
        opening = np.einsum("ni,ni->n", moved, pair.normals)
        sliding = moved - opening[:, None] * pair.normals
        name = f"{names[pair.first]} / {names[pair.second]}"
        gaps[name] = float(opening.max())
        slips[name] = float(np.linalg.norm(sliding, axis=1).max())
    return gaps, slips
