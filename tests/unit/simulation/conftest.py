"""A pelvis of two blocks: quick to build, with a plane fracture whose reduction is known exactly."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rafr.cases.case import Body, Case, SchantzPin, Traction
from rafr.cases.meshes import BodyMesh
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.robot.arm import ArmModel
from rafr.room import FloorPose, OperatingRoom
from rafr.simulation.arrangement import arrange
from rafr.simulation.config import PlantConfig
from rafr.simulation.embedded import EmbeddedPlant
from rafr.simulation.setup import SetupConfig
from rafr.units import to_metres

T_REDUCED_DISPLACED = RigidTransform.from_rotvec([0.03, 0.05, -0.04], [-14.0, 4.0, -15.0])
EXACT = SetupConfig(table_shift=0.0, table_turn_deg=0.0, moved_mm=0.0, moved_deg=0.0, pin_mm=0.0, pin_deg=0.0)


def block(size, centre):
    import trimesh

    mesh = trimesh.creation.box(size)
    for _ in range(5):
        mesh = mesh.subdivide()
    return TriangleMesh(np.asarray(mesh.vertices) + centre, np.asarray(mesh.faces))


class Room:
    """Builds plants of the block patient, the base docked so that the clamp stands on the pins."""

    def __init__(self, folder):
        self.target = T_REDUCED_DISPLACED
        moving = block((80.0, 60.0, 120.0), (40.1, 0.0, 0.0)).transformed(self.target.inverse())
        reference = block((120.0, 80.0, 150.0), (-60.0, 0.0, 0.0))
        self.meshes = {
            "reference": BodyMesh("reference", reference, {1: reference}),
            "left": BodyMesh("left", moving, {11: moving}),
        }
        middle = moving.centroid + np.array([5.0, -30.0, 20.0])
        down = np.array([0.0, 1.0, 0.0])
        pins = tuple(SchantzPin(middle + np.array([0.0, 0.0, dz]), down, 40.0) for dz in (15.0, -15.0))
        self.case = Case(
            folder,
            "blocks",
            folder / "ct.nii.gz",
            folder / "labels.nii.gz",
            None,
            (Body("reference", (1,)), Body("left", (11,))),
            fracture="si-dislocation",
            traction=Traction("left", 80.0),
            schantz_pins=(("left", pins),),
        )
        identity = RigidTransform.identity()
        self.truth = SimpleNamespace(
            T_reduced_displaced={"left": self.target}, T_cbct_ct={"reference": identity, "left": identity}
        )
        self.arm = ArmModel.named()
        self.room = OperatingRoom.from_yaml()
        self._docked = None

    def plant(self, seed=0, docked=True, truth=True, **changes):
        config = PlantConfig(**{"setup": EXACT, **changes})
        room = self._dock() if docked else self.room
        return EmbeddedPlant(
            arrange(self.case, self.meshes, room, self.truth if truth else None, seed, config)
        )

    def _dock(self):
        if self._docked is None:
            plant = self.plant(docked=False)
            pins = plant.insert_pins("left")
            goal = plant.world_from_ct("left") @ pins.T_ct_clamp
            base = FloorPose(0.0, -0.75, 0.0)
            T_world_base = RigidTransform.from_translation([base.x, base.y, 0.0])
            q = self.arm.inverse((T_world_base @ self.arm.T_base_armbase).inverse() @ goal, self.arm.parked)
            self._docked = replace(self.room, parking=base, parked_arm_deg=tuple(np.degrees(q)))
        return self._docked

    def clamped(self, **changes):
        """A plant that holds the fragment by its pins."""
        plant = self.plant(**changes)
        plant.insert_pins("left")
        plant.set_holding(True)
        done, why = plant.set_clamp(True, "left")
        assert done, why
        return plant

    def inverse(self, plant, T_world_clamp, q):
        T_world_armbase = plant.world_from("arm_base")
        return self.arm.inverse_near(T_world_armbase.inverse() @ T_world_clamp, q)


@pytest.fixture(scope="session")
def blocks(tmp_path_factory):
    return Room(Path(tmp_path_factory.mktemp("blocks")))


@pytest.fixture(scope="session")
def target(blocks):
    """`T_reduced_displaced` in m."""
    return to_metres(blocks.target)


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """A small virtual patient, its plan, and the arm at its pins (a minute to make)."""
    from rafr.cases.load import open_case
    from rafr.cases.simulate import simulate_case
    from rafr.cases.truth import read_truth
    from rafr.cases.virtual import virtual_pelvis
    from rafr.planning.reduction import plan_reduction
    from rafr.simulation.closed_loop import prepare

    folder = tmp_path_factory.mktemp("patient") / "case"
    simulate_case(virtual_pelvis(np.random.default_rng(1)), "denis2", 1, folder, spacing_mm=1.4)
    case = open_case(folder)
    truth = read_truth(case)
    lies = {
        b.name: truth.T_cbct_ct[case.reference.name].inverse() @ truth.T_cbct_ct[b.name] for b in case.moving
    }
    return prepare(str(folder), plan_reduction(case, start=lies), seed=1)
