"""EMG risk against synthetic muscle signals."""

import dataclasses
import math

import numpy as np
import pytest

from rafr.risk.emg import EmgRisk, EmgRiskConfig

RATE = 1000.0
BLOCK = 100
CHANNELS = ("tibialis", "gastrocnemius")
REST = 5e-6


def run(risk: EmgRisk, rng, level, seconds, start=0.0, drift=0.0):
    """Feed white noise of rms `level` (per channel) and return the last estimate and the end time."""
    estimate = None
    for k in range(round(seconds * RATE / BLOCK)):
        t = start + k * BLOCK / RATE
        times = t + np.arange(BLOCK) / RATE
        samples = rng.normal(0, 1, (2, BLOCK)) * np.atleast_1d(level).reshape(-1, 1)
        samples = samples + drift * np.sin(2 * np.pi * 1.0 * times)
        estimate = risk.update(t, RATE, CHANNELS, samples)
    return estimate, start + seconds


def rested(rng, config=None):
    risk = EmgRisk(config)
    _, t = run(risk, rng, REST, 3.0)
    return risk, t


def test_nothing_is_claimed_before_the_rest_is_known():
    estimate, _ = run(EmgRisk(), np.random.default_rng(0), REST, 1.0)
    assert math.isnan(estimate.probability)
    assert "rest" in estimate.reason


def test_relaxed_muscles_are_low_risk_and_a_burst_is_high_and_named():
    rng = np.random.default_rng(1)
    risk, t = rested(rng)
    quiet, t = run(risk, rng, REST, 1.0, t)
    assert quiet.probability < 0.01
    burst, t = run(risk, rng, [REST, 12 * REST], 0.5, t)
    assert burst.probability > 0.95
    assert "gastrocnemius" in burst.reason
    calm, _ = run(risk, rng, REST, 1.0, t)
    assert calm.probability < 0.01


def test_slow_motion_of_a_cable_is_not_muscle_activity():
    rng = np.random.default_rng(2)
    risk, t = rested(rng)
    estimate, _ = run(risk, rng, REST, 1.0, t, drift=2e-3)
    assert estimate.probability < 0.2


@pytest.mark.parametrize(
    ("samples", "word"),
    [
        (np.full((2, BLOCK), np.nan), "finite"),
        (np.full((2, BLOCK), 0.02), "saturated"),
        (np.zeros((3, BLOCK)), "shape"),
    ],
)
def test_unusable_blocks_give_no_probability(samples, word):
    rng = np.random.default_rng(3)
    risk, t = rested(rng)
    estimate = risk.update(t, RATE, CHANNELS, samples)
    assert math.isnan(estimate.probability)
    assert word in estimate.reason


def test_the_rest_survives_a_gap():
    rng = np.random.default_rng(4)
    risk, t = rested(rng)
    burst, _ = run(risk, rng, 12 * REST, 1.0, t + 5.0)
    assert burst.probability > 0.95


def test_a_slow_amplifier_is_refused_in_words():
    estimate = EmgRisk().update(0.0, 30.0, CHANNELS, np.zeros((2, BLOCK)))
    assert "too low" in estimate.reason


# one change per field, and a scene in which it must show
CHANGES = {
    "low_hz": 200.0,
    "high_hz": 60.0,
    "baseline": 5.0,
    "settle": 2.9,
    "smoothing": 3.0,
    "ratio_even": 6.0,
    "ratio_sure": 20.0,
    "floor": 1e-4,
    "saturation": 1e-6,
    "stale_gap": 0.01,
}


def scene(config):
    rng = np.random.default_rng(5)
    risk, t = rested(rng, config)
    first, t = run(risk, rng, 3.5 * REST, 0.6, t)
    second, _ = run(risk, rng, 3.5 * REST, 0.2, t + 0.1)  # a gap of 0.1 s
    return np.nan_to_num([first.probability, second.probability], nan=-1.0)


def test_every_tunable_has_a_change():
    assert set(CHANGES) == {f.name for f in dataclasses.fields(EmgRiskConfig)}


@pytest.mark.parametrize("name", CHANGES)
def test_every_tunable_changes_the_judgement(name):
    changed = dataclasses.replace(EmgRiskConfig(), **{name: CHANGES[name]})
    assert not np.allclose(scene(EmgRiskConfig()), scene(changed), atol=1e-3)
