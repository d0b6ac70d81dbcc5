"""The reduced pelvis as implants meet it: pieces of bone where they belong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rafr.cases.case import Case
from rafr.cases.meshes import BodyMesh
from rafr.cases.pelvis import IntactPelvis
from rafr.errors import InputError
from rafr.fixation.implants.frame import sacral_frame
from rafr.geometry import RigidTransform, TriangleMesh, merge_meshes
from rafr.imaging.segmentation import BONES, bone_of


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A closed piece of bone.

    Attributes:
        body: what it moves with.   bone: sacrum, left_hip or right_hip.   mesh: reduced, LPS mm.
    """

    name: str
    body: str
    bone: str
    mesh: TriangleMesh


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """All pieces, reduced, in the reference body's CT (LPS mm).

    Attributes:
        T_ct_sacrum: mm; x left, y backwards, z up along the front of S1 and S2, origin at the promontory.
        side: `left` or `right`, which was displaced most behind; "" where nothing was.
    """

    pieces: tuple[Piece, ...]
    T_ct_sacrum: RigidTransform
    side: str = ""

    @staticmethod
    def of_pelvis(pelvis: IntactPelvis) -> Anatomy:
        """An unbroken pelvis.

        Raises:
            InfeasibleError: the sacrum has no axis (`sacral_frame`).
        """
        pieces = tuple(Piece(name, "pelvis", name, mesh) for name, mesh in pelvis.bones.items())
        return Anatomy(pieces, sacral_frame(pelvis.bones))

    @staticmethod
    def of_case(
        case: Case, meshes: Mapping[str, BodyMesh], T_reduced_displaced: Mapping[str, RigidTransform]
    ) -> Anatomy:
        """A case with its bodies where they belong.

        Args:
            meshes: of `rafr.cases.meshes.body_meshes`.
            T_reduced_displaced: mm, per moving body; a body without stays where the CT shows it.

        Raises:
            InputError: a pose of a body the case does not have, or a bone that is not there at all.
            InfeasibleError: the sacrum has no axis.
        """
        unknown = set(T_reduced_displaced) - set(meshes)
        if unknown:
            raise InputError(
                case.id, f"a pose for body {min(unknown)!r}", f"bodies among {', '.join(sorted(meshes))}"
            )
        still = RigidTransform.identity()
        pieces = tuple(
            Piece(
                f"{body}:{label}",
                body,
                bone_of(label),
                mesh.transformed(T_reduced_displaced.get(body, still)),
            )
            for body, whole in meshes.items()
            for label, mesh in whole.parts.items()
        )
        missing = set(BONES) - {p.bone for p in pieces}
        if missing:
            raise InputError(case.id, f"no {min(missing)} among its labels", "sacrum and both hips")
        T_ct_sacrum = sacral_frame({bone: _bone(pieces, bone) for bone in BONES})
        return Anatomy(pieces, T_ct_sacrum, _displaced_side(pieces, T_ct_sacrum, T_reduced_displaced))

    def bone(self, bone: str) -> TriangleMesh:
        """All pieces of a bone as one mesh."""
        return _bone(self.pieces, bone)

    @property
    def bodies(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(p.body for p in self.pieces))


def _bone(pieces: tuple[Piece, ...], bone: str) -> TriangleMesh:
    return merge_meshes([p.mesh for p in pieces if p.bone == bone])


def _displaced_side(
    pieces: tuple[Piece, ...], T_ct_sacrum: RigidTransform, T_reduced_displaced: Mapping[str, RigidTransform]
) -> str:
    """The side whose hip moved most against the middle of the sacrum, at the sacroiliac joint.

    The largest piece of a hip speaks for its side, the largest of the sacrum for the middle.
    """
    still = RigidTransform.identity()

    def of_largest(bone: str) -> RigidTransform:
        largest = max((p for p in pieces if p.bone == bone), key=lambda p: p.mesh.volume)
        return T_reduced_displaced.get(largest.body, still)

    middle = of_largest("sacrum").inverse()
    moved = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        joint = T_ct_sacrum.apply(np.array([sign * 45.0, 20.0, -20.0]))
        moved[side] = float(np.linalg.norm((middle @ of_largest(f"{side}_hip")).apply(joint) - joint))
    side = max(moved, key=lambda s: moved[s])
    return side if moved[side] > 0.1 else ""
