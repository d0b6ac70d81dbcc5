"""The emulated joint trajectory controller answers as the real one's source has it."""

import math

import numpy as np
import pytest

from rafr.simulation.endpoint import (
    ErrorCode,
    Goal,
    GoalOutcome,
    Tolerances,
    TrajectoryController,
    TrajectoryRequest,
    Waypoint,
    refusal,
)

JOINTS = ("a", "b")
PERIOD = 0.002  # s
HOME = np.zeros(2)
NOW = 100.0  # s


def point(t, *q, v=None, a=None, effort=None):
    def array(values):
        return np.empty(0) if values is None else np.array(values, dtype=float)

    return Waypoint(t, np.array(q, dtype=float), array(v), array(a), array(effort))


def request(*points, joints=JOINTS, start=0.0):
    return TrajectoryRequest(joints, points, start)


def controller(path=0.0, goal=0.0, time=0.0, **options):
    tolerances = Tolerances(np.full(2, path), np.full(2, goal), time)
    return TrajectoryController(JOINTS, HOME, PERIOD, tolerances, **options)


def run(c, seconds, t=NOW, q=None, follow=True, scaling=1.0):
    """Update it for a while; the joints do as told, or stay. Returns time, joints and all commands."""
    q, commands = np.array(HOME if q is None else q, dtype=float), []
    for _ in range(round(seconds / PERIOD)):
        t += PERIOD
        command = c.update(t, q, scaling)
        commands.append(q if command is None else command)
        q = commands[-1] if follow else q
    return t, q, np.array(commands)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (request(point(1, 0, 0), joints=("a",)), "don't match the controller joints"),
        (request(point(1, 0, 0), joints=("a", "x")), "Incoming joint x doesn't match"),
        (request(), "Empty trajectory"),
        (request(point(1, 0, 0, v=[0.1, 0])), "joint a is not zero: 0.100000000000000"),
        (
            request(point(1, 0, 0), start=98.0),
            r"start time \(98.000000\) that ends in the past \(99.000000\)",
        ),
        (request(point(1, 0, 0), point(1, 1, 1)), "not strictly increasing, it is 1.000000 and 1.000000"),
        (request(point(1, 0)), r"joint_names size \(2\) and positions \(1\) at point #0"),
        (request(point(1, 0, 0, v=[0])), r"size \(2\) and velocities \(1\)"),
        (request(point(1, 0, 0, a=[0])), r"size \(2\) and accelerations \(1\)"),
        (request(point(1, 0, 0, effort=[0, 0])), "effort fields are only supported"),
    ],
)
def test_what_the_real_one_refuses_is_refused_in_its_words(asked, words):
    from re import search

    assert search(words, refusal(asked, JOINTS, NOW))
    c = controller()
    assert search(words, c.take(asked, NOW))
    assert search(words, c.rejection(Goal(asked), NOW))
    assert run(c, 0.1)[1] == pytest.approx(HOME)


@pytest.mark.parametrize(
    "asked",
    [
        request(point(1, 0.3, 0.1)),
        request(point(1, 0.3, 0.1), start=99.5),  # began in the past, ends in the future
        request(point(1, 0.1, 0.3), joints=("b", "a")),
        request(point(0.3, 0.1, 0.1, v=[0.2, 0.0]), point(1, 0.3, 0.1, v=[0, 0])),
        request(point(0.3, 0.1, 0.1, v=[0.2, 0], a=[0, 0]), point(1, 0.3, 0.1, v=[0, 0], a=[0, 0])),
    ],
)
def test_an_accepted_goal_ends_where_its_last_point_is_and_says_success(asked):
    c = controller()
    assert c.rejection(Goal(asked), NOW) == ""
    c.take_goal(Goal(asked))
    _, q, _ = run(c, 1.2)
    assert q == pytest.approx([0.3, 0.1], abs=1e-12)
    assert c.outcomes == [GoalOutcome(ErrorCode.SUCCESSFUL, "Goal successfully reached!")]


@pytest.mark.parametrize(
    ("first", "last", "degree"),
    [
        ({}, {}, 1),
        ({"v": [0.4, 0]}, {"v": [0, 0]}, 3),
        ({"v": [0.4, 0], "a": [1, 0]}, {"v": [0, 0], "a": [0, 0]}, 5),
    ],
)
def test_between_two_points_the_curve_is_the_polynomial_that_meets_what_both_give(first, last, degree):
    c = controller()
    c.take(request(point(0.5, 0.1, 0, **first), point(1, 0.3, 0, **last)), NOW)
    _, _, commands = run(c, 1.0)
    curve = commands[260:490, 0]  # inside the second segment
    steps = np.diff(curve, degree)
    assert np.ptp(steps) < 1e-9  # rad: differences of that order are constant
    assert np.abs(np.diff(curve, degree - 1)).max() > 1e-12
    at = round(0.5 / PERIOD)
    assert commands[at - 2, 0] == pytest.approx(0.1, abs=2e-3)  # rad: a sample and a half at 0.4 rad/s
    if "v" in first:
        assert np.diff(commands[at - 3 : at, 0]).mean() / PERIOD == pytest.approx(0.4, abs=0.02)


