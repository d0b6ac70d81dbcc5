"""The bone pieces of a case: where the CT shows them, where they are reduced to, and their tetrahedra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rafr.cases.case import Case
from rafr.cases.meshes import BodyMesh
from rafr.errors import InputError
from rafr.fixation.model.mesher import MeshOptions, tetrahedralise
from rafr.fixation.model.tets import Boundary, Skin, Tets
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.imaging.segmentation import bone_of
from rafr.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class Piece:
    """One label of the segmentation: one region of the finite element mesh.

    Attributes:
        name: body and label, for messages: "left_hemipelvis 11".
        bone: sacrum, left_hip or right_hip.
        found: tetrahedra where the CT shows the piece, LPS mm.
        T_reduced_displaced: LPS mm, of its body.
        number: its region.   first: its first element in the whole mesh.
    """

    name: str
    label: int
    body: str
    bone: str
    found: Tets
    T_reduced_displaced: RigidTransform
    number: int
    first: int

    @cached_property
    def reduced(self) -> Tets:
        """Tetrahedra at the reduced pose."""
        return Tets(self.T_reduced_displaced.apply(self.found.nodes), self.found.elements)

    @cached_property
    def skin(self) -> Skin:
        """Boundary at the reduced pose; elements numbered as in the whole mesh."""
        tets = self.reduced
        numbers = self.first + np.arange(len(tets.elements))
        return Skin(Boundary.of(tets.nodes, tets.elements, numbers))

    @property
    def surface(self) -> TriangleMesh:
        """Boundary at the reduced pose."""
        return self.skin.surface.mesh


def make_pieces(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    poses: Mapping[str, RigidTransform],
    options: MeshOptions,
    progress: Progress = silent,
) -> tuple[Piece, ...]:
    """All pieces of a case, meshed, in the order of its bodies and their labels.

    Args:
        poses: `T_reduced_displaced` (mm) of moving bodies; the others stay as the CT shows them.

    Raises:
        InputError: a pose of a body that the case has not, or a piece that cannot be meshed.
    """
    names = [body.name for body in case.bodies]
    unknown = sorted(set(poses) - set(names))
    if unknown:
        raise InputError(
            "reduced poses", f"case {case.id} has no body {', '.join(unknown)}", ", ".join(names)
        )
    parts = [
        (body.name, label, mesh) for body in case.bodies for label, mesh in meshes[body.name].parts.items()
    ]
    pieces: list[Piece] = []
    first = 0
    for number, (body, label, surface) in enumerate(parts):
        name = f"{body} {label}"
        progress(number / len(parts), f"tetrahedra of {name}")
        found = tetrahedralise(name, surface, options)
        pose = poses.get(body, RigidTransform.identity())
        pieces.append(Piece(name, label, body, bone_of(label), found, pose, number, first))
        first += len(found.elements)
    progress(1.0, "tetrahedra ready")
    return tuple(pieces)
