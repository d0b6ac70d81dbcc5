"""What the plant draws by lot: how the patient lies, fragments since the CT, pins in the bone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rafr.cases.case import Case, SchantzPin
from rafr.config import option
from rafr.geometry import RigidTransform
from rafr.room import OperatingRoom
from rafr.simulation.bushing import pin_bushing
from rafr.simulation.fragment import Pins
from rafr.units import to_metres

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh
    from rafr.cases.truth import Truth


@dataclass(frozen=True, slots=True)
class SetupConfig:
    """How far reality differs from the nominal set-up."""

    table_shift: float = option(0.02, "patient on the table, up to this along x and y", unit="m", lower=0.0)
    table_turn_deg: float = option(
        3.0, "patient on the table, up to this about each axis", unit="deg", lower=0.0
    )
    moved_mm: float = option(
        1.0, "fragment since the CT where no truth is known, per axis", unit="mm", lower=0.0
    )
    moved_deg: float = option(0.7, "its rotation, per axis", unit="deg", lower=0.0)
    pin_mm: float = option(0.9, "pins against their plan, standard deviation per axis", unit="mm", lower=0.0)
    pin_deg: float = option(0.9, "their direction, standard deviation per axis", unit="deg", lower=0.0)


def patient_pose(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    room: OperatingRoom,
    config: SetupConfig,
    rng: np.random.Generator,
) -> RigidTransform:
    """`T_world_ct` (m) of the reference body as the patient really lies."""
    centroid_mm = meshes[case.reference.name].mesh.centroid
    nominal = room.T_world_ct(case, centroid_mm)
    centre = nominal.apply(centroid_mm * 1e-3)
    turn = np.radians(config.table_turn_deg) * rng.uniform(-1, 1, 3)
    shift = config.table_shift * rng.uniform(-1, 1, 3) * (1.0, 1.0, 0.3)
    return RigidTransform.from_translation(shift) @ RigidTransform.about_point(turn, centre) @ nominal


def start_poses(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    truth: Truth | None,
    config: SetupConfig,
    rng: np.random.Generator,
) -> dict[str, RigidTransform]:
    """`T_current_displaced` (mm) of every moving body when the patient comes to the table."""
    poses = {}
    for body in case.moving:
        twist = rng.normal(size=6)  # drawn in any case, so that streams stay the same
        if truth is not None:
            poses[body.name] = truth.T_cbct_ct[case.reference.name].inverse() @ truth.T_cbct_ct[body.name]
        else:
            shift = RigidTransform.from_translation(config.moved_mm * twist[:3])
            centroid = meshes[body.name].mesh.centroid
            turn = RigidTransform.about_point(np.radians(config.moved_deg) * twist[3:], centroid)
            poses[body.name] = shift @ turn
    return poses


def insert_pins(planned: tuple[SchantzPin, ...], config: SetupConfig, rng: np.random.Generator) -> Pins:
    """The surgeon's pins: the planned ones with the error of a free hand."""
    from rafr.planning.pins import clamp_frame

    entry = np.mean([p.entry_mm for p in planned], axis=0)
    turn = RigidTransform.about_point(np.radians(config.pin_deg) * rng.normal(size=3), entry)
    error = RigidTransform.from_translation(config.pin_mm * rng.normal(size=3)) @ turn
    actual = tuple(_moved(p, error) for p in planned)
    return Pins(actual, to_metres(clamp_frame(actual)), pin_bushing(actual))


def _moved(pin: SchantzPin, motion: RigidTransform) -> SchantzPin:
    return replace(pin, entry_mm=motion.apply(pin.entry_mm), direction=motion.rotate(pin.direction))
