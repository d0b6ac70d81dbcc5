"""Docking of the base."""

import numpy as np
import pytest

from rafr.errors import Cause, InfeasibleError
from rafr.robot.mobile import DifferentialDrive, named_drive
from rafr.robot.mobile.drive import KINDS
from rafr.room import Box, Disc, OperatingRoom
from rafr.trajectory.docking import DockingConfig, optimise_docking
from rafr.trajectory.passage import passable, what_is_missing
from rafr.trajectory.result import BaseTrajectory
from rafr.trajectory.route import guesses, shortest_route
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


def test_a_base_parked_nearer_to_a_wall_than_the_clearance_gets_away(drive):
    _, radius = drive.footprint()
    wall = Box("wall", 0.0, radius + 0.015 + 0.1, 0.0, 3.0, 0.2)  # 15 mm from the base, 30 mm are kept
    trajectory = optimise_docking((0, 0, 0), (1.5, -1.0, 0.0), [wall], drive)
    assert verify_base(trajectory, (0, 0, 0), (1.5, -1.0, 0.0), [wall], drive).accepted


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
    with pytest.raises(InfeasibleError, match="at the goal the base touches bed") as caught:
        optimise_docking((0, 0, 0), (3, 0, 0), [Box("bed", 3.2, 0, 0, 1, 1)], drive)
    assert caught.value.cause is Cause.COLLISION


@pytest.mark.slow
def test_a_walled_off_goal_has_no_route(drive):
    ring = [
        Disc(f"d{k}", 5 + 1.6 * np.cos(a), 1.6 * np.sin(a), 0.45)
        for k, a in enumerate(np.arange(12) * np.pi / 6)
    ]
    with pytest.raises(InfeasibleError, match="no route") as caught:
        optimise_docking((0, 0, 0), (5, 0, 0), ring, drive)
    assert caught.value.cause is Cause.BOXED_IN
    assert shortest_route(np.zeros(2), np.array([5.0, 0.0]), ring, drive) is None


def door(width, at=0.0):
    """A closed square of walls round the origin with a door in the wall at x = 1.1."""
    ends = (-1.25, at - width / 2, at + width / 2, 1.25)
    jambs = [
        Box(f"jamb {k}", 1.1, (a + b) / 2, 90.0, b - a, 0.3) for k, (a, b) in enumerate((ends[:2], ends[2:]))
    ]
    sides = [Box(f"side {y}", 0.0, y, 0.0, 2.5, 0.3) for y in (1.1, -1.1)]
    return [Box("back", -1.1, 0.0, 90.0, 2.5, 0.3), *sides, *jambs]


@pytest.mark.parametrize(("width", "passes"), [(0.9, True), (0.72, True), (0.6, False), (0.0, False)])
def test_a_door_lets_the_base_pass_when_it_is_wider_than_the_footprint(drive, width, passes):
    _, radius = drive.footprint()
    assert (width > 2 * radius) == passes
    assert passable(np.zeros(3), np.array([3.0, 0.0, 0.0]), door(width), drive) == passes


@pytest.mark.slow
def test_a_door_that_is_too_narrow_boxes_the_base_in_and_is_not_taken_for_a_failure_of_the_solver(drive):
    # the search for a route allows for the body's width of 0.6 m only, and its grid has a line at y = 0.041
    narrow = door(0.612, at=0.041)
    assert guesses(np.zeros(3), np.array([3.0, 0.0, 0.0]), narrow, drive, 40)
    with pytest.raises(InfeasibleError, match="wide enough") as caught:
        optimise_docking((0, 0, 0), (3, 0, 0), narrow, drive, DockingConfig(max_iterations=5))
    assert caught.value.cause is Cause.BOXED_IN


@pytest.mark.slow
def test_the_least_change_that_frees_a_boxed_in_base_is_named(drive):
    _, radius = drive.footprint()
    start, goal = np.zeros(3), np.array([3.0, 0.0, 0.0])
    narrow = door(0.5)
    missing, alone = what_is_missing(start, goal, narrow, drive)
    # the cells of the flood are 5 cm wide
    assert missing == pytest.approx(radius - 0.25, abs=0.03)
    # without any one of the walls, or a jamb, it gets out
    assert set(alone) == {o.name for o in narrow}
    twice = [
        *narrow,
        Disc("boulder", 3.0, 0.9, 0.45),
        *(
            Disc(f"post {k}", 3.0 + x, y, 0.3)
            for k, (x, y) in enumerate(
                [(0.9, 0.0), (-0.9, 0.0), (0.0, -0.9), (0.6, 0.6), (-0.6, 0.6), (0.6, -0.6), (-0.6, -0.6)]
            )
        ),
    ]
    with pytest.raises(InfeasibleError, match="more than one has to go"):
        optimise_docking(start, goal, twice, drive)


@pytest.mark.slow
def test_a_solver_that_gives_up_is_not_a_boxed_in_base(drive):
    hurried = DockingConfig(max_iterations=1)
    with pytest.raises(InfeasibleError) as caught:
        optimise_docking((0, 0, 0), (3, 0.3, 1.0), door(0.9), drive, hurried)
    assert caught.value.cause is Cause.OTHER


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


