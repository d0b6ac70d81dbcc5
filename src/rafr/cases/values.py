"""What a case says, as values. Everything spatial is LPS mm.

`rafr.cases.case` reads and writes them, and is where to import them from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray

CASE_FILE = "case.yaml"
TRUTH_FILE = "truth.json"
FRACTURE_KINDS = (
    "denis1",
    "denis2",
    "denis3",
    "si-dislocation",
    "crescent",
    "iliac-wing",
    "rami",
    "open-book",
    "vertical-shear",
    "bilateral",
)
LIGAMENTS = (
    "anterior-sacroiliac",
    "interosseous-sacroiliac",
    "long-posterior-sacroiliac",
    "short-posterior-sacroiliac",
    "sacrospinous",
    "sacrotuberous",
    "iliolumbar",
    "superior-pubic",
    "arcuate-pubic",
)
DEFAULT_MASS_KG = 75.0


@dataclass(frozen=True, slots=True)
class Body:
    """Bone pieces that move as one: the label values of `labels.nii.gz` it is made of."""

    name: str
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SchantzPin:
    """A threaded pin in the bone.

    Attributes:
        entry_mm: (3,) where it enters the cortex, LPS mm in the CT.
        direction: (3,) unit vector into the bone.
        depth_mm: length inside the bone.   length_mm: whole length.   diameter_mm: shaft.
    """

    entry_mm: FloatArray
    direction: FloatArray
    depth_mm: float = 60.0
    length_mm: float = 200.0
    diameter_mm: float = 5.0

    @property
    def tail_mm(self) -> FloatArray:
        """(3,) the outer end, LPS mm."""
        return self.entry_mm - self.direction * (self.length_mm - self.depth_mm)


@dataclass(frozen=True, slots=True)
class Traction:
    """Skeletal traction on one leg: `side` left or right, `force_n` along the leg."""

    side: str
    force_n: float


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One patient. `bodies[0]` is the reference, fixed to the table; the others move.

    Attributes:
        fiducials_mm: (n, 3) sphere centres in the reference tool's marker frame, or None for the
            frame described in `rafr.tracking.tools`.
        torn_ligaments: names among `LIGAMENTS`; None: what the kind of fracture tears.
        table_pose: `T_table_ct` in mm (pose of the pelvis on the table), or None for supine, centred.
        dicom: the folder of the DICOM series the CT came from, or None; it may be gone by now.
    """

    folder: Path
    id: str
    ct: Path
    labels: Path
    cbct: Path | None
    bodies: tuple[Body, ...]
    description: str = ""
    fracture: str | None = None
    patient_mass_kg: float = DEFAULT_MASS_KG
    traction: Traction | None = None
    torn_ligaments: tuple[str, ...] | None = None
    schantz_pins: tuple[tuple[str, tuple[SchantzPin, ...]], ...] = ()
    screws: tuple[dict[str, Any], ...] = ()
    fiducials_mm: FloatArray | None = None
    table_pose: RigidTransform | None = None
    dicom: Path | None = None

    @property
    def reference(self) -> Body:
        return self.bodies[0]

    @property
    def moving(self) -> tuple[Body, ...]:
        return self.bodies[1:]

    @property
    def truth_path(self) -> Path:
        """Only the simulator and the final measurement may open it."""
        return self.folder / TRUTH_FILE

    def pins(self, body: str) -> tuple[SchantzPin, ...]:
        """The Schantz pins the case gives for a body; empty where they are still to be proposed."""
        return dict(self.schantz_pins).get(body, ())

    def with_bodies(self, bodies: tuple[Body, ...]) -> Case:
        return replace(self, bodies=bodies)