def test_a_new_trajectory_takes_over_from_the_last_command_without_a_jump():
    c = controller()
    c.take(request(point(1, 1, 0)), NOW)
    t, q, first = run(c, 0.5)
    c.take(request(point(0.5, -1, 0)), t)
    _, _, second = run(c, 0.6, t, q)
    commands = np.vstack([first, second])[:, 0]
    assert np.abs(np.diff(commands)).max() < 3.1 / 0.5 * PERIOD  # rad: the faster of the two slopes
    assert commands[-1] == pytest.approx(-1.0)


@pytest.mark.parametrize(("from_desired", "begin"), [(True, 0.3), (False, 0.0)])
def test_it_takes_over_from_the_measured_state_where_it_is_configured_so(from_desired, begin):
    c = controller(from_desired=from_desired)
    c.take(request(point(0.2, 0.3, 0)), NOW)
    t, q, _ = run(c, 0.4, follow=False)  # the arm did not follow
    c.take(request(point(1.0, 0.3, 0)), t)
    _, _, commands = run(c, 0.01, t, q, follow=False)
    assert commands[1, 0] == pytest.approx(begin, abs=2e-3)  # rad: two updates of 0.3 rad/s


def test_a_goal_that_replaces_another_ends_it_as_invalid_and_succeeds_itself():
    c = controller()
    c.take_goal(Goal(request(point(1, 1, 0))))
    t, q, _ = run(c, 0.3)
    c.take_goal(Goal(request(point(1, 0.5, 0))))
    run(c, 1.2, t, q)
    assert [(o.code, o.text) for o in c.outcomes] == [
        (ErrorCode.INVALID_GOAL, "Current goal preempted by new incoming action."),
        (ErrorCode.SUCCESSFUL, "Goal successfully reached!"),
    ]


def test_cancelling_stays_where_the_joints_are():
    c = controller()
    c.take_goal(Goal(request(point(1, 1, 0))))
    t, q, _ = run(c, 0.4)
    c.cancel(q)
    _, end, _ = run(c, 1.0, t, q)
    assert end == pytest.approx(q, abs=1e-12)
    assert [o.cancelled for o in c.outcomes] == [True]


def test_leaving_the_path_tolerance_aborts_and_holds_there():
    c = controller(path=0.05)
    c.take_goal(Goal(request(point(1, 1, 0))))
    _, q, commands = run(c, 1.0, follow=False)
    assert c.outcomes == [
        GoalOutcome(ErrorCode.PATH_TOLERANCE_VIOLATED, "Aborted due to path tolerance violation")
    ]
    assert commands[-1] == pytest.approx(q)
    assert np.abs(commands[:, 0]).max() < 0.06  # rad: the command never leads further than tolerated


def test_a_goal_missed_for_longer_than_its_time_aborts_and_says_by_how_much():
    c = controller(goal=0.01, time=0.2)
    c.take_goal(Goal(request(point(0.5, 1, 0))))
    run(c, 1.0, follow=False)
    (outcome,) = c.outcomes
    assert outcome.code == ErrorCode.GOAL_TOLERANCE_VIOLATED
    assert outcome.text == "Aborted due to goal_time_tolerance exceeding by 0.202000 seconds"


def test_a_goal_missed_without_a_time_limit_goes_on_for_ever():
    c = controller(goal=0.01)
    c.take_goal(Goal(request(point(0.5, 1, 0))))
    run(c, 2.0, follow=False)
    assert c.outcomes == []
    assert c.goal_active


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ({"a": 0.05}, ErrorCode.PATH_TOLERANCE_VIOLATED),  # tighter than the controller's
        ({"a": 0.0}, ErrorCode.PATH_TOLERANCE_VIOLATED),  # 0: the controller's own
        ({"a": -1.0}, ErrorCode.SUCCESSFUL),  # -1: none
        ({"a": -0.3}, ErrorCode.PATH_TOLERANCE_VIOLATED),  # illegal: the controller's own
        ({"x": -1.0}, ErrorCode.PATH_TOLERANCE_VIOLATED),  # no such joint: the controller's own
    ],
)
def test_a_goals_own_tolerances_replace_the_controllers(path, code):
    c = controller(path=0.5)
    c.take_goal(Goal(request(point(1, 1, 0)), path=path))
    run(c, 1.2, follow=False)
    assert c.outcomes[0].code == code


def test_a_slowed_clock_makes_the_same_way_later():
    c = controller()
    c.take(request(point(1, 1, 0)), NOW)
    t, q, _ = run(c, 1.0, scaling=0.5)
    assert q[0] == pytest.approx(0.5, abs=0.01)
    assert run(c, 1.1, t, q, scaling=0.5)[1][0] == pytest.approx(1.0)


def test_an_inactive_controller_takes_nothing_and_its_goal_ends():
    c = controller()
    c.take_goal(Goal(request(point(1, 1, 0))))
    t, q, _ = run(c, 0.3)
    c.deactivate()
    assert c.outcomes[0].text == "Current goal cancelled during deactivate transition."
    assert "not running" in c.rejection(Goal(request(point(1, 1, 0))), t)
    c.take(request(point(1, 1, 0)), t)
    assert c.update(t, q) is None
    c.activate(q)
    assert run(c, 0.5, t, q)[1] == pytest.approx(q)  # nothing of what came meanwhile is left


def test_nan_positions_are_taken_as_the_real_one_takes_them():
    c = controller()
    assert c.take(request(point(0.1, math.nan, 0)), NOW) == ""
    assert np.isnan(run(c, 0.2)[1][0])
