"""What the page shows of an operation, from the last message of each kind: while it goes on, or replayed.

Bones and patient are where tracker and registration measured them, the robot is where its joints and its
odometry say, the pins are where they were planned. Only the soft tissue comes from the simulator.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rafr.cases.case import Case
from rafr.geometry import RigidTransform
from rafr.review.cord_lines import drawn_cords
from rafr.review.drill_row import drill_row
from rafr.review.messages import ARM_STATES, number_of, state_name
from rafr.review.page import ReviewPage
from rafr.review.planned_pins import PlannedPins, pins_done
from rafr.review.readout import Numbers
from rafr.review.theatre import Surroundings
from rafr.review.whereabouts import Whereabouts
from rafr.robot.links import LinkPoses
from rafr.units import to_mm

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh


def approval_text(message: Any) -> str:
    """Who approved, of a rafr_msgs/Approval."""
    return f"Approved {'automatically' if message.automatic else f'by {message.approver}'}."


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What was learnt until now and stays true until something else is seen.

    Attributes:
        T_current_displaced: mm, of the bodies seen so far, where they were seen last.
        T_world_pelvis: m, of the patient; None before he was measured.
        pinned: how many bodies have been given their pins.
    """

    T_current_displaced: Mapping[str, RigidTransform] = field(default_factory=dict)
    T_world_pelvis: RigidTransform | None = None
    pinned: int = 0

    def then(self, later: Memory) -> Memory:
        """With what was learnt later."""
        patient = self.T_world_pelvis if later.T_world_pelvis is None else later.T_world_pelvis
        poses = {**self.T_current_displaced, **later.T_current_displaced}
        return Memory(poses, patient, max(self.pinned, later.pinned))


class Operation:
    """Takes messages and on `show` brings the page up to date.

    Attributes:
        where: robot, tools and registered bones.
        order: moving bodies in order of reduction, once there is a plan.
        memory: what is shown of bones, patient and pins.
        clock: s, by which messages get old.
    """

    def __init__(
        self,
        page: ReviewPage,
        case: Case,
        meshes: Mapping[str, BodyMesh],
        surroundings: Surroundings,
        urdf: str,
        complain: Callable[[str], None],
    ) -> None:
        """`complain`: told in words what cannot be shown."""
        if page.theatre is None:
            raise ValueError("the page has nothing to draw the operation in")
        self.where = Whereabouts()
        self.order: tuple[str, ...] = ()
        self.memory = Memory()
        self.clock: Callable[[], float] = time.monotonic
        self._page, self._theatre = page, page.theatre
        self._case, self._surroundings = case, surroundings
        self._links = LinkPoses(urdf)
        self._arm: Any = None
        self._procedure: Any = None
        self._traction = ""
        self._tension = math.nan
        self._pins = PlannedPins(case, meshes, complain)
        self._pinned: set[str] = set()
        self._guidance: Any = None
        self._guided_at = -math.inf

    @property
    def moving(self) -> list[str]:
        """Names of the bodies that are moved."""
        return [body.name for body in self._case.moving]

    def take_arm(self, message: Any) -> None:
        """`message`: rafr_msgs/ArmState; None: nothing is known."""
        self._arm = message

    def take_procedure(self, message: Any) -> None:
        """`message`: rafr_msgs/ProcedureState; None: nothing is known."""
        self._procedure = message

    def take_traction(self, message: Any) -> None:
        """`message`: diagnostic_msgs/DiagnosticStatus of the traction device; None: nothing is known."""
        self._tension = math.nan if message is None else number_of(message, "tension")

    def take_guidance(self, message: Any, heard: float | None = None) -> None:
        """`message`: diagnostic_msgs/DiagnosticArray about the drill; None: none yet. `heard`: by `clock`."""
        self._guidance, self._guided_at = message, self.clock() if heard is None else heard

    def take_tissue(self, message: Any) -> None:
        """`message`: visualization_msgs/MarkerArray, drawn at once."""
        cords, label = drawn_cords(message)
        self._theatre.show_cords(cords, label)
        self._traction = label[0].removeprefix("traction ") if label is not None else ""
        self._page.explain_cords()

    def seen(self, where: Whereabouts) -> Memory:
        """What these messages say by themselves of bones and patient."""
        sighting = where.sighting()
        reference = self._case.reference.name
        poses = {name: to_mm(T) for name, T in sighting.bodies(reference, self.moving).items()}
        stands, room = where.base_stands, self._surroundings.room
        patient = sighting.T_world_pelvis(reference, room.T_base_marker) if stands else None
        return Memory(poses, patient)

    def prepare_pins(self, bodies: Iterable[str]) -> None:
        """Find the pins of bodies, which takes seconds, before they are shown."""
        for body in bodies:
            self._pins.of(body)

    def look(self) -> None:
        """Learn what the messages taken last say; what is not seen now stays where it was seen last."""
        self.memory = self.memory.then(self.seen(self.where)).then(Memory(pinned=pins_done(self._procedure)))

    def show(self) -> None:
        """Bring the page up to date."""
        self._page.show_poses(self.memory.T_current_displaced)
        patient = self.memory.T_world_pelvis
        self._theatre.place_patient(self._surroundings.T_world_pelvis if patient is None else patient)
        self._show_robot()
        self._show_pins()
        self._page.tell(self._numbers())

    def _show_robot(self) -> None:
        T_world_base, angles = self.where.sighting().T_world_base, self.where.angles()
        if T_world_base is not None and angles:
            links = {name: T_world_base @ T for name, T in self._links.at(angles).items()}
            self._theatre.place_robot({self._links.root: T_world_base, **links})

    def _show_pins(self) -> None:
        """The pins, as planned, of every body that has been given them."""
        wanted = set(self.order[: self.memory.pinned])
        for body in wanted - self._pinned:
            self._theatre.add_pins(body, self._pins.of(body))
        for body in self._pinned - wanted:
            self._theatre.remove_pins(body)
        self._pinned = wanted

    def _numbers(self) -> Numbers:
        arm, procedure = self._arm, self._procedure
        said = {} if procedure is None else {"phase": procedure.phase, "message": procedure.message}
        said["drill"] = drill_row(self._guidance, self.clock() - self._guided_at)
        if arm is None:
            return Numbers(**said, traction=self._traction, tension=self._tension)
        return Numbers(
            **said,
            arm=state_name(arm, ARM_STATES),
            reason=arm.reason,
            body=arm.body,
            tracked=arm.fragment_tracked,
            progress=arm.progress,
            distance=arm.target_distance,
            angle=arm.target_angle,
            force=arm.force,
            torque=arm.torque,
            force_limit=arm.force_limit,
            torque_limit=arm.torque_limit,
            traction=self._traction,
            tension=self._tension,
        )
