"""The controller's small parts, each against what can be worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from rafr.control.admittance import Admittance, beyond
from rafr.control.config import ArmControlConfig
from rafr.control.deadline import DeadlineMonitor
from rafr.control.expectation import Expectation
from rafr.control.smoothing import JointSmoother

CONFIG = ArmControlConfig()


def test_the_yielding_spring_rests_where_its_load_has_it_and_not_beyond_its_bound():
    spring = Admittance(CONFIG, (3e-3, 0.035))
    for _ in range(500):
        spring.step(np.array([40.0, 0, 0, 0, 0, 1.3]), 0.01)
    assert spring.value == pytest.approx([40.0 / CONFIG.yield_stiffness, 0, 0, 0, 0, 0.01], abs=1e-6)
    for _ in range(500):
        spring.step(np.array([0.0, 900.0, 0, 0, 0, 0]), 0.01)
    assert np.linalg.norm(spring.value[:3]) == pytest.approx(3e-3)
    for _ in range(500):
        spring.step(np.zeros(6), 0.01)
    assert np.abs(spring.value).max() < 1e-6


def test_what_is_within_its_band_is_no_load():
    load = np.array([30.0, 0, 0, 0, 0, 10.0])
    assert beyond(load, (40.0, 5.0)) == pytest.approx([0, 0, 0, 0, 0, 5.0])
    assert beyond(3 * load, (40.0, 5.0)) == pytest.approx([50.0, 0, 0, 0, 0, 25.0])


class Line:
    """A path whose predicted force grows evenly to 100 N."""

    shares = np.linspace(0.0, 1.0, 11)
    plan = SimpleNamespace(
        path=tuple(SimpleNamespace(wrench=(100.0 * u, 0, 0, 0, 0, 2.0 * u)) for u in shares)
    )


@pytest.mark.parametrize("true", [0.5, 1.0, 1.8])
def test_the_tissues_stiffness_is_learnt_whatever_offset_and_noise_there_is(true):
    rng, expectation = np.random.default_rng(0), Expectation(Line.plan, Line)
    assert expectation.stiffness is None
    assert expectation.ahead(0.0) is None
    for u in np.linspace(0.0, 0.5, 600):
        measured = true * np.array([100.0 * u, 0, 0, 0, 0, 2.0 * u]) + [3.0, -8.0, 0, 0, 0, 0.2]
        expectation.learn(u, measured + rng.normal(0, [1.0] * 3 + [0.05] * 3), 0.01)
    assert expectation.stiffness == pytest.approx(true, rel=0.03)
    ahead = expectation.ahead(0.5)
    assert ahead.force == pytest.approx(np.hypot(100.0 * true + 3.0, 8.0), rel=0.05)
    assert ahead.progress == 1.0


def test_a_sudden_pull_is_a_surprise_and_soon_none_any_more():
    expectation = Expectation(Line.plan, Line)
    for _ in range(50):
        expectation.learn(0.0, np.zeros(6), 0.01)
    pull = np.array([0, 0, 80.0, 0, 0, 0])
    assert expectation.learn(0.0, pull, 0.01) == pytest.approx(pull)
    for _ in range(500):
        surprise = expectation.learn(0.0, pull, 0.01)
    assert np.abs(surprise).max() < 0.1


def test_a_plan_without_wrenches_leaves_the_offset_alone():
    plan = SimpleNamespace(path=tuple(SimpleNamespace(wrench=None) for _ in Line.shares))
    expectation = Expectation(plan, Line)
    for u in np.linspace(0, 1, 500):
        expectation.learn(u, np.array([100.0 * u, 0, 0, 0, 0, 0]), 0.01)
    assert expectation.stiffness is None


def test_a_smooth_target_is_met_and_a_jump_is_caught_up_with_within_all_limits():
    smoother = JointSmoother(np.full(2, 1.0), CONFIG)
    smoother.start_at(np.zeros(2))
    t = np.arange(1, 301) * 0.01
    target = np.column_stack([0.2 * (1 - np.cos(t)), np.where(t < 1.0, 0.0, 0.3)])
    sent = np.array([smoother.follow(row, 0.01) for row in target])
    assert np.abs(sent[50:, 0] - target[50:, 0]).max() < 3e-4  # rad: its speed is an estimate
    assert sent[-1] == pytest.approx(target[-1], abs=3e-4)
    speed = np.diff(sent, axis=0) / 0.01
    acceleration = np.diff(speed, axis=0) / 0.01
    assert np.abs(speed).max() <= 1.0 + 1e-9
    assert np.abs(acceleration).max() <= CONFIG.joint_acceleration * (1 + 1e-6)
    while smoother.moving:
        smoother.halt(0.01)
    still = smoother.q.copy()
    assert np.array_equal(smoother.halt(0.01), still)


def test_a_target_whose_speed_is_known_is_met_at_every_tick():
    smoother = JointSmoother(np.full(1, 1.0), CONFIG)
    smoother.start_at(np.zeros(1))
    for t in np.arange(1, 301) * 0.01:
        target = np.array([0.2 * (1 - np.cos(t))])
        sent = smoother.follow(target, 0.01, np.array([0.2 * np.sin(t)]))
        assert np.abs(sent - target).max() < 2e-5  # rad: half a tick of acceleration


def test_a_trackers_noise_does_not_become_speed():
    rng, smoother = np.random.default_rng(0), JointSmoother(np.full(6, 1.0), CONFIG)
    smoother.start_at(np.zeros(6))
    sent = np.array([smoother.follow(5e-5 * rng.standard_normal(6), 0.01) for _ in range(500)])
    assert np.abs(sent).max() < 2.5e-4  # rad: no further than the noise itself goes


def test_deadlines_are_counted_by_how_late_they_were():
    monitor = DeadlineMonitor(0.01)
    t = np.cumsum([0.0, 0.01, 0.01, 0.03, 0.0105, 0.2])
    for began in t:
        monitor.tick(began, began + 0.003)
    summary = monitor.summary()
    assert monitor.ticks == 6
    assert monitor.missed == 2
    assert summary["longest_period_ms"] == "200.0"
    assert summary["work_ms"] == "2-4: 6"
    assert "20-50: 1" in summary["period_ms"]
    assert "50-inf: 1" in summary["period_ms"]
    assert monitor.worst_since_asked() == pytest.approx(0.2)
    assert monitor.worst_since_asked() == 0.0
