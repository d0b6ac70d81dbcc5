"""Timing of joint paths."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.trajectory.motion import joined, toppra_duration
from rafr.trajectory.paths import ClampSpeed, joint_path
from rafr.trajectory.timing import TimingConfig, time_path

FREE = ClampSpeed(100.0, 100.0)  # as good as no limit on the clamp


@pytest.fixture(scope="module")
def swing(arm, folded):
    return joint_path(arm, np.stack([folded, folded + np.array([1.5, 0.2, -0.3, 0.1, 0.4, -0.5])]), FREE)


@pytest.fixture(scope="module")
def timed(arm, swing):
    """(trajectory, remarks) of the swing with the usual tunables."""
    return time_path(arm.joint_names, swing)


def usage(trajectory, limits):
    return [
        float((np.abs(value) / bound).max())
        for value, bound in (
            (trajectory.qd, limits.velocity),
            (trajectory.qdd, limits.acceleration),
            (trajectory.qddd, limits.jerk),
        )
    ]


def test_limits_hold_and_one_of_them_is_used(arm, timed):
    trajectory, remarks = timed
    assert remarks == ()
    shares = usage(trajectory, arm.limits)
    assert max(shares) <= 1.0
    assert max(shares) > 0.9


def test_derivatives_belong_to_the_positions(arm, timed):
    t, _ = timed
    h = t.t[1] - t.t[0]
    for value, rate, bound in ((t.q, t.qd, arm.limits.acceleration), (t.qd, t.qdd, arm.limits.jerk)):
        # the mean slope of an interval lies within the change of the rate over it: h/2 times its bound
        slope = np.diff(value, axis=0) / h
        middle = (rate[1:] + rate[:-1]) / 2
        assert (np.abs(slope - middle) <= h / 2 * bound).all()


def test_jerk_limits_cost_time_over_the_toppra_bound_and_never_beat_it(arm, swing, timed):
    duration = timed[0].duration
    bound = toppra_duration([swing])
    assert bound <= duration < 1.25 * bound
    # the looser the jerk, the nearer to the bound
    loose = replace(swing, limits=replace(swing.limits, jerk=100 * swing.limits.jerk))
    assert bound <= time_path(arm.joint_names, loose)[0].duration < duration


def test_a_joint_line_at_rest_both_ends_takes_the_closed_form_time(arm, folded):
    """One joint alone, velocity never reached: T = 2 sqrt(d/a) without a jerk limit."""
    distance = 0.5
    path = joint_path(arm, np.stack([folded, folded + distance * np.eye(6)[0]]), FREE)
    path = replace(path, limits=replace(path.limits, jerk=1e5 * np.ones(6)))
    ideal = 2 * np.sqrt(distance / arm.limits.acceleration[0])
    # 3 % margin on acceleration is 1.5 % of time; piecewise constant jerk costs the rest
    assert ideal <= time_path(arm.joint_names, path)[0].duration < 1.15 * ideal


def test_the_clamps_speed_limit_rules_a_slow_path(arm, folded):
    slow = ClampSpeed(0.02, 1.0)
    path = joint_path(arm, np.stack([folded, folded + 0.3 * np.eye(6)[0]]), slow)
    trajectory = time_path(arm.joint_names, path)[0]
    positions = np.array([arm.forward(q).translation for q in trajectory.q])
    speed = np.linalg.norm(np.diff(positions, axis=0), axis=1) / np.diff(trajectory.t)
    assert 0.015 < speed.max() <= 0.02


@pytest.mark.parametrize(
    "change",
    [
        {"margin": 0.6},
        {"smoothness": 0.3},
        {"sample_period": 0.05},
        {"knots": (3, 3, 3)},
        {"max_iterations": 1},
    ],
)
def test_every_tunable_changes_the_result(arm, swing, timed, change):
    usual, _ = timed
    other = time_path(arm.joint_names, swing, TimingConfig(**change))[0]
    assert len(other.t) != len(usual.t) or not np.allclose(other.q, usual.q, atol=1e-6)


def test_jerk_share_changes_the_result_too(arm, swing):
    usual, usual_remarks = time_path(arm.joint_names, swing, TimingConfig(smoothness=0.3))
    other, other_remarks = time_path(arm.joint_names, swing, TimingConfig(smoothness=0.3, jerk_share=1.0))
    assert usual_remarks == other_remarks == ()
    assert usual.duration != pytest.approx(other.duration, rel=1e-3)


def test_without_convergence_the_smooth_timing_is_used_and_said(arm, swing):
    trajectory, remarks = time_path(arm.joint_names, swing, TimingConfig(max_iterations=1))
    assert "did not converge" in remarks[0]
    assert max(usage(trajectory, arm.limits)) <= 1.0
    assert trajectory.q[-1] == pytest.approx(swing.spline(1.0), abs=1e-9)


def test_joined_motions_follow_each_other_without_a_jump(arm, swing, timed, folded):
    there, _ = timed
    back = time_path(arm.joint_names, joint_path(arm, swing.spline(np.array([1.0, 0.0])), FREE))[0]
    both = joined([there, back])
    assert (np.diff(both.t) > 0).all()
    assert both.duration == pytest.approx(there.duration + back.duration)
    assert np.abs(np.diff(both.q, axis=0)).max() <= 1.05 * np.abs(np.diff(there.q, axis=0)).max()
    assert both.q[-1] == pytest.approx(folded, abs=1e-4)
