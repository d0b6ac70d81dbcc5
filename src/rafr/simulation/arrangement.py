"""The room as the operation begins: drawn once, carried by whichever engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rafr.cases.case import Case, SchantzPin
from rafr.config import check_config
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.description import urdf_text
from rafr.room import OperatingRoom
from rafr.simulation.config import PlantConfig
from rafr.simulation.fragment import Pins
from rafr.simulation.inertia import BodyInertia, fragment_inertia, reference_inertia
from rafr.simulation.setup import insert_pins, patient_pose, start_poses
from rafr.units import to_metres

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh
    from rafr.cases.truth import Truth


@dataclass(frozen=True, slots=True, eq=False)
class Arrangement:
    """Robot and patient at the start.

    Attributes:
        truth: of a simulated case; None for a real patient.
        parking: (x, y, theta) of the base, m and rad.   parked_arm: (dof,) rad.
        inertias: of every bone body.
        starts: `T_current_displaced` (m) of the moving bodies.
        poses: `T_world_ct` (m) of every bone body.
    """

    case: Case
    meshes: Mapping[str, BodyMesh]
    room: OperatingRoom
    truth: Truth | None
    seed: int
    config: PlantConfig
    inertias: dict[str, BodyInertia]
    starts: dict[str, RigidTransform]
    poses: dict[str, RigidTransform]
    _pins: dict[str, tuple[SchantzPin, ...]] = field(default_factory=dict)

    def plan_pins(self, body: str) -> tuple[SchantzPin, ...]:
        """Where a body's pins are meant to go; found once, which takes about a second.

        Raises:
            InfeasibleError: the body offers no place for pins.
        """
        from rafr.planning.pins import propose_pins

        if body not in self._pins:
            self._pins[body] = propose_pins(self.case, self.meshes, body)
        return self._pins[body]

    def hand_pins(self, body: str) -> Pins:
        """Where the surgeon's hand will really put them.

        Raises:
            InputError: no such moving body.
            InfeasibleError: the body offers no place for pins.
        """
        names = [b.name for b in self.case.moving]
        if body not in names:
            raise InputError("body", f"{body!r} is no moving body", f"one of {', '.join(names)}")
        rng = np.random.default_rng([self.seed, 2, names.index(body)])
        return insert_pins(self.plan_pins(body), self.config.setup, rng)

    @property
    def reference(self) -> str:
        """The body on the table."""
        return self.case.reference.name

    @property
    def parking(self) -> tuple[float, float, float]:
        return self.room.parking.pose

    @property
    def parked_arm(self) -> FloatArray:
        return self.room.parked_arm(ArmModel(self.urdf).parked)

    @property
    def urdf(self) -> str:
        """The robot's description."""
        return urdf_text(self.config.arm)


def arrange(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    room: OperatingRoom,
    truth: Truth | None,
    seed: int = 0,
    config: PlantConfig | None = None,
) -> Arrangement:
    """Draw how the patient lies; the same seed arranges the same room.

    `truth` of a simulated case says where fragments stand and where they belong; None for a real patient,
    whose tissue is then known by its present state only.

    Raises:
        InputError: a parameter of the plant is absurd.
    """
    config = config or PlantConfig()
    check_config(config, "plant")
    rng = np.random.default_rng([seed, 1])
    T_world_ct = patient_pose(case, meshes, room, config.setup, rng)
    starts = {n: to_metres(T) for n, T in start_poses(case, meshes, truth, config.setup, rng).items()}
    reference = case.reference.name
    inertias = {name: fragment_inertia(m.mesh, config.masses) for name, m in meshes.items()}
    inertias[reference] = reference_inertia(meshes[reference].mesh, config.masses)
    poses = {name: T_world_ct @ starts.get(name, RigidTransform.identity()) for name in meshes}
    return Arrangement(case, dict(meshes), room, truth, seed, config, inertias, starts, poses)


def arrange_case(
    case: Case | str,
    seed: int,
    arm: str,
    room: OperatingRoom | None = None,
    config: PlantConfig | None = None,
) -> Arrangement:
    """A case (or its folder) in a room, else the standard one; its truth is read where it has one.

    `config` is the plant's; its arm is `arm` in any case.

    Raises:
        InputError: unusable case, labels or truth.
    """
    from rafr.cases.load import open_case
    from rafr.cases.meshes import body_meshes
    from rafr.cases.truth import read_truth

    if isinstance(case, str):
        case = open_case(Path(case))
    truth = read_truth(case) if case.truth_path.is_file() else None
    config = replace(config or PlantConfig(), arm=arm)
    return arrange(case, body_meshes(case), room or OperatingRoom.from_yaml(), truth, seed, config)
