"""Where on a pelvis a registration must be good, and how good one of paired points will be there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rafr.assessment import Assessment
from rafr.config import option
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.segmentation import bone_of
from rafr.registration.result import BodyRegistration, FiducialRegistration
from rafr.tissue import landmarks
from rafr.units import METRES_PER_MM

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

_SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class TrackedLimits:
    """How good a registration must be where the tracker has the bodies to be."""

    max_fiducial_error: float = option(
        1.0e-3, "largest accepted rms error of the spheres", unit="m", lower=0.0, upper=0.01
    )
    max_error: float = option(
        1.5e-3,
        "largest expected error of a body where the tracker has it to be",
        unit="m",
        lower=0.0,
        upper=0.01,
    )


def pelvic_targets(bones: Mapping[str, TriangleMesh]) -> dict[str, FloatArray]:
    """Points (3,) LPS mm: `left_asis`, `right_asis`, `left_psis`, `right_psis`, `pubic_symphysis`, `s1`.

    Args:
        bones: `left_hip`, `right_hip`, `sacrum` (`rafr.imaging.segmentation.BONES`), of a supine patient; a
            target of a bone that is not there is left out.
    """
    targets: dict[str, FloatArray] = {}
    for side in _SIDES:
        if (hip := bones.get(f"{side}_hip")) is not None:
            centre = landmarks.hip_centre(hip, side)
            targets[f"{side}_asis"] = landmarks.anterior_superior_spine(hip, centre)
            targets[f"{side}_psis"] = landmarks.posterior_superior_spine(hip)
    if "left_hip" in bones and "right_hip" in bones:
        targets["pubic_symphysis"] = landmarks.pubic_symphysis(bones["left_hip"], bones["right_hip"])
    if "sacrum" in bones:
        targets["s1"] = landmarks.sacral_endplate(bones["sacrum"])
    return targets


def targets_in_cbct(
    meshes: Mapping[str, BodyMesh], T_cbct_ct: Mapping[str, RigidTransform], reference: str
) -> dict[str, FloatArray]:
    """The pelvic targets where the CBCT shows the bones, CBCT LPS mm: of every bone its largest piece.

    Args:
        meshes: bodies by name, in the CT.   T_cbct_ct: of those registered, the reference among them.
    """
    T_ct_cbct = T_cbct_ct[reference].inverse()
    pieces = [
        (mesh.volume, bone_of(label), mesh.transformed(T_ct_cbct @ T))
        for name, T in T_cbct_ct.items()
        for label, mesh in meshes[name].parts.items()
    ]
    bones = {bone: mesh for _, bone, mesh in sorted(pieces, key=lambda piece: piece[0])}
    return {name: T_cbct_ct[reference].apply(point) for name, point in pelvic_targets(bones).items()}


def tracked_error(body: BodyRegistration, fiducials: FiducialRegistration, points: FloatArray) -> float:
    """Expected error (mm, rms over points (n, 3) of the body, its CT) where the tracker has a body to be.

    What the images left open and what the spheres did are independent and add.
    """
    tre = fiducials.tre_mm(body.T_cbct_ct.apply(points))
    return float(np.sqrt(body.tre_estimate_mm**2 + np.square(tre).mean()))


def judge_tracked(
    fiducials: FiducialRegistration, errors_mm: Mapping[str, float], limits: TrackedLimits
) -> Assessment:
    """Whether images and spheres together are good enough; `errors_mm` by body, of `tracked_error`."""
    limit_mm, most_mm = (limit / METRES_PER_MM for limit in (limits.max_fiducial_error, limits.max_error))
    reasons = [
        f"{name}: {error:.2f} mm expected through images and spheres, limit {most_mm:.2f} mm"
        for name, error in errors_mm.items()
        if error > most_mm
    ]
    if fiducials.fre_mm > limit_mm:
        reasons.append(f"spheres fit to {fiducials.fre_mm:.2f} mm, limit {limit_mm:.2f} mm")
    return Assessment(not reasons, tuple(reasons))
