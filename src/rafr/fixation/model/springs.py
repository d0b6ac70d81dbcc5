"""Ligaments between bones, as springs, from the same table as everywhere else (`rafr.tissue.ligaments`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.cases.case import LIGAMENTS, Case
from rafr.cases.meshes import BodyMesh
from rafr.config import option
from rafr.errors import InputError
from rafr.fixation.model.bones import Piece
from rafr.fixation.model.tets import Embedded
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue.ligaments import DORSAL, TORN, Strand, strands_of
from rafr.tissue.pelvis import Pelvis

_PER_MM = 1e-3  # N/m to N/mm
_LARGEST_MISS_MM = 12.0  # from a strand's end to the mesh it is tied to


@dataclass(frozen=True, slots=True)
class LigamentOptions:
    """Which ligaments hold, and how. Sources: docs/fixation_model.md and docs/tissue.md."""

    stiffness: float = option(1.0, "factor on every ligament's stiffness", lower=0.0, upper=10.0)
    toe_strain: float = option(0.03, "strain below which fibres uncrimp", lower=0.0, upper=0.2)
    dorsal_toe_strain: float = option(0.25, "of interosseous and posterior ones", lower=0.0, upper=0.5)
    torn_strain: float = option(0.25, "stretched beyond this as found: torn", lower=0.0, upper=5.0)
    torn: tuple[str, ...] | None = None
    """Ligaments torn between bodies; None: what the case says, else what its kind of fracture tears."""


@dataclass(frozen=True, slots=True, eq=False)
class Springs:
    """Springs between two points of the mesh, or a point of it and the ground.

    The force along the line between the ends is, at elongation e >= 0 beyond `rest`,
    stiffness e² / (2 toe) up to `toe`, then stiffness (e - toe / 2); none when shorter if `tension_only`.

    Attributes:
        names: (n,) what each one stands for.
        start, end: (n,) where they are tied.
        stiffness: (n,) N/mm.   toe: (n,) mm.   rest: (n,) mm: length of the straight line at which it pulls.
        tension_only: (n,); the others are linear both ways and ignore `toe`.
    """

    names: tuple[str, ...]
    start: Embedded
    end: Embedded
    stiffness: FloatArray
    toe: FloatArray
    rest: FloatArray
    tension_only: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.names)

    @staticmethod
    def none() -> Springs:
        nowhere = Embedded.ground(np.zeros((0, 3)))
        return Springs((), nowhere, nowhere, np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, bool))

    @staticmethod
    def joined(parts: Sequence[Springs]) -> Springs:
        return Springs(
            tuple(name for p in parts for name in p.names),
            Embedded.joined([p.start for p in parts]),
            Embedded.joined([p.end for p in parts]),
            *(
                np.concatenate([getattr(p, name) for p in parts])
                for name in ("stiffness", "toe", "rest", "tension_only")
            ),
        )


def torn_ligaments(case: Case, options: LigamentOptions) -> tuple[str, ...]:
    """Ligaments torn wherever they run from one body to another.

    Raises:
        InputError: an unknown ligament in the options.
    """
    for name in options.torn or ():
        if name not in LIGAMENTS:
            raise InputError("ligaments, torn", f"{name!r} is none of them", ", ".join(LIGAMENTS))
    if options.torn is not None:
        return options.torn
    if case.torn_ligaments is not None:
        return case.torn_ligaments
    return TORN.get(case.fracture or "", LIGAMENTS)


def ligament_springs(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    pieces: Sequence[Piece],
    poses: Mapping[str, RigidTransform],
    options: LigamentOptions,
) -> tuple[Springs, tuple[str, ...]]:
    """The ligaments that are left, tied to the pieces; and in words which are not.

    A ligament within one body is whole. Between bodies it is torn where the injury tears its kind, or where
    the CT shows it stretched by more than `torn_strain`. At the reduced pose it is at rest.
    """
    torn, spine = torn_ligaments(case, options), _under_spine(pieces)
    kept: list[_Tie] = []
    lost: dict[str, int] = {}
    for strand in strands_of(Pelvis(meshes, poses)):
        start, first = _tied(strand.start, pieces)
        end, second = _tied(strand.end, spine if strand.on_spine else pieces, anywhere=strand.on_spine)
        tie = _Tie(strand, first, second, start, end)
        if tie.is_torn(torn, options):
            lost[strand.name] = lost.get(strand.name, 0) + 1
        elif first is not second:
            kept.append(tie)
    notes = tuple(f"{count} strands of {name} are torn" for name, count in sorted(lost.items()))
    return (_springs(kept, options) if kept else Springs.none()), notes


@dataclass(frozen=True, slots=True, eq=False)
class _Tie:
    """A strand and what its ends are tied to."""

    strand: Strand
    first: Piece
    second: Piece
    start: Embedded
    end: Embedded

    def is_torn(self, torn: Sequence[str], options: LigamentOptions) -> bool:
        strand = self.strand
        if self.first.body == self.second.body:
            return False
        if strand.name in torn:
            return True
        here = self.first.T_reduced_displaced.inverse().apply(strand.start)
        there = self.second.T_reduced_displaced.inverse().apply(strand.end)
        as_found = float(np.linalg.norm(there - here)) + strand.footing
        return as_found > (1.0 + options.torn_strain) * strand.length


def _under_spine(pieces: Sequence[Piece]) -> list[Piece]:
    """What stands in for L5, which is not modelled: the largest piece of the sacrum."""
    sacral = [p for p in pieces if p.bone == "sacrum"] or list(pieces)
    return [max(sacral, key=lambda p: float(p.found.volumes.sum()))]


def _tied(point: FloatArray, pieces: Sequence[Piece], *, anywhere: bool = False) -> tuple[Embedded, Piece]:
    """The nearest place on bone and the piece it is on."""
    distances = [float(p.skin.distance(point[None])[0]) for p in pieces]
    nearest = pieces[int(np.argmin(distances))]
    if not anywhere and min(distances) > _LARGEST_MISS_MM:
        raise InputError(
            nearest.name, f"a ligament's end lies {min(distances):.0f} mm off bone", "bone there"
        )
    return nearest.skin.closest(point[None])[0], nearest


def _springs(kept: Sequence[_Tie], options: LigamentOptions) -> Springs:
    strands = [k.strand for k in kept]
    start, end = Embedded.joined([k.start for k in kept]), Embedded.joined([k.end for k in kept])
    toe = [options.dorsal_toe_strain if s.name in DORSAL else options.toe_strain for s in strands]
    return Springs(
        tuple(s.name for s in strands),
        start,
        end,
        np.array([s.stiffness for s in strands]) * _PER_MM * options.stiffness,
        np.array(toe) * np.array([s.length for s in strands]),
        np.linalg.norm(end.points - start.points, axis=1),
        np.ones(len(strands), dtype=bool),
    )
