"""Which bone pieces move as one: a proposal from how the labelled pieces face each other.

The sacroiliac joint is strong: where it is intact, hip and sacrum move together. A fracture separates
pieces of one bone, and the symphysis alone holds nothing together. The surgeon has the last word:
`case.yaml` may group the labels otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, count

import numpy as np

from rafr.cases.case import Body
from rafr.geometry import TriangleMesh
from rafr.imaging.meshing import mesh_from_labels
from rafr.imaging.segmentation import bone_of, label_counts
from rafr.imaging.volume import Volume
from rafr.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class GroupingConfig:
    """When two pieces are taken to move together.

    Over 36 sacroiliac joints of 18 intact pelves (VSD) the median gap between the facing bone surfaces
    was 2.1 to 3.0 mm and the area facing within 5 mm 1740 to 3240 mm².

    Attributes:
        joint_gap_mm: largest median gap of an intact sacroiliac joint; wider is diastasis.
        joint_area_mm2: smallest area that faces within `joint_gap_mm`; a small iliac fragment has no more.
        wide_gap_mm, wide_area_mm2: a joint wider than this gap must still face over this area: wide and
            small means that its surfaces have slid apart.
        facing_mm: surfaces farther apart than this do not face each other.
        asymmetry_mm: a joint wider than `wide_gap_mm` and this much wider than the other side's is loose;
            where nothing else is loose, so is a narrower one.
        tiny_mm3: a piece smaller than this goes with its nearest neighbour.
        voxel_mm: labels are thinned to about this voxel before they are meshed.
    """

    joint_gap_mm: float = 5.0
    joint_area_mm2: float = 600.0
    wide_gap_mm: float = 4.0
    wide_area_mm2: float = 1200.0
    facing_mm: float = 8.0
    asymmetry_mm: float = 1.0
    tiny_mm3: float = 1000.0
    voxel_mm: float = 1.8


@dataclass(frozen=True, slots=True)
class Contact:
    """How two pieces face each other: area within the joint's gap (mm²) and median gap (mm)."""

    first: int
    second: int
    area_mm2: float
    gap_mm: float


