"""What RViz shows: bones, targets and paths as markers, the frames as TF, the robot's description.

Meshes are written once and named by file, so that a message stays small. TF is published where
`tf2_msgs` exists; without it (and without RViz) everything else still works.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from geometry_msgs.msg import Point, TransformStamped, Vector3
from rafr_msgs.msg import Plan
from std_msgs.msg import ColorRGBA, String
from visualization_msgs.msg import Marker, MarkerArray

from rafr.cases.meshes import body_meshes
from rafr.config import option
from rafr.errors import InputError
from rafr.geometry import RigidTransform, TriangleMesh, write_mesh
from rafr.nodes.convert import plan_from_message, pose_message
from rafr.nodes.frames import TfPublisher, frame_message
from rafr.nodes.runtime import ERROR, LATCHED, OK, RafrNode, run_node
from rafr.nodes.whereabouts import Listener
from rafr.nodes.work import case_of
from rafr.planning.plan import ReductionPlan
from rafr.registration.live import Sighting
from rafr.review.picture import body_colours
from rafr.review.whereabouts import Whereabouts
from rafr.robot.description import urdf_text
from rafr.robot.links import LinkPoses
from rafr.room import OperatingRoom
from rafr.units import METRES_PER_MM, to_metres

_GHOST = ColorRGBA(r=0.35, g=0.8, b=0.5, a=0.35)


@dataclass(frozen=True, slots=True)
class ViewConfig:
    case: str = option("", "case folder")
    arm: str = option("ur16e", "robot arm of the description")
    period: float = option(0.2, "wall time between two views", unit="s", lower=0.02)


class ViewNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("view")
        config = self.config(ViewConfig)
        case = case_of(config.case)
        self._meshes = {name: body.mesh for name, body in body_meshes(case).items()}
        self._reference, self._moving = case.reference.name, [b.name for b in case.moving]
        self._colours = body_colours(list(self._meshes))
        self._folder = Path(tempfile.mkdtemp(prefix="rafr-view-"))
        self._files = {name: self._write(name, mesh) for name, mesh in self._meshes.items()}
        self._T_base_marker = OperatingRoom.from_yaml().T_base_marker
        urdf = urdf_text(config.arm)
        self._links = LinkPoses(urdf)
        self._whereabouts = Whereabouts()
        self._listener = Listener(self, self._whereabouts)
        self._plan: ReductionPlan | None = None
        self._wire(urdf, config.period)
        self.set_ready()

    def _wire(self, urdf: str, period: float) -> None:
        self._markers = self.create_publisher(MarkerArray, "markers", LATCHED)
        description = self.create_publisher(String, "/robot_description", LATCHED)
        description.publish(String(data=urdf))
        self._description = description
        self._tf = TfPublisher(self)
        self.create_subscription(Plan, "plan", self._planned, LATCHED)
        self.create_wall_timer(period, self._show)

    def _write(self, name: str, mesh: TriangleMesh) -> str:
        path = self._folder / f"{name}.stl"
        write_mesh(path, mesh.scaled(METRES_PER_MM))
        return f"file://{path}"

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    # -- what arrives --------------------------------------------------------------------------------

    def _planned(self, message: Plan) -> None:
        try:
            self._plan = plan_from_message(message)
        except InputError as error:
            self.diagnose(ERROR, str(error))

    # -- what is shown -------------------------------------------------------------------------------

    @property
    def _watched(self) -> bool:
        return bool(self._markers.get_subscription_count()) or self._tf.watched

    def _show(self) -> None:
        self._listener.listen(self._watched)
        if not self._watched:
            self.diagnose(OK, "nobody looks")
            return
        seen = self._whereabouts.sighting()
        poses = seen.bodies(self._reference, self._moving)
        self._markers.publish(MarkerArray(markers=list(self._all_markers(poses))))
        self._tf.publish(self._frames(seen))
        self.diagnose(OK, "showing", tracked=", ".join(sorted(poses)))

    def _all_markers(self, poses: dict[str, RigidTransform]) -> Iterator[Marker]:
        for name in self._meshes:
            red, green, blue = self._colours[name]
            colour = ColorRGBA(r=float(red), g=float(green), b=float(blue), a=1.0)
            yield self._bone("bones", name, poses.get(name, RigidTransform.identity()), colour)
        for body in self._plan.bodies if self._plan is not None else ():
            if body.name in self._meshes:
                yield self._bone("targets", body.name, to_metres(body.T_reduced_displaced), _GHOST)
                yield self._way(body.name)

    def _bone(self, namespace: str, name: str, T: RigidTransform, colour: ColorRGBA) -> Marker:
        marker = self._marker(namespace, name, Marker.MESH_RESOURCE, colour)
        marker.mesh_resource = self._files[name]
        marker.pose = pose_message(T)
        marker.scale = Vector3(x=1.0, y=1.0, z=1.0)
        return marker

    def _way(self, name: str) -> Marker:
        """The planned way of a body's centroid."""
        marker = self._marker("paths", name, Marker.LINE_STRIP, ColorRGBA(r=0.3, g=0.7, b=1.0, a=1.0))
        centroid = self._meshes[name].centroid
        path = self._plan.body(name).path if self._plan is not None else ()
        places = [p.T_path_displaced.apply(centroid) * METRES_PER_MM for p in path]
        marker.points = [Point(x=float(x), y=float(y), z=float(z)) for x, y, z in places]
        marker.scale = Vector3(x=0.001, y=0.0, z=0.0)
        return marker

    def _marker(self, namespace: str, name: str, kind: int, colour: ColorRGBA) -> Marker:
        marker = Marker(ns=namespace, id=list(self._meshes).index(name), type=kind, color=colour)
        marker.header.frame_id = "pelvis"
        marker.header.stamp = self.get_clock().now().to_msg()
        marker.action = Marker.ADD
        return marker

    def _frames(self, seen: Sighting) -> Iterator[TransformStamped]:
        """Every frame of docs/conventions.md whose place is known now; the tools' come from the tracker."""
        for link, T in self._links.at(self._whereabouts.angles()).items():
            yield self._frame(self._links.root, link, T)
        if seen.T_world_base is not None:
            yield self._frame("world", "base", seen.T_world_base)
        T_world_tracker = seen.T_world_tracker(self._T_base_marker)
        if T_world_tracker is not None:
            yield self._frame("world", "tracker", T_world_tracker)
        T_tracker_pelvis = seen.T_tracker_pelvis(self._reference)
        if T_tracker_pelvis is not None:
            yield self._frame("tracker", "pelvis", T_tracker_pelvis)

    def _frame(self, parent: str, child: str, T: RigidTransform) -> TransformStamped:
        return frame_message(parent, child, T, self.get_clock().now().to_msg())


def main() -> None:
    sys.exit(run_node(ViewNode))


if __name__ == "__main__":
    main()
