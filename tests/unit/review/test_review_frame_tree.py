"""Every frame has one parent and hangs on `world`, whatever is seen and whatever is not."""

import itertools

import pytest

from rafr.geometry import RigidTransform
from rafr.registration.live import Sighting
from rafr.review.frame_tree import FrameTree
from rafr.robot.description import urdf_text
from rafr.robot.links import LinkPoses
from rafr.room import OperatingRoom

HERE = RigidTransform.from_rotvec([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])
ROOM = OperatingRoom.from_yaml()


@pytest.fixture(scope="module")
def links():
    return LinkPoses(urdf_text("ur16e"))


@pytest.fixture
def tree(links):
    return FrameTree(links, ROOM.T_base_marker, "reference")


def sighting(tools=("reference", "base"), odometry=True, registered=True):
    T_marker_ct = {"reference": HERE} if registered else {}
    return Sighting(dict.fromkeys(tools, HERE), T_marker_ct, HERE if odometry else None)


def parents(frames):
    found = [(f.child, f.parent) for f in frames]
    assert len(dict(found)) == len(found)
    return dict(found)


def hangs_on_world(frame, of):
    for _ in range(len(of)):
        frame = of.get(frame, frame)
    return frame == "world"


ANGLES = {"shoulder_pan_joint": 0.3, "elbow_joint": -0.7}


@pytest.mark.parametrize(
    ("tools", "odometry", "registered", "angles"),
    itertools.product(
        [(), ("reference",), ("base",), ("reference", "base")], [False, True], [False, True], [{}, ANGLES]
    ),
)
def test_one_parent_each_and_all_on_world(tree, tools, odometry, registered, angles):
    found = parents(tree.at(sighting(tools, odometry, registered), angles, base_stands=True))
    assert all(hangs_on_world(frame, found) for frame in found)
    assert bool(found) == odometry


def test_all_seen_every_frame_of_the_conventions_is_there(tree, links):
    found = parents(tree.at(sighting(), ANGLES, base_stands=True))
    assert set(found) == {"base", *links.names, "tracker", "pelvis"}
    assert {"arm_base", "flange", "clamp"} <= set(found)
    assert (found["tracker"], found["pelvis"], found["arm_base"]) == ("world", "tracker", "column")


def test_the_robots_frames_multiply_to_where_its_links_are(tree, links):
    frames = {f.child: f for f in tree.at(sighting(), ANGLES, base_stands=True)}
    T, frame = RigidTransform.identity(), "clamp"
    while frame != "base":
        T, frame = frames[frame].T_parent_child @ T, frames[frame].parent
    assert T.matrix == pytest.approx(links.at(ANGLES)["clamp"].matrix, abs=1e-12)


def test_a_hidden_tool_on_the_base_leaves_the_tracker_where_it_was(tree):
    first = {f.child: f for f in tree.at(sighting(), {}, base_stands=True)}
    hidden = {f.child: f for f in tree.at(sighting(("reference",)), {}, base_stands=True)}
    assert hidden["tracker"].T_parent_child is first["tracker"].T_parent_child
    assert "pelvis" in hidden


def test_while_the_base_drives_odometry_and_tracker_are_not_put_together(tree):
    assert "tracker" not in parents(tree.at(sighting(), {}, base_stands=False))
