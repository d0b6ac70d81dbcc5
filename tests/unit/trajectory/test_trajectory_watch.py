"""The robot stands and bends so that the tracker goes on seeing its tools, where that is possible."""

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.trajectory.test_trajectory_mission import R_SUPINE, pins_from

from rafr.geometry import RigidTransform, screw_interpolate
from rafr.robot.mobile import floor_transform
from rafr.trajectory import mission
from rafr.trajectory.placement import choose_docking_pose
from rafr.trajectory.watch import TrackedTools, Watch
from rafr.units import to_metres

EYE = np.array([1.4, -1.35, 2.0])


@pytest.fixture(scope="module")
def path(robot):
    T_world_pelvis = RigidTransform(
        R_SUPINE, np.array([0.0, 0.0, robot.room.table.height + robot.room.pelvis_height])
    )
    target = RigidTransform.from_rotvec(np.radians([3.0, -4.0, 5.0]), (8.0, -6.0, 10.0))
    steps = screw_interpolate(RigidTransform.identity(), target, np.linspace(0, 1, 12))
    return mission.clamp_path(T_world_pelvis, steps, to_metres(pins_from("left")))


def tools(carried, eye=EYE, still=(0.0, 0.0, 1.4)):
    return TrackedTools(
        np.asarray(eye),
        {"reference": np.asarray(still)},
        {"fragment": carried},
        {"base": np.array([-0.3, 0, 0.6])},
    )


def joints_along(robot, base, path):
    T = (floor_transform(base) @ robot.arm.T_base_armbase).inverse()
    goals = [T @ pose for pose in path]
    q0 = robot.arm.inverse_all(goals[0], robot.parked_arm)[0]
    return np.array([robot.arm.inverse_near(goal, q0) for goal in goals])


def test_a_tool_in_the_middle_of_the_arm_is_hidden_and_rides_with_the_clamp(robot, path):
    base = choose_docking_pose(robot.arm, path, robot.room).base
    q, T_world_base = joints_along(robot, base, path), floor_transform(base)
    # the clamp itself, from above it
    above = path[0].translation + np.array([0.0, 0.0, 0.6])
    watch = Watch(robot.arm, tools(path[0].translation, eye=above), path[0])
    assert "fragment" in watch.hidden(T_world_base, q, path)
    beside = path[0].translation + np.array([0.0, 5.0, 0.0])  # m: far from everything
    watch = Watch(robot.arm, tools(beside, eye=beside + 1.0, still=beside), path[0])
    assert watch.hidden(T_world_base, q, path) <= {"base"}


@pytest.mark.slow
def test_the_base_stands_where_no_tool_is_hidden(robot, path):
    blind = choose_docking_pose(robot.arm, path, robot.room).base
    q, T_world_base = joints_along(robot, blind, path), floor_transform(blind)
    column = floor_transform(blind).apply((0.18, 0.0, 0.6))
    behind = EYE + 1.05 * (column - EYE)
    seen = tools(path[0].translation + np.array([0.12, 0.0, 0.08]), still=behind)
    assert "reference" in Watch(robot.arm, seen, path[0]).hidden(T_world_base, q, path)
    watch = Watch(robot.arm, seen, path[0])
    place = choose_docking_pose(robot.arm, path, robot.room, watch=watch)
    assert place.base != blind
    assert place.service.hides == 0
    assert place.tracker is None
    assert not any("hides" in reason for reason in place.assessment.reasons)


@pytest.mark.slow
def test_the_base_stands_where_the_parked_arm_hides_no_tool_either(robot, path):
    blind = choose_docking_pose(robot.arm, path, robot.room).base
    q, T_world_base = joints_along(robot, blind, path), floor_transform(blind)
    clamp = T_world_base @ robot.arm.T_base_armbase @ robot.arm.forward(robot.parked_arm)
    behind = EYE + 1.05 * (clamp.translation - EYE)
    seen = tools(path[0].translation + np.array([0.12, 0.0, 0.08]), still=behind)
    watch = Watch(robot.arm, seen, path[0])
    parked = np.array([robot.parked_arm])
    assert "reference" not in watch.hidden(T_world_base, q, path)
    assert "reference" in watch.hidden(T_world_base, parked, path[:1])
    base = choose_docking_pose(robot.arm, path, robot.room, watch=watch).base
    assert not watch.hidden(floor_transform(base), parked, path[:1])


class HiddenFrom:
    """A watch whose one tool is hidden by whoever stands on a side of the table, from `eye`."""

    def __init__(self, signs, eye=EYE, here=EYE):
        self.signs, self.eye, self.here = signs, eye, here

    def seen_from(self, eye):
        return HiddenFrom(self.signs, self.eye, eye)

    def hidden(self, T_world_base, q, poses):
        behind = np.sign(T_world_base.translation[1]) in self.signs and np.allclose(self.eye, self.here)
        return frozenset({"reference"} if behind else ())


@pytest.fixture(scope="module")
def middle():
    """Pins from straight in front, near the midline: both sides of the table serve."""
    down = np.diag([1.0, -1.0, -1.0])
    return [RigidTransform(down, np.array([0.0, -0.002, 1.05 + 0.001 * k])) for k in range(8)]


@pytest.mark.slow
def test_a_robot_that_hides_a_tool_wherever_it_stands_goes_to_the_other_side(robot, middle):
    usual = choose_docking_pose(robot.arm, middle, robot.room).base
    watch = HiddenFrom({np.sign(usual[1])})
    place = choose_docking_pose(robot.arm, middle, robot.room, watch=watch)
    assert place.base[1] * usual[1] < 0
    assert not any("hides" in reason for reason in place.assessment.reasons)
    side = "right" if usual[1] > 0 else "left"
    room = replace(robot.room, tracker_places=())
    asked = choose_docking_pose(robot.arm, middle, room, side, watch=watch)
    assert asked.base[1] * usual[1] > 0  # a side asked for is kept
    assert any("mount the tool elsewhere" in reason for reason in asked.assessment.reasons)


@pytest.mark.slow
def test_a_tool_hidden_on_both_sides_has_the_tracker_moved(robot, middle):
    watch = HiddenFrom({-1.0, 1.0})
    place = choose_docking_pose(robot.arm, middle, robot.room, watch=watch)
    assert place.tracker == robot.room.other_tracker_places[0]
    assert any(f"move the tracker to {place.tracker}" in reason for reason in place.assessment.reasons)
    moved = robot.room.with_tracker_at(place.tracker.position)
    again = choose_docking_pose(robot.arm, middle, moved, watch=watch.seen_from(place.tracker.position))
    assert again.service.hides == 0
    assert again.tracker is None


@pytest.mark.slow
def test_where_a_tool_is_hidden_from_every_place_the_surgeon_is_told(robot, path):
    inside = path[0].translation  # the clamp's own place: hidden from anywhere
    watch = Watch(robot.arm, tools(inside), path[0])
    place = choose_docking_pose(robot.arm, path, robot.room, watch=watch)
    assert place.assessment.accepted
    assert place.tracker is None
    assert place.service.hides
    assert any("mount the tool elsewhere" in reason for reason in place.assessment.reasons)
