"""The patient's pelvis as plain arrays: all that is needed to assemble its finite elements (mm, N, MPa)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rafr.fixation.fem.mesh import TetMesh
from rafr.fixation.model.axes import StandingAxes
from rafr.fixation.model.bones import Piece
from rafr.fixation.model.contact_pairs import FRACTURE, ContactOptions, ContactPair
from rafr.fixation.model.endplate import Endplate
from rafr.fixation.model.loads import LoadOptions, Loads
from rafr.fixation.model.materials import MaterialBin, MaterialOptions
from rafr.fixation.model.mesher import MeshOptions
from rafr.fixation.model.points import GapPoints, MeasuringPoints
from rafr.fixation.model.springs import LigamentOptions, Springs
from rafr.fixation.model.supports import Cup, SupportOptions
from rafr.fixation.model.tets import IntArray
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Every choice that the model of a pelvis leaves open."""

    mesh: MeshOptions = field(default_factory=MeshOptions)
    material: MaterialOptions = field(default_factory=MaterialOptions)
    contact: ContactOptions = field(default_factory=ContactOptions)
    ligament: LigamentOptions = field(default_factory=LigamentOptions)
    support: SupportOptions = field(default_factory=SupportOptions)
    load: LoadOptions = field(default_factory=LoadOptions)


@dataclass(frozen=True, slots=True, eq=False)
class PelvisModel:
    """The reduced pelvis before any implant, LPS mm of the reference body's CT, every body at its pose.

    Attributes:
        case_id: of the case.
        mesh: ten-node tetrahedra; `mesh.region` numbers the pieces.
        pieces: bone pieces by region: label, body, bone, pose, boundary.
        young, poisson: (m,) MPa and 1, by element.   bin: (m,) which of `bins` an element is in.
        bins: the materials, softest first.
        fixed_nodes: (k,) nodes that do not move.
        loads: forces on nodes.
        springs: ligaments, and supports where those are springs.
        contacts: joints and fracture faces.
        points: A to E.   gaps: across fractures.
        axes: how the patient stands.   endplate: of S1.   cups: both acetabula.
        notes: what was found or left out, in words.
    """

    case_id: str
    mesh: TetMesh
    pieces: tuple[Piece, ...]
    young: FloatArray
    poisson: FloatArray
    bin: IntArray
    bins: tuple[MaterialBin, ...]
    fixed_nodes: IntArray
    loads: Loads
    springs: Springs
    contacts: tuple[ContactPair, ...]
    points: MeasuringPoints
    gaps: tuple[GapPoints, ...]
    axes: StandingAxes
    endplate: Endplate
    cups: dict[str, Cup]
    notes: tuple[str, ...]

    @property
    def region_names(self) -> tuple[str, ...]:
        """(regions,) body and label of every piece."""
        return tuple(p.name for p in self.pieces)

    @property
    def fractures(self) -> tuple[ContactPair, ...]:
        return tuple(c for c in self.contacts if c.kind == FRACTURE)

    def elements_of(self, region: int) -> IntArray:
        """Elements (k,) of one region."""
        return np.flatnonzero(self.mesh.region == region)
