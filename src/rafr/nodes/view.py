"""What RViz shows, and the handles with which targets are moved there.

Table, bones, pins, targets and paths are on `markers`, the tracker's tools on `markers/tools`, force and
states on `markers/state`; the frames are on TF where `tf2_msgs` exists. Without it (and without RViz)
everything else still works.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TransformStamped
from rafr_msgs.msg import Plan, ProcedureState
from std_msgs.msg import String
from visualization_msgs.msg import Marker

from rafr.cases.meshes import body_meshes
from rafr.config import option
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.nodes.convert import plan_from_message
from rafr.nodes.frames import TfPublisher, frame_message
from rafr.nodes.markers import MarkerTopic
from rafr.nodes.path_markers import legend_marker, path_markers
from rafr.nodes.patient_markers import BoneMarkers, table_marker
from rafr.nodes.runtime import ERROR, LATCHED, OK, RELIABLE, WARN, RafrNode, run_node
from rafr.nodes.state_markers import StateMarkers
from rafr.nodes.target_handles import TargetHandles
from rafr.nodes.tool_markers import ToolMarkers
from rafr.nodes.topics import Latest
from rafr.nodes.whereabouts import Listener
from rafr.nodes.work import case_of
from rafr.planning.plan import ReductionPlan
from rafr.registration.live import Sighting
from rafr.review.drill_row import drill_row
from rafr.review.frame_tree import FrameTree
from rafr.review.handles import Handle, in_front
from rafr.review.planned_pins import PlannedPins, pins_done
from rafr.review.whereabouts import Whereabouts
from rafr.robot.description import urdf_text
from rafr.robot.links import LinkPoses
from rafr.room import OperatingRoom
from rafr.units import METRES_PER_MM, to_metres


@dataclass(frozen=True, slots=True)
class ViewConfig:
    case: str = option("", "case folder")
    arm: str = option("ur16e", "robot arm of the description")
    period: float = option(0.2, "wall time between two views", unit="s", lower=0.02, upper=10.0)
    spare: bool = option(False, "shows nothing while another view does, and offers no handles")


class ViewNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("view")
        self._config = self.config(ViewConfig)
        case = case_of(self._config.case)
        bodies = body_meshes(case)
        meshes = {name: body.mesh for name, body in bodies.items()}
        room, urdf = OperatingRoom.from_yaml(), urdf_text(self._config.arm)
        self._reference, self._moving = case.reference.name, [b.name for b in case.moving]
        self._centres = {name: mesh.centroid * METRES_PER_MM for name, mesh in meshes.items()}
        self._fronts = {name: in_front(mesh) for name, mesh in meshes.items()}
        self._table = table_marker(room.table)
        self._bones = BoneMarkers(meshes)
        self._pins = PlannedPins(case, bodies, lambda text: self.diagnose(WARN, text))
        self._tools = ToolMarkers()
        self._tree = FrameTree(LinkPoses(urdf), room.T_base_marker, self._reference)
        self._poses = {name: RigidTransform.identity() for name in meshes}
        self._order: tuple[str, ...] = ()
        self._planned: list[Marker] = []
        self._wire(urdf)
        self._handles = (
            None
            if self._config.spare
            else TargetHandles(self, {n: Handle.of(meshes[n]) for n in self._moving})
        )
        self.set_ready()

    def _wire(self, urdf: str) -> None:
        self._patient_topic = MarkerTopic(self, "markers")
        self._tool_topic = MarkerTopic(self, "markers/tools")
        self._state_topic = MarkerTopic(self, "markers/state")
        self._description = self.create_publisher(String, "/robot_description", LATCHED)
        self._description.publish(String(data=urdf))
        self._tf = TfPublisher(self)
        self._whereabouts = Whereabouts()
        self._listener = Listener(self, self._whereabouts)
        self._states = StateMarkers(self)
        self._procedure: Latest[ProcedureState] = Latest(self, ProcedureState, "procedure/state", LATCHED)
        self._drill: Latest[DiagnosticArray] = Latest(
            self, DiagnosticArray, "drill/guidance", RELIABLE, fresh=0.5
        )
        self.create_subscription(Plan, "plan", self._take_plan, LATCHED)
        self.create_wall_timer(self._config.period, self._show)

    def close(self) -> None:
        self._bones.close()

    # -- what arrives --------------------------------------------------------------------------------

    def _take_plan(self, message: Plan) -> None:
        try:
            plan = plan_from_message(message)
        except InputError as error:
            self.diagnose(ERROR, str(error))
            return
        self._order = plan.order
        self._planned = list(self._plan_markers(plan))
        if self._handles is not None:
            self._handles.take_plan(plan)

    def _plan_markers(self, plan: ReductionPlan) -> Iterator[Marker]:
        yield legend_marker()
        for body in plan.bodies:
            if body.name in self._centres:
                yield self._bones.ghost(body.name, to_metres(body.T_reduced_displaced))
                centre, front = self._centres[body.name], self._fronts[body.name]
                yield from path_markers(self._bones.number(body.name), body, centre, front)

    # -- what is shown -------------------------------------------------------------------------------

    @property
    def _idle(self) -> str:
        """Why nothing need be shown, or ""."""
        topics = (self._patient_topic, self._tool_topic, self._state_topic, self._tf)
        if not any(topic.watched for topic in topics):
            return "nobody looks"
        others = self.get_publishers_info_by_topic("markers") if self._config.spare else ()
        if any(other.node_name != self.get_name() for other in others):
            return "another view shows everything"
        return ""

    def _show(self) -> None:
        if self._handles is not None:
            self._handles.requests.watch()
        idle = self._idle
        for source in (self._listener, self._states, self._procedure, self._drill):
            source.listen(not idle)
        if not idle:
            self._show_all()
        complaint = self._handles.complaint if self._handles is not None else ""
        level, tracked = (WARN if complaint else OK), ", ".join(self._tools.seen)
        self.diagnose(level, complaint or idle or "showing", tracked=tracked)

    def _show_all(self) -> None:
        seen = self._whereabouts.sighting()
        self._tools.take(self._whereabouts.tools, self._whereabouts.tracking)
        self._tf.publish(self._frames(seen))
        self._patient_topic.show(self._patient(seen))
        self._tool_topic.show(self._tools.markers(drill_row(self._drill.fresh, 0.0)))
        self._state_topic.show(self._states.markers(self._procedure.fresh, self._tools.unseen))

    def _patient(self, seen: Sighting) -> Iterator[Marker]:
        """A bone that is not seen now stays, faint, where it was seen last."""
        tracked = seen.bodies(self._reference, self._moving)
        self._poses |= tracked
        pinned = self._order[: pins_done(self._procedure.last)]
        yield self._table
        for name, T in self._poses.items():
            yield self._bones.bone(name, T, seen=name in tracked or name == self._reference)
            yield from self._bones.pins(name, self._pins.of(name) if name in pinned else (), T)
        yield from self._planned

    def _frames(self, seen: Sighting) -> Iterator[TransformStamped]:
        """Stamped on the clock of those who saw them, so that they go with the tools' frames."""
        stamp = self._whereabouts.stamp
        if stamp is None:
            return
        angles, stands = self._whereabouts.angles(), self._whereabouts.base_stands
        for frame in self._tree.at(seen, angles, stands):
            yield frame_message(frame.parent, frame.child, frame.T_parent_child, stamp)


def main() -> None:
    sys.exit(run_node(ViewNode))


if __name__ == "__main__":
    main()
