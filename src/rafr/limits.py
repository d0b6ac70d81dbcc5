"""Two sets of limits, kept apart: what the patient's tissue may bear, and what a bystander may.

**Patient.** What tissue and bone may bear during a reduction: the planner keeps below, the controller stops
there. 300 N lies above the 216 N (mean) to 251 N (largest) measured in fracture reductions on people and far
below bone failure.

**Bystander.** ISO/TS 15066:2016, annex A: largest force and pressure of contact that a person who was not
operated on may feel while the robot moves freely (table A.2), and the body's effective masses and spring
constants (table A.3). Entered from memory of the tables, not from a copy (masses and spring constants
agree with public summaries of table A.3; forces and pressures were compared with nothing): check them
against the standard before relying on them. Of a region's several pressures the least stands here.
"""

from __future__ import annotations

from dataclasses import dataclass

FORCE_LIMIT = 300.0
"""N, force on a fragment."""

TORQUE_LIMIT = 25.0
"""N m, torque about a fragment's centre."""


@dataclass(frozen=True, slots=True)
class BodyRegion:
    """One row of tables A.2 and A.3.

    Attributes:
        force: N, quasi-static.   pressure: Pa, quasi-static.
        mass: kg, effective.   stiffness: N/m.
        transient: how many times the quasi-static limit a transient contact may reach: 2; for head and face
            the standard gives none, so that 1 stands here.
    """

    name: str
    force: float
    pressure: float
    mass: float
    stiffness: float
    transient: float = 2.0


_PRESSURE = 1e4  # Pa of 1 N/cm^2
_STIFFNESS = 1e3  # N/m of 1 N/mm
BODY_REGIONS = tuple(
    BodyRegion(name, force, pressure * _PRESSURE, mass, stiffness * _STIFFNESS, transient)
    for name, force, pressure, mass, stiffness, transient in (
        ("skull and forehead", 130.0, 110.0, 4.4, 150.0, 1.0),
        ("face", 65.0, 110.0, 4.4, 75.0, 1.0),
        ("neck", 150.0, 140.0, 1.2, 50.0, 2.0),
        ("back and shoulders", 210.0, 160.0, 40.0, 35.0, 2.0),
        ("chest", 140.0, 120.0, 40.0, 25.0, 2.0),
        ("abdomen", 110.0, 140.0, 40.0, 10.0, 2.0),
        ("pelvis", 180.0, 210.0, 40.0, 25.0, 2.0),
        ("upper arms and elbows", 150.0, 190.0, 3.0, 30.0, 2.0),
        ("lower arms and wrists", 160.0, 180.0, 2.0, 40.0, 2.0),
        ("hands and fingers", 140.0, 190.0, 0.6, 75.0, 2.0),
        ("thighs and knees", 220.0, 220.0, 75.0, 50.0, 2.0),
        ("lower legs", 130.0, 210.0, 75.0, 60.0, 2.0),
    )
)

BYSTANDER_FORCE = min(region.force for region in BODY_REGIONS)
"""N, contact of a free motion that stops it at the latest: what the most sensitive region bears, the face."""
