"""One reduction in the closed loop: it ends where it should, faults or not, and the same seed repeats it."""

import re

import numpy as np
import pytest

from rafr.control.arm import ArmControlConfig, ArmMode
from rafr.errors import InfeasibleError
from rafr.geometry.residual import Residual
from rafr.simulation.closed_loop import run_reduction
from rafr.simulation.closed_loop.outcome import judged
from rafr.simulation.faults import FaultConfig
from rafr.simulation.faults.injector import KINDS

SOON = FaultConfig(earliest=1.0, latest=1.0)


@pytest.mark.slow
def test_without_faults_the_fragment_is_reduced_within_all_limits(start):
    run = run_reduction(start)
    assert run.outcome == "reduced"
    assert run.fault_at is None
    assert run.to_plan.distance < 1e-3  # m: what the issue asks of every run
    assert run.peak_force < ArmControlConfig().force_limit
    # the wrist sensor's own errors: 1.5 N of bias (tared), 0.8 N of noise per axis
    assert run.measured_force == pytest.approx(run.peak_force, abs=5.0)
    assert run.series["progress"][-1] == 1.0
    assert len(set(map(len, run.series.values()))) == 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run_and_a_fault_ends_it(start):
    first, second = (run_reduction(start, ["wrench-nan"], when=SOON, after=0.2) for _ in range(2))
    assert first.outcome == "held"
    assert first.reason.startswith("no wrench")
    assert first.fault_at == pytest.approx(1.0, abs=0.03)  # s: two ticks
    assert first.reaction <= 0.12  # s: the age at which silence holds, and a tick
    for name, column in first.series.items():
        assert np.array_equal(column, second.series[name], equal_nan=True), name


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["clock-forward", "joint-freeze", "wrench-bias"])
def test_what_a_reading_gives_away_holds_at_once_and_is_named(start, fault):
    run = run_reduction(start, [fault], when=SOON, after=0.3)
    assert run.outcome == "held"
    assert re.search(KINDS[fault].said, run.reason)
    assert run.stood <= 0.11  # s: a tenth, and the tick in which it is seen
    assert run.standstill <= 0.25  # s: the drive comes to rest, too
    assert run.peak_force < ArmControlConfig().force_limit


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["muscle-guarding", "nerve-irritation"])
def test_muscles_that_protest_slow_the_path_and_hold_by_their_name(start, fault):
    slowing = []
    run = run_reduction(
        start,
        [fault],
        when=SOON,
        after=0.0,
        hooks=[lambda loop, t: slowing.append(loop.decision.slowing)],
    )
    assert run.outcome == "held"
    assert re.search(KINDS[fault].said, run.reason)
    # s: activity that lasts a second or bursts that add up; nobody guards before the load has risen
    assert run.reaction < (2.5 if fault == "nerve-irritation" else 8.0)
    assert max(slowing) > 0.0
    assert slowing[50] == 0.0


@pytest.mark.slow
def test_slipping_brakes_hold_before_the_base_has_rolled_two_millimetres(start):
    moved = []
    run = run_reduction(
        start,
        ["base-slip"],
        when=SOON,
        after=0.0,
        hooks=[lambda loop, t: moved.append(loop.plant.base_state()[0][:2])],
    )
    assert run.outcome == "held"
    assert re.search(KINDS["base-slip"].said, run.reason)
    # m: 1 mm is the limit, 10 mm/s for the supervisor's 0.1 s beyond it
    assert np.linalg.norm(moved[-1] - moved[0]) < 2.3e-3


@pytest.mark.slow
def test_a_hook_may_interfere_at_any_tick(start):
    def withdraw(loop, t):
        if t > 0.5:
            loop.approved_hash = ""

    run = run_reduction(start, hooks=[withdraw], after=0.2)
    assert run.outcome == "held"
    assert "approval" in run.reason
    assert run.duration == pytest.approx(0.5, abs=0.03)  # s


@pytest.mark.slow
def test_what_takes_too_long_is_given_up_and_a_refused_reduction_never_begins(start):
    assert run_reduction(start, longest=0.3, after=0.0).outcome == "running out of time"
    with pytest.raises(InfeasibleError, match="strays"):
        run_reduction(start, control=ArmControlConfig(path_tolerance=1e-4))


def test_reaction_counts_from_the_fault_to_the_hold_and_to_the_last_motion():
    t = np.arange(0.0, 2.0, 0.01)
    series = {name: np.zeros(len(t)) for name in ("force", "torque", "true_force", "true_torque")}
    series |= {"t": t, "speed": np.where(t < 1.2, 0.1, 0.0), "step": np.where(t < 1.05, 1e-3, 0.0)}
    series["state"] = np.where(t < 1.1, ArmMode.REDUCING, ArmMode.HOLDING).astype(float)
    run = judged("held", "", 1.0, series, Residual(0.0, 0.0), None, 2.0)
    assert run.reaction == pytest.approx(0.10, abs=0.011)  # s: a tick
    assert run.stood == pytest.approx(0.04, abs=0.011)
    assert run.standstill == pytest.approx(0.19, abs=0.011)