@pytest.fixture(scope="module")
def mecanum():
    return named_drive("mecanum")


def test_a_mecanum_base_goes_sideways_in_the_time_of_the_trapezoidal_profile(mecanum):
    trajectory = optimise_docking((0, 0, 0), (0.0, 0.8, 0.0), [], mecanum)
    v = mecanum.speeds["lateral"]
    a = mecanum.wheel_radius * mecanum.limits.wheel_acceleration
    bound = 0.8 / v + v / a
    # never faster than the closed form; 5 % margin on the limits and smoothness cost the rest
    assert bound <= trajectory.t[-1] < 1.12 * bound
    assert np.abs(trajectory.theta).max() < 0.01
    assert trajectory.wheel.shape == (len(trajectory.t), 4)


@pytest.mark.parametrize("goal", [(0.1, 0.95, -np.pi / 2), (0.2, -0.95, np.pi / 2), (-0.3, -0.9, 2.8)])
def test_a_mecanum_base_docks_on_either_side_of_the_table(room, mecanum, goal):
    trajectory = optimise_docking(room.parking.pose, goal, room.obstacles, mecanum)
    assert verify_base(trajectory, room.parking.pose, goal, room.obstacles, mecanum).accepted
    assert np.abs(trajectory.wheel).max() <= mecanum.limits.wheel_rate
    rates = np.diff(trajectory.wheel, axis=0) / np.diff(trajectory.t)[:, None]
    assert np.abs(rates).max() <= mecanum.limits.wheel_acceleration


def test_a_way_a_mecanum_base_goes_is_refused_for_a_base_with_two_wheels(drive, mecanum):
    trajectory = optimise_docking((0, 0, 0), (0.0, 0.8, 0.0), [], mecanum)
    check = verify_base(trajectory, (0, 0, 0), (0.0, 0.8, 0.0), [], drive)
    assert any("slip by 0.8" in r for r in check.reasons), check.reasons
    assert "lateral" in trajectory.to_json()


def test_the_verifier_refuses_a_mecanum_base_that_slips_or_turns_its_wheels_too_fast(mecanum):
    ends_of = ((0, 0, 0), (0.6, 0.8, 0.4))
    good = optimise_docking(*ends_of, [], mecanum)
    assert verify_base(good, *ends_of, [], mecanum).accepted
    fast = {n: 3 * getattr(good, n) for n in ("v", "omega", "lateral")}
    bad = {
        "slip": changed(good, lateral=0.9 * good.lateral),
        "not at rest": changed(good, lateral=good.lateral + 0.01),
        "wheel turns": changed(good, t=good.t / 3, **fast),
    }
    for message, trajectory in bad.items():
        reasons = verify_base(trajectory, *ends_of, [], mecanum).reasons
        assert any(message in r for r in reasons), (message, reasons)


@pytest.mark.parametrize("kind", KINDS)
def test_the_optimised_motion_obeys_the_models_own_constraint(kind):
    drive = named_drive(kind)
    trajectory = optimise_docking((0, 0, 0), (0.9, 0.5, 0.8), [], drive)
    rates = np.gradient(trajectory.poses, trajectory.t, axis=0)[1:-1]
    speeds = {"v": trajectory.v, "lateral": trajectory.sideways, "omega": trajectory.omega}
    for pose, rate, k in zip(trajectory.poses[1:-1], rates, range(1, len(trajectory.t)), strict=False):
        u = [speeds[name][k] for name in drive.model.inputs]
        # m/s: differences over 0.05 s where the acceleration may jump by 0.8 m/s^2
        assert drive.model.rate(pose, u) == pytest.approx(rate, abs=0.03)
        assert drive.model.A(pose).T @ rate == pytest.approx(0.0, abs=2e-3)


def test_a_mecanum_bases_first_guess_turns_the_shorter_way(mecanum):
    start, goal = np.array([0.0, 0.0, 3.0]), np.array([0.0, 1.0, -3.0])
    first = guesses(start, goal, [], mecanum, 40)[0]
    assert first.name == "sideways"
    assert np.ptp(first.states[:, 2]) == pytest.approx(2 * np.pi - 6.0)
    assert np.cos(first.goal[2] - goal[2]) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_moving_the_world_frame_does_not_change_how_long_docking_takes(kind):
    drive = named_drive(kind)
    start, goal = np.zeros(3), np.array([1.2, 0.6, 0.7])
    angle, shift = 0.9, np.array([3.0, -2.0])
    R = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    there = [np.array([*(R @ pose[:2] + shift), pose[2] + angle]) for pose in (start, goal)]
    here = optimise_docking(start, goal, [], drive)
    elsewhere = optimise_docking(*there, [], drive)
    # s: both stop at the solver's tolerance of 1e-4; the grid of the first guess does not turn along
    assert elsewhere.t[-1] == pytest.approx(here.t[-1], abs=0.01)
