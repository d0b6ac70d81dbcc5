"""The emulated arm: bounded motion, faults, the forward controller."""

import numpy as np
import pytest

from rafr.robot.arm import ArmModel
from rafr.simulation.endpoint import (
    ArmEndpoint,
    EndpointConfig,
    EndpointFault,
    ErrorCode,
    Goal,
    TrajectoryRequest,
    Waypoint,
)

ARM = ArmModel.named()
DT = 0.01  # s between two looks


def endpoint(**config):
    e = ArmEndpoint(ARM.joint_names, ARM.parked, ARM.limits, EndpointConfig(**config))
    e.advance(10.0)
    return e


def motion(way, t=1.0):
    still = np.zeros(ARM.dof)
    return TrajectoryRequest(ARM.joint_names, (Waypoint(t, ARM.parked + way, still),))


def look(e, seconds, t=10.0):
    """(n, dof) joints and speeds every DT from t on."""
    q, qd = [e.q], [e.qd]
    for k in range(1, round(seconds / DT) + 1):
        e.advance(t + k * DT)
        q.append(e.q)
        qd.append(e.qd)
    return np.array(q), np.array(qd)


def test_it_follows_a_trajectory_to_its_end():
    e = endpoint()
    e.trajectory.take_goal(Goal(motion(0.3)))
    q, _ = look(e, 1.5)
    assert q[-1] == pytest.approx(ARM.parked + 0.3, abs=1e-5)
    assert e.trajectory.outcomes[0].code == ErrorCode.SUCCESSFUL


@pytest.mark.parametrize("acceleration", [3.0, 15.0])
def test_a_jump_in_the_command_moves_no_joint_harder_or_faster_than_allowed_nor_past_its_goal(
    acceleration,
):
    e = endpoint(acceleration=acceleration)
    e.trajectory.take(motion(0.8, t=0.0), 10.0)
    q, qd = look(e, 4.0)
    assert np.abs(np.diff(qd, axis=0)).max() / DT < 1.001 * acceleration
    assert np.all(np.abs(qd) <= 1.001 * ARM.limits.velocity)
    assert q[-1] == pytest.approx(ARM.parked + 0.8, abs=1e-4)
    assert np.max(q - ARM.parked) < 0.8 + 5e-3  # rad: no swing beyond


@pytest.mark.parametrize("fault", [f for f in EndpointFault if f is not EndpointFault.NONE])
def test_a_fault_ends_the_goal_brakes_and_afterwards_the_arm_stays_where_it_stands(fault):
    e = endpoint()
    e.trajectory.take_goal(Goal(motion(0.5)))
    look(e, 0.5)
    assert np.abs(e.qd).max() > 0.3
    e.set_fault(fault)
    assert e.trajectory.outcomes[0].code == ErrorCode.INVALID_GOAL
    assert e.connected == (fault is not EndpointFault.CONNECTION_LOST)
    assert "not running" in e.trajectory.rejection(Goal(motion(0.1)), 10.5)
    q, qd = look(e, 0.5, 10.5)
    assert np.abs(qd[-1]).max() == 0.0
    assert np.abs(q[-1] - q[0]).max() < 0.05  # rad: 0.75 rad/s braked at 15 rad/s^2 takes 0.02
    e.set_fault(EndpointFault.NONE)
    after, _ = look(e, 0.5, 11.0)
    assert after[-1] == pytest.approx(q[-1], abs=1e-6)
    e.trajectory.take_goal(Goal(motion(0.1)))
    assert look(e, 2.0, 11.5)[0][-1] == pytest.approx(ARM.parked + 0.1, abs=1e-5)


def test_reduced_speed_leaves_the_arm_behind_unless_the_trajectory_is_scaled_with_it():
    """The error after a second of a motion at full joint speed, allowed a tenth of it."""
    way = 0.8 * float(ARM.limits.velocity.min())
    behind = {}
    for scaled in (False, True):
        e = endpoint(speed_scaling=0.1, scaled_trajectory=scaled)
        e.trajectory.take(motion(way), 10.0)
        _, qd = look(e, 1.0)
        assert np.all(np.abs(qd) <= 0.1 * ARM.limits.velocity + 1e-9)
        behind[scaled] = float(np.abs(e.trajectory.state.error).max())
    assert behind[False] > 1.0 > 0.1 > behind[True]  # rad


