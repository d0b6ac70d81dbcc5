"""Build the soft tissue of one fragment from the patient: ligaments, muscles, bedding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rafr.cases.case import LIGAMENTS, Case
from rafr.config import check_config, option
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue import landmarks
from rafr.tissue.cables import Cable, Rider, TissueModel
from rafr.tissue.ligaments import DORSAL, TORN, Strand, strands_of
from rafr.tissue.muscles import MODEL_MASS_KG, Muscle, MuscleModel, Posture, load_muscles
from rafr.tissue.pelvis import Pelvis
from rafr.tissue.tension import TensionLaw, TensionLaws
from rafr.units import METRES_PER_MM

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

__all__ = ["BEDDING", "TissueModel", "TissueParams", "build_tissue"]

BEDDING = "bedding"  # name of its cables
_HIP_AREA_MM2 = 45_000.0  # surface of one adult hip bone (18 subjects of 10.1038/s41597-023-02669-z)


@dataclass(frozen=True, slots=True)
class TissueParams:
    """Tunables of the soft tissue. `docs/tissue.md` shows how much each one matters."""

    muscles: Path | None = None
    """An OpenSim model (.osim) to take the muscles from; None: the built-in ones."""
    activation: float = option(0.0, "of all muscles; 0 under relaxant", lower=0.0, upper=1.0)
    contracture: float = option(
        0.5,
        "how far a muscle that the injury left slack has taken up its slack (days after the injury: spasm,"
        " then loss of sarcomeres): 0 not at all, 1 wholly",
        lower=0.0,
        upper=1.0,
    )
    muscle_strength: float = option(1.0, "factor on every muscle's force", lower=0.0, upper=5.0)
    bedding_stiffness: float = option(
        4.0e3, "fat, fascia and capsule in any direction, round a whole hip bone", unit="N/m", lower=0.0
    )
    bedding_limit: float = option(100.0, "the bedding gives way above this", unit="N", lower=0.0)
    bedding_points: int = option(12, "points the bedding is spread over", lower=1, upper=100)
    ligament_stiffness: float = option(1.0, "factor on every ligament's stiffness", lower=0.0, upper=10.0)
    ligament_toe_strain: float = option(
        0.03, "strain below which a ligament's fibres uncrimp", lower=0.0, upper=0.2
    )
    dorsal_toe_strain: float = option(
        0.25,
        "the same of interosseous and posterior sacroiliac ligaments: crossing bundles come taut one by one",
        lower=0.0,
        upper=0.5,
    )
    ligament_prestrain: float = option(
        0.0, "strain in the intact pelvis (in situ; 0 to 0.05 is published)", lower=0.0, upper=0.1
    )
    ligament_torn_strain: float = option(
        0.25, "a ligament stretched beyond this as found has torn (failure strains 0.2 to 0.3)", lower=0.0
    )
    ligament_failure_strain: float = option(
        0.25, "strain at which a ligament begins to fail and pulls no harder", lower=0.02, upper=1.0
    )
    ligament_damping_time: float = option(
        0.002, "damping of a ligament over its stiffness", unit="s", lower=0.0, upper=0.01
    )
    bedding_damping_time: float = option(
        0.02, "damping of the bedding over its stiffness", unit="s", lower=0.0, upper=1.0
    )
    muscle_damping: float = option(20.0, "along every muscle", unit="N s/m", lower=0.0)
    linear_damping: float = option(
        300.0, "of moving a whole hip bone through tissue: a fragment does not swing", unit="N s/m", lower=0.0
    )
    angular_damping: float = option(3.0, "of turning it", unit="N m s/rad", lower=0.0)
    posture: Posture = field(default_factory=Posture)


def build_tissue(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    body: str,
    reduced: Mapping[str, RigidTransform] | None,
    params: TissueParams | None = None,
    found: RigidTransform | None = None,
) -> TissueModel:
    """The soft tissue of one moving body.

    Args:
        meshes: every body's mesh, LPS mm, as the CT shows it.
        reduced: `T_reduced_displaced` (mm) of the bodies whose place is known. Muscles and ligaments have the
            lengths of the intact pelvis there. None: the anatomy before the injury is not known; muscles are
            then at rest as found, and ligaments are left out.
        found: mm; the pose in which the body lies, the CT's by default: there muscles have taken up their
            slack, ligaments have given way, and the bedding is at rest.

    Raises:
        InputError: `params.muscles` cannot be used.
    """
    p = params or TissueParams()
    check_config(p, "soft tissue")
    return _Builder(case, meshes, body, reduced, p, found or RigidTransform.identity()).build()


def body_side(meshes: Mapping[str, BodyMesh], body: str, reference: str) -> str:
    """The side of the pelvis a body belongs to: that of its hip bone, else the side it lies on."""
    from rafr.imaging.segmentation import bone_of

    bones = {bone_of(label) for label in meshes[body].parts}
    for side in ("left", "right"):
        if f"{side}_hip" in bones:
            return side
    offset = meshes[body].mesh.centroid - meshes[reference].mesh.centroid
    return "left" if offset[0] >= 0 else "right"


class _Builder:
    """Collects cables in mm; `build` hands them over in SI."""

    def __init__(
        self,
        case: Case,
        meshes: Mapping[str, BodyMesh],
        body: str,
        reduced: Mapping[str, RigidTransform] | None,
        params: TissueParams,
        found: RigidTransform,
    ) -> None:
        self.case, self.body, self.params, self.found = case, body, params, found
        self.known = reduced is not None and body in reduced
        self.home = (reduced or {}).get(body, found)
        self.pelvis = Pelvis(meshes, {**(reduced or {}), body: self.home})
        self.mesh: TriangleMesh = meshes[body].mesh
        self.cables: list[Cable] = []
        self.laws: list[TensionLaw] = []
        self.damping: list[float] = []
        # how much tissue a body carries goes with its surface
        area = float(self.mesh.face_areas.sum())
        self.size = float(np.clip(area / _HIP_AREA_MM2, 0.1, 1.5))
        side = next((s for s, name in self.pelvis.leg_carriers().items() if name == body), None)
        self.hip_home = None if side is None else self.pelvis.hip_centres[side]
        self.leg_side = side

    def build(self) -> TissueModel:
        p = self.params
        model = load_muscles(p.muscles, p.posture)
        for muscle in model.muscles:
            self._add_muscle(model, muscle)
        if self.known:
            for strand in strands_of(self.pelvis):
                self._add_ligament(strand)
        self._add_bedding()
        hip = None if self.hip_home is None else self.home.inverse().apply(self.hip_home)
        return TissueModel(
            tuple(self.cables),
            TensionLaws.of(self.laws),
            self.mesh.centroid * METRES_PER_MM,
            np.array(self.damping),
            None if hip is None else hip * METRES_PER_MM,
            np.zeros(3) if self.hip_home is None else self.hip_home * METRES_PER_MM,
            p.linear_damping * self.size,
            p.angular_damping * self.size,
        )

    def _add(self, cable: Cable, law: TensionLaw, damping: float) -> None:
        self.cables.append(cable)
        self.laws.append(law)
        self.damping.append(damping)

    # -- muscles -------------------------------------------------------------------------------------

    def _add_muscle(self, model: MuscleModel, muscle: Muscle) -> None:
        points, riders = self._path(model, muscle)
        moving = {Rider.BODY, Rider.LEG} & set(riders)
        if not moving or len(set(riders)) == 1:
            return
        p = self.params
        in_model = _length(model.places(muscle))
        scale = _length(points) * METRES_PER_MM / in_model
        # strength goes with cross section, that is with mass^(2/3)
        strength = p.muscle_strength * (self.case.patient_mass_kg / MODEL_MASS_KG) ** (2.0 / 3.0)
        law = muscle.law(scale, strength, p.activation)
        rest = muscle.slack_length(scale)
        as_found = _length(self._moved(points, riders, self.found)) * METRES_PER_MM
        # what the injury stretched has given way, what it slackened has contracted: the fragment lies still
        if as_found > rest:
            rest = as_found
        elif self.known:
            rest -= p.contracture * (rest - as_found)
        self._add(self._cable(muscle.name, points, riders, rest), law, p.muscle_damping)

    def _path(self, model: MuscleModel, muscle: Muscle) -> tuple[FloatArray, list[Rider]]:
        """Points (k, 3) of a muscle in the intact pelvis, mm, and what they ride on."""
        pelvis, places = self.pelvis, model.places(muscle)
        points = pelvis.map.place(places)
        riders = []
        spine = model.frames["torso"][1, 3]
        for k, at in enumerate(muscle.path):
            if at.segment == "pelvis":
                if k in (0, len(points) - 1) and places[k, 1] < spine:
                    points[k] = pelvis.nearest(points[k : k + 1])[0]
                owner = pelvis.owners(points[k : k + 1])[0]
                # the model welds the lumbar spine to the pelvis
                riders.append(Rider.BODY if owner == self.body and places[k, 1] < spine else Rider.GROUND)
            elif at.segment == "torso":
                riders.append(Rider.GROUND)
            else:
                side = "left" if at.segment.endswith("_l") else "right"
                if side in pelvis.hip_centres:
                    points[k] += pelvis.hip_centres[side] - pelvis.map.place(model.hip_centres[side])
                riders.append(Rider.LEG if side == self.leg_side else Rider.GROUND)
        return points, riders

    def _moved(self, points: FloatArray, riders: list[Rider], pose: RigidTransform) -> FloatArray:
        """Where points of the intact pelvis are while the body stands at a pose, mm."""
        motion = pose @ self.home.inverse()
        moved = points.copy()
        for k, rider in enumerate(riders):
            if rider == Rider.BODY:
                moved[k] = motion.apply(points[k])
            elif rider == Rider.LEG and self.hip_home is not None:
                moved[k] += motion.apply(self.hip_home) - self.hip_home
        return moved

    def _cable(self, name: str, points: FloatArray, riders: list[Rider], rest: float) -> Cable:
        """`points` of the intact pelvis, mm; those on the body go back to where the CT shows it."""
        back = self.home.inverse()
        placed = [back.apply(x) if r == Rider.BODY else x for x, r in zip(points, riders, strict=True)]
        return Cable(name, np.array(placed) * METRES_PER_MM, tuple(riders), rest)

    # -- ligaments -----------------------------------------------------------------------------------

    def _add_ligament(self, strand: Strand) -> None:
        """A ligament between this body and another, unless the injury tore it."""
        points = np.array([strand.start, strand.end])
        owners: list[str | None] = [*self.pelvis.owners(points)]
        if strand.on_spine:
            owners[1] = None
        riders = [Rider.BODY if owner == self.body else Rider.GROUND for owner in owners]
        if riders.count(Rider.BODY) != 1 or strand.name in self._torn:
            return
        p = self.params
        length = strand.length * METRES_PER_MM
        rest = length * (1.0 - p.ligament_prestrain)
        footing = strand.footing * METRES_PER_MM
        as_found = _length(self._moved(points, riders, self.found)) * METRES_PER_MM + footing
        if as_found > rest * (1.0 + p.ligament_torn_strain):
            return
        # what the injury stretched without tearing it stays long: the fragment lies still as found
        stretched = (as_found / length - 1.0) / max(p.ligament_prestrain, 1e-6)
        rest += max(0.0, min(1.0, stretched)) * (as_found - rest)
        stiffness = strand.stiffness * p.ligament_stiffness
        toe = (p.dorsal_toe_strain if strand.name in DORSAL else p.ligament_toe_strain) * rest
        limit = stiffness * max(p.ligament_failure_strain * rest - 0.5 * toe, 0.25 * toe)
        law = TensionLaw(limit, stiffness, toe)
        cable = self._cable(strand.name, points, riders, rest - footing)
        self._add(cable, law, stiffness * p.ligament_damping_time)

    @property
    def _torn(self) -> tuple[str, ...]:
        if self.case.torn_ligaments is not None:
            return self.case.torn_ligaments
        return TORN.get(self.case.fracture or "", LIGAMENTS)

    # -- bedding -------------------------------------------------------------------------------------

    def _add_bedding(self) -> None:
        p = self.params
        sample = self.mesh.vertices[:: max(1, len(self.mesh.vertices) // 2000)]
        chosen = landmarks.spread_points(sample, p.bedding_points)
        # strength goes with cross section, that is with mass^(2/3)
        share = self.size * (self.case.patient_mass_kg / MODEL_MASS_KG) ** (2.0 / 3.0) / len(chosen)
        law = TensionLaw(p.bedding_limit * share, p.bedding_stiffness * share)
        for point in sample[chosen]:
            ends = np.array([point, self.found.apply(point)]) * METRES_PER_MM
            cable = Cable(BEDDING, ends, (Rider.BODY, Rider.GROUND), 0.0)
            self._add(cable, law, p.bedding_stiffness * share * p.bedding_damping_time)


def _length(points: FloatArray) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
