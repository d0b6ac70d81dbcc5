"""Somebody beside the table who lifts now and then, with sensors on."""

import dataclasses

import numpy as np
import pytest

from rafr.risk.data.columns import TRIGNO_EMG_RATE, TRIGNO_IMU_RATE
from rafr.risk.physiology import GRAVITY
from rafr.simulation.assistant import INERTIAL_CHANNELS, LIFTING_CHANNELS, AssistantConfig, AssistantSensors
from rafr.simulation.faults.injector import KINDS


def worn(seconds, change=float, config=None):
    """Begins of blocks (n, 2), V (4, n), and inertial readings (24, m)."""
    sensors = AssistantSensors(config or AssistantConfig(), np.random.default_rng(0))
    blocks = [sensors.read(0.1, change) for _ in range(round(10 * seconds))]
    starts = np.array([[emg[0], imu[0]] for emg, imu in blocks])
    return starts, *(np.concatenate([block[k][1] for block in blocks], axis=1) for k in range(2))


@pytest.fixture(scope="module")
def usual():
    return worn(60.0)


def part(rows, rate, first, last):
    return rows[:, round(first * rate) : round(last * rate)]


def rms(volts):
    return np.sqrt(np.mean(volts**2, axis=1))


def test_blocks_of_two_rates_leave_no_sample_out(usual):
    starts, volts, readings = usual
    assert volts.shape == (len(LIFTING_CHANNELS), int(60 * TRIGNO_EMG_RATE))
    assert readings.shape == (len(INERTIAL_CHANNELS), int(60 * TRIGNO_IMU_RATE))
    assert starts[50] == pytest.approx([5.0, 5.0], abs=1.01 / TRIGNO_IMU_RATE)


def test_lifting_takes_muscles_and_moves_the_arms_and_then_there_is_rest(usual):
    _, volts, readings = usual
    lifting, resting = (part(volts, TRIGNO_EMG_RATE, *when) for when in ((2.0, 26.0), (32.0, 50.0)))
    assert np.all(rms(lifting) > 3.0 * rms(resting))
    moving, still = (part(readings, TRIGNO_IMU_RATE, *when) for when in ((2.0, 26.0), (32.0, 50.0)))
    gyro = INERTIAL_CHANNELS.index("right_biceps/gyro_y")
    assert np.ptp(moving[gyro]) > 5.0 * np.ptp(still[gyro])
    assert np.linalg.norm(still[:3], axis=0).mean() == pytest.approx(GRAVITY, abs=0.3)


def test_one_stretch_goes_over_into_the_next_without_a_jerk(usual):
    """s: 27 and 54, where what is made at once ends."""
    readings = usual[2]
    jerk = np.abs(np.diff(readings.reshape(4, 6, -1)[:, :3], axis=2)).max(axis=(0, 1))
    for seam in (27.0, 54.0):
        at = round(seam * TRIGNO_IMU_RATE)
        assert jerk[at - 3 : at + 3].max() < np.quantile(jerk[: at - 10], 0.995)


def test_an_overloaded_assistant_works_harder_from_that_moment_on_in_the_same_movement(usual):
    fault = KINDS["assistant-overload"](np.random.default_rng(0))
    calls = iter(range(1000))
    _, much, moved = worn(20.0, lambda load: fault.lifting(load) if next(calls) >= 100 else load)
    _, volts, readings = usual
    np.testing.assert_array_equal(moved, readings[:, : moved.shape[1]])
    before, after = ((0.0, 10.0), (10.2, 20.0))
    np.testing.assert_array_equal(part(much, TRIGNO_EMG_RATE, *before), part(volts, TRIGNO_EMG_RATE, *before))
    harder = rms(part(much, TRIGNO_EMG_RATE, *after)) / rms(part(volts, TRIGNO_EMG_RATE, *after))
    assert np.all(harder > 1.5)


@pytest.mark.parametrize(
    "change",
    [{"load": 9.0}, {"rest": 0.0}, {"strength": 2.0}, {"effort_rms": 1e-3}, {"sharing": 0.5}, {"haste": 1.5}],
    ids=lambda c: next(iter(c)),
)
def test_every_option_of_the_assistant_changes_what_is_heard(change, usual):
    seconds = 32.0 if "rest" in change else 3.0
    _, volts, _ = worn(seconds, config=dataclasses.replace(AssistantConfig(), **change))
    assert not np.allclose(volts, usual[1][:, : volts.shape[1]])