def test_the_forward_controller_moves_only_while_it_is_the_active_one():
    e = endpoint()
    goal = ARM.parked + 0.05
    assert "not running" in e.take_position(goal)
    e.use_forward(True)
    assert "not running" in e.trajectory.rejection(Goal(motion(0.1)), 10.0)
    assert e.take_position(goal) == ""
    assert look(e, 1.0)[0][-1] == pytest.approx(goal, abs=1e-5)
    e.use_forward(False)
    e.trajectory.take(motion(0.0), 11.0)
    assert look(e, 2.0, 11.0)[0][-1] == pytest.approx(ARM.parked, abs=1e-5)


def test_the_forward_controller_drops_nan_and_is_out_of_work_after_a_command_of_another_size():
    e = endpoint()
    e.use_forward(True)
    assert "Non-finite" in e.take_position(np.full(6, np.nan))
    assert e.take_position(ARM.parked + 0.1) == ""
    assert "command size (5) does not match" in e.take_position(ARM.parked[1:])
    assert "not running" in e.take_position(ARM.parked + 0.1)  # seen on the real one: nobody starts it again
    look(e, 0.5)
    assert e.q == pytest.approx(ARM.parked)


def test_nan_in_a_trajectory_moves_nothing():
    e = endpoint()
    e.trajectory.take(motion(np.nan), 10.0)
    q, _ = look(e, 1.5)
    assert q[-1] == pytest.approx(ARM.parked)


def test_time_that_stands_still_goes_back_or_is_no_number_changes_nothing():
    e = endpoint()
    e.trajectory.take(motion(0.3), 10.0)
    look(e, 0.5)
    q = e.q
    for t in (10.5, 3.0, float("nan"), float("inf")):
        e.advance(t)
    assert e.q == pytest.approx(q, abs=1e-12)


def test_after_a_pause_of_the_machine_the_command_has_gone_on_and_the_arm_catches_up_in_its_bounds():
    e = endpoint()
    e.trajectory.take(motion(0.5, t=10.0), 10.0)
    look(e, 0.2)
    q = e.q
    e.advance(15.0)
    assert np.abs(e.trajectory.state.output - ARM.parked).max() == pytest.approx(0.25, abs=0.01)
    assert np.abs(e.q - q).max() < 0.01  # rad: one update of the inner loop
    _, qd = look(e, 1.0, 15.0)
    assert np.abs(np.diff(qd, axis=0)).max() / DT < 15.1


def halfway(**config):
    """Joints after half a second of a motion of one, and how its goal stands."""
    e = endpoint(**config)
    e.trajectory.take_goal(Goal(motion(0.5)))
    look(e, 0.5)
    return e.q, [o.code for o in e.trajectory.outcomes]


@pytest.mark.parametrize(
    ("change", "least"),
    [({"update_rate": 50.0}, 1e-3), ({"bandwidth": 5.0}, 0.03), ({"acceleration": 0.5}, 0.1)],
)
def test_rate_bandwidth_and_acceleration_change_how_closely_it_follows(change, least):
    assert np.abs(halfway(**change)[0] - halfway()[0]).max() > least  # rad


def test_tolerances_of_the_bench_are_those_of_goals_that_bring_none():
    assert halfway(path_tolerance=1e-4)[1] == [ErrorCode.PATH_TOLERANCE_VIOLATED]
    missed = endpoint(goal_tolerance=1e-3, goal_time=0.05, acceleration=0.5)
    missed.trajectory.take_goal(Goal(motion(0.5)))
    look(missed, 1.5)
    assert [o.code for o in missed.trajectory.outcomes] == [ErrorCode.GOAL_TOLERANCE_VIOLATED]


def test_it_may_take_over_from_where_the_joints_are():
    outputs = []
    for from_desired in (True, False):
        e = endpoint(from_desired=from_desired, acceleration=1.0)
        e.trajectory.take(motion(0.5, t=0.0), 10.0)  # a jump: the joints are far behind the command
        look(e, 0.1)
        e.trajectory.take(motion(0.5, t=1.0), 10.1)
        look(e, 0.02, 10.1)
        outputs.append(np.abs(e.trajectory.state.output - ARM.parked).max())
    assert outputs[0] == pytest.approx(0.5, abs=1e-6)
    assert outputs[1] < 0.1
