"""Build the soft tissue of one fragment from its meshes: ligaments, muscles, bedding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from rafr.cases.case import Case
from rafr.geometry import RigidTransform, TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue import landmarks, ligaments
from rafr.tissue.springs import TissueModel
from rafr.units import METRES_PER_MM

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

__all__ = ["TissueModel", "TissueParams", "build_tissue"]

_BONES = {"sacrum": range(1, 11), "left_hip": range(11, 21), "right_hip": range(21, 31)}
_STANDARD_MASS_KG = 75.0
_HIP_AREA_MM2 = 45_000.0  # surface of one adult hip bone (18 subjects of 10.1038/s41597-023-02669-z)

# Lines of pull of the muscle groups round a hip bone, left side, LPS, and their share of the whole (by
# cross section, OpenSim gait2392): where the muscles shortened, they resist being lengthened again.
_MUSCLES = (
    ("iliopsoas-erector", (-0.25, -0.1, 0.95), 0.22),
    ("abdominal-wall", (-0.25, -0.5, 0.80), 0.16),
    ("gluteal", (0.60, 0.20, -0.75), 0.20),
    ("adductors-hamstrings", (0.10, 0.05, -1.0), 0.20),
    ("pelvic-floor-piriformis", (-0.80, 0.60, -0.1), 0.12),
    ("pubic-medial", (-0.80, -0.60, 0.0), 0.10),
)


@dataclass(frozen=True, slots=True)
class TissueParams:
    """Tunables of the soft tissue; forces are for a 75 kg patient and a whole hip bone."""

    muscle_stiffness: float = 18e3
    """N/m, all groups together when fully taut: 20–30 mm of lengthening along one direction then takes
    100–300 N, the range of measured reduction forces (femur: mean 216 N; muscle models: 97–555 N)."""
    muscle_toe: float = 0.012
    """m, lengthening over which a relaxed muscle tightens (passive curve of Thelen 2003)."""
    muscle_limit: float = 600.0
    """N, all groups together: an anaesthetised muscle pulls no more, however far it is drawn."""
    muscle_length: float = 0.12
    """m, from bone to the far end (optimal fibre lengths 0.08–0.15 m)."""
    bedding_stiffness: float = 4.0e3
    """N/m, fat, fascia and capsule in any direction, all points together."""
    bedding_limit: float = 100.0
    """N, all bedding points together."""
    bedding_points: int = 12
    """Points the bedding is spread over."""
    ligament_toe_strain: float = 0.06
    """Strain below which a ligament's fibres uncrimp."""
    ligament_torn_strain: float = 0.25
    """A ligament stretched beyond this in the displaced pelvis has torn (failure strains 0.2–0.3)."""
    ligament_limit: float = 250.0
    """N per ligament: what is left after the injury yields above it."""
    damping_time: float = 0.02
    """s, damping of a spring over its stiffness."""
    linear_damping: float = 300.0
    """N s/m, of moving a whole hip bone through tissue (overdamped: a fragment does not swing)."""
    angular_damping: float = 3.0
    """N m s/rad, of turning it."""


def build_tissue(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    body: str,
    T_reduced_displaced: RigidTransform | None,
    params: TissueParams | None = None,
    T_relaxed_displaced: RigidTransform | None = None,
) -> TissueModel:
    """The soft tissue of one moving body.

    Args:
        meshes: every body's mesh, LPS mm, as the CT shows it.
        T_reduced_displaced: mm; where the body belongs. Ligaments have their rest length there; None
            leaves them out (the caller does not know the anatomy before the injury).
        T_relaxed_displaced: mm; the pose in which muscles and bedding are relaxed, the CT's by default.
    """
    p = params or TissueParams()
    relaxed = T_relaxed_displaced or RigidTransform.identity()
    mesh = meshes[body].mesh
    area = float(mesh.face_areas.sum())
    size = float(np.clip(area / _HIP_AREA_MM2, 0.25, 1.5))
    # strength grows with cross section, that is with mass^(2/3)
    scale = size * (case.patient_mass_kg / _STANDARD_MASS_KG) ** (2.0 / 3.0)
    springs = _Springs()
    _add_muscles(springs, mesh, body_side(meshes, body, case.reference.name), relaxed, p, scale)
    _add_bedding(springs, mesh, relaxed, p, scale)
    if T_reduced_displaced is not None:
        _add_ligaments(springs, case, meshes, body, T_reduced_displaced, p)
    return springs.model(mesh.centroid, p.linear_damping * size, p.angular_damping * size, p.damping_time)


def body_side(meshes: Mapping[str, BodyMesh], body: str, reference: str) -> str:
    """The side of the pelvis a body belongs to: that of its hip bone, else the side it lies on."""
    labels = meshes[body].parts
    if any(label in _BONES["left_hip"] for label in labels):
        return "left"
    if any(label in _BONES["right_hip"] for label in labels):
        return "right"
    offset = meshes[body].mesh.centroid - meshes[reference].mesh.centroid
    return "left" if offset[0] >= 0 else "right"