@dataclass(frozen=True, slots=True)
class BodyProposal:
    """Proposed bodies (reference first) and what spoke for them, one sentence per finding."""

    bodies: tuple[Body, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    label: int
    bone: str
    mesh: TriangleMesh

    @property
    def volume_mm3(self) -> float:
        return self.mesh.volume


def propose_bodies(labels: Volume) -> tuple[Body, ...]:
    """Bodies for a labelled pelvis, the reference first; see `explain_bodies`."""
    return explain_bodies(labels).bodies


def explain_bodies(
    labels: Volume, config: GroupingConfig | None = None, progress: Progress = silent
) -> BodyProposal:
    """Group the labelled pieces into bodies and say why.

    A body holds at most one larger piece of every bone. The reference is the group of the largest
    sacral piece (of the largest piece where there is no sacrum). Where every joint looks intact the
    reference is the only body.
    """
    config = config or GroupingConfig()
    pieces = _pieces(labels, config, progress)
    large = [p for p in pieces if p.volume_mm3 >= config.tiny_mm3] or pieces
    joints, reasons = _intact_joints(large, config)
    groups, findings = _joined(large, joints)
    reasons += findings
    loose = _loosest(joints, config) if len(groups) == 1 else None
    if loose is not None:
        groups, _ = _joined(large, [c for c in joints if c is not loose])
        reasons.append(f"the joint of {loose.first} and {loose.second} is wider than the other side's: apart")
    for piece in (p for p in pieces if p not in large):
        host = min(large, key=lambda p: _distance(piece.mesh, p.mesh))
        next(g for g in groups if host in g).append(piece)
        reasons.append(
            f"{piece.label} is tiny ({piece.volume_mm3 / 1000:.1f} cm³) and goes with {host.label}"
        )
    return BodyProposal(_named(groups, large), tuple(reasons))


def _pieces(labels: Volume, config: GroupingConfig, progress: Progress) -> list[_Piece]:
    step = np.maximum(1, np.floor(config.voxel_mm / labels.spacing + 0.2)).astype(int)
    coarse = Volume(
        labels.array[:: step[2], :: step[1], :: step[0]],
        labels.origin,
        labels.spacing * step,
        labels.direction,
    )
    values = [int(v) for v in np.flatnonzero(label_counts(labels.array)) if v > 0]
    pieces = []
    for number, value in enumerate(values):
        progress(number / len(values), f"piece {value}")
        # a piece that falls between the coarse voxels is meshed as it is
        grid = coarse if (coarse.array == value).sum() > 30 else labels
        pieces.append(_Piece(value, bone_of(value), mesh_from_labels(grid, [value], smooth_mm=1.0)))
    return pieces


def _intact_joints(pieces: Sequence[_Piece], config: GroupingConfig) -> tuple[list[Contact], list[str]]:
    """Sacroiliac contacts that hold, largest area first; and what was found about those that do not."""
    contacts = [
        _contact(a, b, config)
        for a, b in combinations(pieces, 2)
        if (a.bone == "sacrum") != (b.bone == "sacrum")
    ]
    held = sorted((c for c in contacts if _holds(c, config)), key=lambda c: -c.area_mm2)
    sacral = {p.label for p in pieces if p.bone == "sacrum"}
    reasons = []
    for wide in [c for c in held if c.gap_mm > config.wide_gap_mm]:
        piece = wide.first if wide.first in sacral else wide.second
        tightest = min(c.gap_mm for c in held if piece in (c.first, c.second))
        if wide.gap_mm - tightest >= config.asymmetry_mm:
            held.remove(wide)
            reasons.append(
                f"sacroiliac joint of {wide.first} and {wide.second}: {wide.gap_mm:.1f} mm wide, "
                f"the other side's {tightest:.1f} mm: apart"
            )
    return held, reasons


def _holds(contact: Contact, config: GroupingConfig) -> bool:
    wide = contact.gap_mm > config.wide_gap_mm
    area = config.wide_area_mm2 if wide else config.joint_area_mm2
    return contact.gap_mm <= config.joint_gap_mm and contact.area_mm2 >= area


def _contact(a: _Piece, b: _Piece, config: GroupingConfig) -> Contact:
    """Facing surfaces: nearest faces with opposed normals (more than 120° apart)."""
    from scipy.spatial import cKDTree

    gap, nearest = cKDTree(b.mesh.face_centres).query(
        a.mesh.face_centres, distance_upper_bound=config.facing_mm
    )
    found = np.flatnonzero(np.isfinite(gap))
    opposed = np.einsum("ij,ij->i", a.mesh.face_normals[found], b.mesh.face_normals[nearest[found]]) < -0.5
    facing = found[opposed]
    if not len(facing):
        return Contact(a.label, b.label, 0.0, float("inf"))
    areas = a.mesh.face_areas[facing]
    close = gap[facing] <= config.joint_gap_mm
    order = np.argsort(gap[facing])
    half = np.searchsorted(np.cumsum(areas[order]), 0.5 * areas.sum())
    return Contact(a.label, b.label, float(areas[close].sum()), float(gap[facing][order][half]))


def _joined(pieces: Sequence[_Piece], joints: Sequence[Contact]) -> tuple[list[list[_Piece]], list[str]]:
    """Groups of pieces: joints are closed from the largest on, never uniting two pieces of one bone."""
    groups = [[p] for p in pieces]
    reasons = []
    for joint in joints:
        a = next(g for g in groups if any(p.label == joint.first for p in g))
        b = next(g for g in groups if any(p.label == joint.second for p in g))
        text = f"sacroiliac joint of {joint.first} and {joint.second}: {joint.gap_mm:.1f} mm wide"
        if a is b or {p.bone for p in a} & {p.bone for p in b}:
            reasons.append(f"{text}, but a fracture lies between: apart")
            continue
        groups.remove(b)
        a.extend(b)
        reasons.append(f"{text} over {joint.area_mm2 / 100:.0f} cm²: together")
    return groups, reasons


def _loosest(joints: Sequence[Contact], config: GroupingConfig) -> Contact | None:
    """The joint that is clearly wider than the tightest one, if any."""
    if len(joints) < 2:
        return None
    widest = max(joints, key=lambda c: c.gap_mm)
    tightest = min(joints, key=lambda c: c.gap_mm)
    return widest if widest.gap_mm - tightest.gap_mm >= config.asymmetry_mm else None


def _distance(a: TriangleMesh, b: TriangleMesh) -> float:
    from scipy.spatial import cKDTree

    return float(cKDTree(b.vertices).query(a.vertices)[0].min())


def _named(groups: Sequence[Sequence[_Piece]], large: Sequence[_Piece]) -> tuple[Body, ...]:
    """The reference first, then the moving bodies by size, each with a name of its own."""
    sacral = [p for p in large if p.bone == "sacrum"] or large
    main = max(sacral, key=lambda p: p.volume_mm3)
    reference = next(g for g in groups if main in g)
    moving = sorted((g for g in groups if g is not reference), key=lambda g: -sum(p.volume_mm3 for p in g))
    bodies = {"reference": reference}
    for group in moving:
        name = _name(max(group, key=lambda p: p.volume_mm3), group, large, main)
        number = next(n for n in count(1) if _numbered(name, n) not in bodies)
        bodies[_numbered(name, number)] = group
    return tuple(Body(name, tuple(sorted(p.label for p in group))) for name, group in bodies.items())


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _name(piece: _Piece, group: Sequence[_Piece], large: Sequence[_Piece], sacrum: _Piece) -> str:
    """A body's name from its largest piece: left_hip, left_hip_fragment, right_hemipelvis, …"""
    if piece.bone == "sacrum":
        aside = piece.mesh.centroid - sacrum.mesh.centroid
        if abs(aside[0]) >= abs(aside[2]):
            return "sacrum_ala_left" if aside[0] > 0 else "sacrum_ala_right"
        return "sacrum_upper" if aside[2] > 0 else "sacrum_lower"
    if any(p.bone == "sacrum" for p in group if p in large):
        return piece.bone.replace("hip", "hemipelvis")
    largest = max((p for p in large if p.bone == piece.bone), key=lambda p: p.volume_mm3)
    return piece.bone if piece is largest else f"{piece.bone}_fragment"
