"""Feeds the page with what the graph says now, as fast as a person can see and only while one looks.

Bones and patient are where tracker and registration measure them, the robot is where its joints and its
odometry say, the pins are where they were planned. Only the soft tissue comes from the simulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rafr_msgs.msg import ArmState, ProcedureState
from visualization_msgs.msg import MarkerArray

from rafr.cases.case import Case
from rafr.geometry import RigidTransform
from rafr.nodes.cord_markers import QOS, TOPIC, drawn_cords
from rafr.nodes.inserted_pins import InsertedPins
from rafr.nodes.runtime import RELIABLE, RafrNode
from rafr.nodes.state_markers import ARM_STATES
from rafr.nodes.whereabouts import Whereabouts
from rafr.registration.live import Sighting
from rafr.review.page import ReviewPage
from rafr.review.readout import Numbers
from rafr.robot.links import LinkPoses
from rafr.room import OperatingRoom
from rafr.units import to_mm

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh


class LiveFeed:
    """Subscribes, and on `show` brings the page up to date.

    Attributes:
        order: moving bodies in order of reduction, once there is a plan.
    """

    def __init__(
        self,
        node: RafrNode,
        page: ReviewPage,
        case: Case,
        meshes: Mapping[str, BodyMesh],
        room: OperatingRoom,
        urdf: str,
    ) -> None:
        if page.theatre is None:
            raise ValueError("the page has nothing to draw the operation in")
        self.order: tuple[str, ...] = ()
        self._node, self._page, self._theatre = node, page, page.theatre
        self._case = case
        self._T_base_marker = room.T_base_marker
        self._links = LinkPoses(urdf)
        self._whereabouts = Whereabouts(node)
        self._arm = ArmState()
        self._procedure = ProcedureState()
        self._poses: dict[str, RigidTransform] = {}
        self._pins = InsertedPins(node, case, meshes)
        self._tissue: Any = None  # the subscription
        self._traction = ""
        node.create_subscription(ArmState, "arm/state", self._take_arm, RELIABLE)

    def take_procedure(self, message: ProcedureState) -> None:
        self._procedure = message

    def _take_arm(self, message: ArmState) -> None:
        self._arm = message

    def _take_tissue(self, message: MarkerArray) -> None:
        cords, label = drawn_cords(message)
        self._theatre.show_cords(cords, label)
        self._traction = label[0].removeprefix("traction ") if label is not None else ""
        self._page.explain_cords()

    def show(self) -> None:
        """Bring the page up to date."""
        watched = self._page.watched
        self._whereabouts.listen(watched)
        self._listen_to_tissue(watched)
        if not watched:
            return
        seen = self._whereabouts.sighting()
        self._show_patient(seen)
        self._show_robot(seen)
        self._show_pins()
        self._page.tell(self._numbers())

    def _show_patient(self, seen: Sighting) -> None:
        """A bone that is not seen now stays where it was seen last."""
        reference, moving = self._case.reference.name, [b.name for b in self._case.moving]
        self._poses |= {name: to_mm(T) for name, T in seen.bodies(reference, moving).items()}
        self._page.show_poses(self._poses)
        T_world_pelvis = seen.T_world_pelvis(reference, self._T_base_marker)
        if T_world_pelvis is not None and self._whereabouts.base_stands:
            self._theatre.place_patient(T_world_pelvis)

    def _show_robot(self, seen: Sighting) -> None:
        angles = self._whereabouts.angles()
        if seen.T_world_base is not None and angles:
            links = {name: seen.T_world_base @ T for name, T in self._links.at(angles).items()}
            self._theatre.place_robot({self._links.root: seen.T_world_base, **links})

    def _listen_to_tissue(self, wanted: bool) -> None:
        """The simulator computes that picture only while somebody listens."""
        if wanted and self._tissue is None:
            self._tissue = self._node.create_subscription(MarkerArray, TOPIC, self._take_tissue, QOS)
        elif not wanted and self._tissue is not None:
            self._node.destroy_subscription(self._tissue)
            self._tissue = None

    def _show_pins(self) -> None:
        """The pins, as planned, of every body that has been given them."""
        for body in self._pins.update(self.order, self._procedure.history):
            self._theatre.add_pins(body, self._pins.by_body[body])

    def _numbers(self) -> Numbers:
        arm, procedure = self._arm, self._procedure
        return Numbers(
            phase=procedure.phase,
            message=procedure.message,
            arm=ARM_STATES.get(arm.state, ""),
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
        )
