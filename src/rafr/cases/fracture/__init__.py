"""Breaking an intact pelvis: rough cuts at anatomical places, pieces, bodies and displacement."""

from __future__ import annotations

import numpy as np

from rafr.cases.case import FRACTURE_KINDS
from rafr.cases.fracture.anatomy import PelvisAnatomy, find_anatomy
from rafr.cases.fracture.displace import CLEARANCE_MM, Solids, displace, push_out
from rafr.cases.fracture.kinds import draw_pattern
from rafr.cases.fracture.pieces import FracturedPelvis, Piece
from rafr.cases.fracture.solid import solid_from_mesh
from rafr.cases.pelvis import IntactPelvis
from rafr.errors import InputError

__all__ = [
    "CLEARANCE_MM",
    "FracturedPelvis",
    "PelvisAnatomy",
    "Piece",
    "Solids",
    "find_anatomy",
    "fracture_pelvis",
    "push_out",
]


def fracture_pelvis(
    pelvis: IntactPelvis, kind: str, rng: np.random.Generator, *, solid_mm: float = 1.0
) -> FracturedPelvis:
    """Break and displace an intact pelvis.

    Args:
        pelvis: lying roughly along LPS, mm.
        kind: one of `rafr.cases.case.FRACTURE_KINDS`.
        rng: chooses side, place, roughness and displacement.
        solid_mm: grid step of the bones' distance fields, mm.

    Raises:
        InputError: an unknown kind.
        InfeasibleError: the pieces cannot be displaced without bone in bone.
    """
    if kind not in FRACTURE_KINDS:
        raise InputError("fracture", f"{kind!r} is not a kind", f"one of {', '.join(FRACTURE_KINDS)}")
    anatomy = find_anatomy(pelvis)
    solids = {name: solid_from_mesh(mesh, solid_mm) for name, mesh in pelvis.bones.items()}
    pattern = draw_pattern(kind, anatomy, rng)
    poses = displace(pattern, anatomy, Solids.of(pelvis, solids, pattern.pieces), rng)
    return FracturedPelvis(
        kind=kind,
        pelvis=pelvis,
        anatomy=anatomy,
        solids=solids,
        pieces=pattern.pieces,
        bodies=(pattern.reference, *(m.body for m in pattern.moving)),
        T_displaced_reduced=poses,
        traction_side=pattern.traction_side,
    )
