"""Docking of the base."""

import numpy as np
import pytest

from rafr.errors import InfeasibleError
from rafr.robot.mobile import DifferentialDrive
from rafr.room import Box, Disc, OperatingRoom
from rafr.trajectory.docking import optimise_docking
from rafr.trajectory.result import BaseTrajectory
from rafr.trajectory.route import shortest_route
from rafr.trajectory.verify import verify_base


@pytest.fixture(scope="module")
def drive():
    return DifferentialDrive.from_yaml()


@pytest.fixture(scope="module")
def room():
    return OperatingRoom.from_yaml()


def ends(trajectory):
    poses = np.column_stack([trajectory.x, trajectory.y, trajectory.theta])
    return poses[0], poses[-1]


def test_driving_straight_takes_the_time_of_the_trapezoidal_profile(drive):
    trajectory = optimise_docking((0, 0, 0), (2.0, 0, 0), [], drive)
    v = drive.wheel.radius * drive.limits.wheel_rate
    a = drive.wheel.radius * drive.limits.wheel_acceleration
    bound = 2.0 / v + v / a
    # never faster than the closed form; 5 % margin on the limits and smoothness cost the rest
    assert bound <= trajectory.t[-1] < 1.12 * bound


def test_turning_on_the_spot_stays_on_the_spot(drive):
    trajectory = optimise_docking((1.0, 2.0, 0.0), (1.0, 2.0, 1.5), [], drive)
    assert np.abs(trajectory.x - 1.0).max() < 0.3
    assert ends(trajectory)[1] == pytest.approx([1.0, 2.0, 1.5], abs=1e-3)


def test_sideways_goals_are_reached_without_slipping(drive):
    trajectory = optimise_docking((0, 0, 0), (0.0, 0.8, 0.0), [], drive)
    assert verify_base(trajectory, (0, 0, 0), (0, 0.8, 0), [], drive).accepted


@pytest.mark.parametrize("goal", [(0.1, 0.95, -np.pi / 2), (0.2, -0.95, np.pi / 2), (-0.3, -0.9, 2.8)])
def test_the_base_docks_on_either_side_of_the_table(room, drive, goal):
    trajectory = optimise_docking(room.parking.pose, goal, room.obstacles, drive)
    start, end = ends(trajectory)
    assert start == pytest.approx(room.parking.pose, abs=1e-3)
    assert end[:2] == pytest.approx(goal[:2], abs=2e-3)
    assert np.cos(end[2] - goal[2]) == pytest.approx(1.0, abs=1e-5)
    _, radius = drive.footprint()
    centres = drive.disc_centres(np.column_stack([trajectory.x, trajectory.y, trajectory.theta]))
    assert min(o.distance(centres.reshape(-1, 2)).min() for o in room.obstacles) > radius
    assert np.abs(trajectory.wheel).max() <= drive.limits.wheel_rate


def test_standing_at_the_goal_already_is_a_trajectory_that_stands(drive):
    trajectory = optimise_docking((1, 1, 0.5), (1, 1, 0.5), [], drive)
    assert np.ptp(trajectory.x) == 0
    assert not trajectory.wheel.any()


def test_a_goal_inside_an_obstacle_is_named(drive):
    with pytest.raises(InfeasibleError, match="at the goal the base touches bed"):
        optimise_docking((0, 0, 0), (3, 0, 0), [Box("bed", 3.2, 0, 0, 1, 1)], drive)


def test_a_walled_off_goal_has_no_route(drive):
    ring = [
        Disc(f"d{k}", 5 + 1.6 * np.cos(a), 1.6 * np.sin(a), 0.45)
        for k, a in enumerate(np.arange(12) * np.pi / 6)
    ]
    with pytest.raises(InfeasibleError, match="no route"):
        optimise_docking((0, 0, 0), (5, 0, 0), ring, drive)
    assert shortest_route(np.zeros(2), np.array([5.0, 0.0]), ring, drive) is None


def test_the_route_goes_round_and_not_through(drive):
    wall = Box("wall", 1.5, 0.0, 90.0, 3.0, 0.2)
    route = shortest_route(np.array([0.0, 0.0]), np.array([3.0, 0.0]), [wall], drive)
    assert wall.distance(route).min() > drive.body.width / 2
    assert np.abs(route[:, 1]).max() > 1.5


def changed(trajectory, **arrays):
    fields = {name: getattr(trajectory, name) for name in BaseTrajectory.__slots__}
    return BaseTrajectory(**(fields | arrays))


def test_the_verifier_refuses_what_the_optimiser_would_never_send(drive):
    good = optimise_docking((0, 0, 0), (2.0, 0.3, 0.2), [], drive)
    arguments = ((0, 0, 0), (2.0, 0.3, 0.2), [], drive)
    assert verify_base(good, *arguments).accepted
    bad = {
        "slip": changed(good, y=good.y + 0.05 * np.sin(np.pi * good.t / good.t[-1])),
        "misses its goal": changed(good, x=good.x * 1.01),
        "not at rest": changed(good, v=good.v + 0.01),
        "wheel turns": changed(good, t=good.t / 3, v=3 * good.v, omega=3 * good.omega),
    }
    for message, trajectory in bad.items():
        check = verify_base(trajectory, *arguments)
        assert not check.accepted
        assert any(message in r for r in check.reasons), (message, check.reasons)
    blocked = verify_base(good, (0, 0, 0), (2.0, 0.3, 0.2), [Disc("pole", 1.0, 0.1, 0.05)], drive)
    assert any("touches pole" in r for r in blocked.reasons)
