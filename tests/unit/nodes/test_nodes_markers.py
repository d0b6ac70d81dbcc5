"""Markers as RViz takes them, made without a running node."""

from types import SimpleNamespace

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.nodes.convert import invalid_pose_message, pose_message, transform_from_pose
from rafr.nodes.drag_server import DragServer, Grip
from rafr.nodes.markers import MarkerTopic, axes, marker, text
from rafr.nodes.path_markers import path_markers
from rafr.nodes.tool_markers import ToolMarkers
from rafr.planning.plan import BodyPlan, PathPose
from rafr.review.path_colours import OVERLAP

HERE = RigidTransform.from_rotvec([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])


class FakeNode:
    def __init__(self):
        self.published = []

    def get_name(self):
        return "view"

    def create_publisher(self, *_):
        return self

    def create_service(self, *_):
        return self

    create_subscription = create_service

    def publish(self, message):
        self.published.append(message)

    def diagnose(self, _level, message):
        self.published.append(message)


def test_what_is_not_shown_any_more_is_deleted_once():
    from visualization_msgs.msg import Marker

    node = FakeNode()
    topic = MarkerTopic(node, "markers")
    first, second = (text("world", "words", k, (0.0, 0.0, 0.0), "a", 0.1) for k in range(2))
    for shown in ([first, second], [second], [second]):
        topic.show(shown)
    actions = [[(m.id, m.action) for m in array.markers] for array in node.published]
    add, delete = Marker.ADD, Marker.DELETE
    assert actions == [[(0, add), (1, add)], [(0, delete), (1, add)], [(1, add)]]


def test_a_marker_is_drawn_where_its_frame_is_now():
    made = marker("pelvis", "bones", 3, 1, HERE)
    assert made.frame_locked
    assert (made.header.stamp.sec, made.header.stamp.nanosec) == (0, 0)
    assert transform_from_pose(made.pose).matrix == pytest.approx(HERE.matrix)


def test_axes_begin_at_their_pose_and_go_along_it():
    lines = axes("tracker", "tools", 0, [HERE], 0.1)
    ends = np.array([(p.x, p.y, p.z) for p in lines.points]).reshape(3, 2, 3)
    assert ends[:, 0] == pytest.approx(np.tile(HERE.translation, (3, 1)))
    along = (ends[:, 1] - ends[:, 0]).T
    assert along == pytest.approx(0.1 * HERE.rotation)
    assert len(lines.colors) == len(lines.points)


def plan_of(clearances):
    steps = [RigidTransform.from_translation((-float(k), 0.0, 0.0)) for k in range(len(clearances))]
    path = tuple(
        PathPose(T, c, 10.0 * k, 1.0) for k, (T, c) in enumerate(zip(steps, clearances, strict=True))
    )
    return BodyPlan("wing", (11,), RigidTransform.identity(), 1.0, {}, {}, path)


def test_a_path_has_a_colour_for_every_pose_and_a_bead_for_every_overlap():
    made = {
        m.ns: m
        for m in path_markers(2, plan_of([3.0, -0.2, -0.1, 1.0]), np.array([0.1, 0.2, 0.3]), np.zeros(3))
    }
    for namespace in ("path_force", "path_clearance"):
        assert len(made[namespace].points) == len(made[namespace].colors) == 4
    overlap = made["path_overlap"]
    assert [round(p.x, 6) for p in overlap.points] == [0.099, 0.098]  # m: 1 and 2 mm along -x
    assert (overlap.colors[0].r, overlap.colors[0].g) == pytest.approx(OVERLAP[:2])
    assert overlap.scale.x > made["path_clearance"].scale.x
    assert {m.header.frame_id for m in made.values()} == {"pelvis"}


def test_a_body_without_a_path_and_a_path_without_overlap_draw_none():
    assert list(path_markers(0, plan_of([]), np.zeros(3), np.zeros(3))) == []
    assert "path_overlap" not in {m.ns for m in path_markers(0, plan_of([0.0, 2.0]), *np.zeros((2, 3)))}


def tool(name, pose):
    message = invalid_pose_message() if pose is None else pose_message(pose)
    return SimpleNamespace(name=name, valid=pose is not None, pose=message)


def test_a_tool_that_is_lost_stays_faint_where_it_was_and_is_named():
    tools = ToolMarkers()
    tools.take(SimpleNamespace(tools=[tool("base", HERE), tool("probe", None)]))
    assert (tools.seen, tools.unseen) == (["base"], ["probe"])
    tools.take(SimpleNamespace(tools=[tool("base", None), tool("probe", None)]))
    made = {m.ns: m for m in tools.markers()}
    assert made["tool_names"].text == "base: not seen"
    assert made["tools"].colors[0].a < 1.0
    first = made["tools"].points[0]
    assert (first.x, first.y, first.z) == pytest.approx(tuple(HERE.translation))
    assert len(list(tools.markers())) == 2  # the probe has no place


def test_guidance_stands_with_the_drill_while_that_is_seen():
    tools = ToolMarkers()
    tools.take(SimpleNamespace(tools=[tool("base", HERE), tool("drill", HERE)]))
    said = [m.text for m in tools.markers("pin 1: axis 2.0 mm off") if m.ns == "tool_names"]
    assert said == ["base", "pin 1: axis 2.0 mm off"]
    tools.take(SimpleNamespace(tools=[tool("base", HERE), tool("drill", None)]))
    said = [m.text for m in tools.markers("the drill is not seen") if m.ns == "tool_names"]
    assert said == ["base", "drill: not seen"]


def test_a_silent_tracker_sees_nothing():
    tools = ToolMarkers()
    tools.take(None)
    assert tools.unseen == []
    message = SimpleNamespace(tools=[tool("base", HERE)])
    tools.take(message)
    tools.take(message, lately=False)
    assert tools.unseen == ["base"]


def test_a_handle_moves_along_and_turns_about_every_axis():
    from visualization_msgs.msg import InteractiveMarkerControl as Control
    from visualization_msgs.srv import GetInteractiveMarkers

    server = DragServer(FakeNode(), "targets", "pelvis", lambda _: None)
    server.show({"wing": Grip(HERE, 0.1, "target of wing")})
    (wing,) = server._tell(None, GetInteractiveMarkers.Response()).markers
    for mode in (Control.MOVE_AXIS, Control.ROTATE_AXIS):
        controls = [c for c in wing.controls if c.interaction_mode == mode]
        directions = [
            RigidTransform.from_quaternion_xyzw([q.x, q.y, q.z, q.w], np.zeros(3)).rotation[:, 0]
            for q in (c.orientation for c in controls)
        ]
        assert np.abs(directions) @ np.ones(3) == pytest.approx(np.ones(3))
        assert abs(np.linalg.det(directions)) == pytest.approx(1.0)
    assert len({c.name for c in wing.controls}) == 6


def test_updates_are_numbered_without_a_gap_and_name_what_went():
    node = FakeNode()
    server = DragServer(node, "targets", "pelvis", lambda _: None)
    server.show({"wing": Grip(HERE, 0.1, ""), "ramus": Grip(HERE, 0.1, "")})
    server.place("wing", RigidTransform.identity())
    server.show({"ramus": Grip(HERE, 0.1, "")})
    assert [u.seq_num for u in node.published] == [1, 2, 3]
    assert [p.name for p in node.published[1].poses] == ["wing"]
    assert list(node.published[2].erases) == ["wing"]
