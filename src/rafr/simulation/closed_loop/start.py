"""What must be known before a reduction can begin: where the base stands, how the arm reaches the pins.

Finding it takes seconds, running a reduction does not need to find it again: a `Start` can be pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import ReductionPlan
from rafr.registration.live import LiveChain
from rafr.room import FloorPose, OperatingRoom, TrackerStand
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.embedded import EmbeddedPlant
from rafr.simulation.markers import Markers
from rafr.trajectory.result import ArmTrajectory
from rafr.units import to_metres

_REGISTRATION_M = 2e-4  # error of a registration per axis, standard deviation
_REGISTRATION_RAD = 1.5e-3


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """One reduction that can begin.

    Attributes:
        case_folder: of the patient.   plan: approved.   body: to be reduced.
        arm: its description's name.   seed: of everything drawn by lot.
        base: where the base stands.   q: (dof,) rad, the open clamp at the pins.
        trajectory: of the reduction, as the trajectory node makes it once the fragment is held; None: to
            be made during the run.
        chain: of the patient's registration; None: the true mounts with a small error (`registration`).
        standing: `T_current_displaced` (mm) of the bodies that were reduced and fixed before this one.
        tracker: where it was moved, as the robot would have hidden a tool; None: it stands where it did.
        remarks: what docking and approach had to say, though they accepted it.
    """

    case_folder: str
    plan: ReductionPlan
    body: str
    arm: str
    seed: int
    base: tuple[float, float, float]
    q: FloatArray
    trajectory: ArmTrajectory | None = None
    chain: LiveChain | None = None
    standing: Mapping[str, RigidTransform] = field(default_factory=dict)
    tracker: TrackerStand | None = None
    remarks: tuple[str, ...] = ()

    def carry(self, arrangement: Arrangement) -> EmbeddedPlant:
        """The embedded engine's plant of the patient, with what was reduced before fixed where it stands."""
        starts = {name: to_metres(T) for name, T in self.standing.items()}
        T_world_ct = arrangement.poses[arrangement.reference]
        poses = {name: T_world_ct @ T for name, T in starts.items()}
        plant = EmbeddedPlant(
            replace(arrangement, starts=arrangement.starts | starts, poses=arrangement.poses | poses)
        )
        for name in self.standing:
            plant.fix_body(name)
        return plant

    @property
    def room(self) -> OperatingRoom:
        """The room with base and arm already there: nothing has to drive or reach."""
        x, y, theta = self.base
        parking = FloorPose(x, y, float(np.degrees(theta)))
        arm = tuple(np.degrees(self.q).tolist())
        return replace(OperatingRoom.from_yaml(), parking=parking, parked_arm_deg=arm)


def registration(markers: Markers, seed: int, T_base_marker: RigidTransform) -> LiveChain:
    """The true mounts of the tools, each with a small error, and the base's marker as calibrated (m)."""
    rng = np.random.default_rng([seed, 4])

    def found(mount: RigidTransform) -> RigidTransform:
        turn = RigidTransform.from_rotvec(_REGISTRATION_RAD * rng.standard_normal(3))
        shift = RigidTransform.from_translation(_REGISTRATION_M * rng.standard_normal(3))
        return shift @ turn @ mount.inverse()

    return LiveChain(
        markers.reference, {body: found(T) for body, T in markers.T_ct_marker.items()}, T_base_marker
    )
