"""What a CT-to-CBCT registration says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from rafr.assessment import Assessment
from rafr.geometry import RigidTransform, predicted_tre
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class BodyRegistration:
    """Where one body of the CT lies in the CBCT.

    Attributes:
        name: the body.
        T_cbct_ct: LPS mm; maps the body's CT coordinates into the CBCT.
        tre_estimate_mm: expected target registration error over the body's surface.
        overlap: share of the body's surface inside the CBCT's field of view, 0..1.
    """

    name: str
    T_cbct_ct: RigidTransform
    tre_estimate_mm: float
    overlap: float


@dataclass(frozen=True, slots=True)
class RegistrationResult:
    """All bodies of a case registered to one CBCT."""

    bodies: tuple[BodyRegistration, ...]
    assessment: Assessment
    seconds: float

    def body(self, name: str) -> BodyRegistration:
        return next(b for b in self.bodies if b.name == name)

    def current_from_ct(self, name: str, reference: str) -> RigidTransform:
        """`T_current_displaced` (mm), reference body's CT frame: how a body moved since the CT."""
        return self.body(reference).T_cbct_ct.inverse() @ self.body(name).T_cbct_ct

    def to_json(self) -> dict[str, Any]:
        return {
            "bodies": {
                b.name: {
                    "T_cbct_ct": b.T_cbct_ct.tolist(),
                    "tre_estimate_mm": b.tre_estimate_mm,
                    "overlap": b.overlap,
                }
                for b in self.bodies
            },
            "assessment": self.assessment.to_json(),
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True, eq=False)
class FiducialRegistration:
    """The tracked fiducial frame found in the CBCT.

    Attributes:
        T_cbct_marker: mm; maps the reference tool's marker coordinates into the CBCT.
        fre_mm: root mean square fiducial registration error.
        fle_mm: localisation error of a sphere, as that tells it.
        spheres_mm: (n, 3) the spheres used, CBCT LPS mm.
    """

    T_cbct_marker: RigidTransform
    fre_mm: float
    fle_mm: float
    spheres_mm: FloatArray

    @property
    def found(self) -> int:
        """Number of spheres used."""
        return len(self.spheres_mm)

    def tre_mm(self, targets_mm: ArrayLike) -> FloatArray:
        """(...,) expected error of the frame at targets (..., 3), CBCT LPS mm (Fitzpatrick 1998)."""
        return predicted_tre(self.spheres_mm, self.fle_mm, targets_mm)