class _Springs:
    """Collects springs in mm and N, hands them over in SI."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, ...]] = []
        self._names: list[str] = []

    def add(
        self,
        name: str,
        point_mm: FloatArray,
        anchor_mm: FloatArray,
        rest_mm: float,
        stiffness: float,
        toe: float,
        limit: float,
    ) -> None:
        self._names.append(name)
        self._rows.append((*point_mm, *anchor_mm, rest_mm, stiffness, toe, limit))

    def model(
        self, centroid_mm: FloatArray, linear_damping: float, angular_damping: float, damping_time: float
    ) -> TissueModel:
        rows = np.array(self._rows)
        return TissueModel(
            tuple(self._names),
            rows[:, 0:3] * METRES_PER_MM,
            rows[:, 3:6] * METRES_PER_MM,
            rows[:, 6] * METRES_PER_MM,
            rows[:, 7].copy(),
            rows[:, 8].copy(),
            rows[:, 9].copy(),
            rows[:, 7] * damping_time,
            centroid_mm * METRES_PER_MM,
            linear_damping,
            angular_damping,
        )


def _add_muscles(
    springs: _Springs,
    mesh: TriangleMesh,
    side: str,
    relaxed: RigidTransform,
    p: TissueParams,
    scale: float,
) -> None:
    length_mm = p.muscle_length / METRES_PER_MM
    for name, direction, share in _MUSCLES:
        pull = np.array(direction) * (landmarks.side_sign(side), 1.0, 1.0)
        pull /= np.linalg.norm(pull)
        # attached over a broad area: half way between the bone's end and its middle
        point = 0.5 * (landmarks.extreme_patch(mesh.vertices, pull, 0.1) + mesh.centroid)
        anchor = relaxed.apply(point) + length_mm * pull
        stiffness, limit = share * scale * p.muscle_stiffness, share * scale * p.muscle_limit
        springs.add(name, point, anchor, length_mm, stiffness, p.muscle_toe, limit)


def _add_bedding(
    springs: _Springs, mesh: TriangleMesh, relaxed: RigidTransform, p: TissueParams, scale: float
) -> None:
    sample = mesh.vertices[:: max(1, len(mesh.vertices) // 2000)]
    chosen = landmarks.spread_points(sample, p.bedding_points)
    stiffness = scale * p.bedding_stiffness / len(chosen)
    limit = scale * p.bedding_limit / len(chosen)
    for point in sample[chosen]:
        springs.add("bedding", point, relaxed.apply(point), 0.0, stiffness, 0.0, limit)


def _add_ligaments(
    springs: _Springs,
    case: Case,
    meshes: Mapping[str, BodyMesh],
    body: str,
    reduced: RigidTransform,
    p: TissueParams,
) -> None:
    """Ligaments between the body and the reference that the injury left, at rest in the reduced pose."""
    remaining = ligaments.REMAINING.get(case.fracture or "", ())
    if not remaining:
        return
    own = _bones(meshes[body], reduced)
    reference = _bones(meshes[case.reference.name], RigidTransform.identity())
    back = reduced.inverse()
    for strand, on_body, on_reference in _crossing_strands(own, reference, remaining):
        length = float(np.linalg.norm(strand.end - strand.start))
        point = back.apply(on_body)
        if length < 1.0 or np.linalg.norm(on_reference - point) > (1 + p.ligament_torn_strain) * length:
            continue
        section = ligaments.CROSS_SECTION_MM2[strand.name] * strand.share * METRES_PER_MM**2
        stiffness = ligaments.YOUNGS_MODULUS * section / (length * METRES_PER_MM)
        toe = p.ligament_toe_strain * length * METRES_PER_MM
        limit = p.ligament_limit * strand.share
        springs.add(strand.name, point, on_reference, length, stiffness, toe, limit)


def _bones(body_mesh: BodyMesh, motion: RigidTransform) -> dict[str, TriangleMesh]:
    """The parts of a body by bone, moved."""
    bones = {}
    for bone, labels in _BONES.items():
        parts = [part.transformed(motion) for label, part in body_mesh.parts.items() if label in labels]
        if parts:
            bones[bone] = merge_meshes(parts)
    return bones


def _crossing_strands(
    own: dict[str, TriangleMesh], reference: dict[str, TriangleMesh], remaining: tuple[str, ...]
) -> list[tuple[ligaments.Strand, FloatArray, FloatArray]]:
    """Strands with one end on the body and the other on the reference: (strand, on body, on reference)."""
    crossing = []
    trees = [cKDTree(np.concatenate([m.vertices for m in bones.values()])) for bones in (own, reference)]
    for strand in _all_strands(_merged(own, reference)):
        if strand.name not in remaining:
            continue
        start_own, end_own = _belongs(strand.start, *trees), _belongs(strand.end, *trees)
        if start_own != end_own:
            ends = (strand.start, strand.end) if start_own else (strand.end, strand.start)
            crossing.append((strand, *ends))
    return crossing


def _merged(own: dict[str, TriangleMesh], reference: dict[str, TriangleMesh]) -> dict[str, TriangleMesh]:
    names = own.keys() | reference.keys()
    return {n: merge_meshes([part[n] for part in (own, reference) if n in part]) for n in names}


def _all_strands(pelvis: dict[str, TriangleMesh]) -> list[ligaments.Strand]:
    strands = []
    for side in ("left", "right"):
        hip = pelvis.get(f"{side}_hip")
        if hip is not None and "sacrum" in pelvis:
            strands += ligaments.sacral_strands(hip, pelvis["sacrum"], side)
    if "left_hip" in pelvis and "right_hip" in pelvis:
        strands += ligaments.pubic_strands(pelvis["left_hip"], pelvis["right_hip"])
    return strands


def _belongs(point: FloatArray, own: cKDTree, reference: cKDTree) -> bool:
    """True when the attachment is on the moving body (the nearer of the two)."""
    return bool(own.query(point)[0] < reference.query(point)[0])
