"""Muscles in the simulated room: silent in a relaxed patient, bursting under load, as faults want them."""

import dataclasses

import numpy as np
import pytest
from scipy.signal import welch

from rafr.risk.physiology import GRAVITY
from rafr.simulation.faults.injector import KINDS
from rafr.simulation.wearables import (
    EMG_CHANNELS,
    INERTIAL_CHANNELS,
    LIFTING_CHANNELS,
    AssistantConfig,
    AssistantSensors,
    EmgConfig,
    EmgSensor,
    unchanged,
)


def emg(seconds, load=0.0, fault="", seed=2, **changes):
    """(channels, n) V of a patient; a fault from 2 s on, its maker besides."""
    rng = np.random.default_rng(seed)
    sensor = EmgSensor(dataclasses.replace(EmgConfig(), **changes), rng)
    change = KINDS[fault](rng).muscles if fault else unchanged
    blocks = [
        sensor.read(0.1 * k, 0.1, load, change if k >= 20 else unchanged) for k in range(round(10 * seconds))
    ]
    return np.concatenate(blocks, axis=1)


def rms(volts):
    return np.sqrt(np.mean(volts**2, axis=1))


def test_a_relaxed_patients_electrodes_hear_little_but_themselves():
    volts = emg(20.0, burst_rate=0.0)
    assert volts.shape == (len(EMG_CHANNELS), 20000)
    assert np.all(rms(volts) < 5e-6)


def test_bursts_come_more_often_the_harder_the_fragment_is_pulled_and_are_short():
    def bursts(load):
        level = np.sqrt((emg(60.0, load) ** 2).reshape(4, -1, 50).mean(axis=2))
        return level > 1.2e-5

    calm, pulled = bursts(0.0), bursts(300.0)
    assert calm.sum() < 4
    assert 10 < pulled.sum() < 0.1 * pulled.size, "frames of 50 ms"
    assert bursts(150.0).sum() < pulled.sum()


@pytest.mark.parametrize(
    "change", [{"burst_length": 2.0}, {"burst_firing": 90.0}, {"burst_share": 0.3}, {"force_scale": 400.0}]
)
def test_every_option_of_bursts_makes_more_of_them(change):
    assert rms(emg(30.0, 250.0, **change)).sum() > 1.1 * rms(emg(30.0, 250.0)).sum()


def test_a_patient_who_guards_tenses_with_the_load_on_all_muscles():
    little, much = (rms(emg(5.0, load, "muscle-guarding")[:, 3000:]) for load in (20.0, 200.0))
    assert np.all(little > 4e-6)
    assert np.all(much > 1.5 * little)
    assert np.all(rms(emg(5.0, 2.0, "muscle-guarding", burst_rate=0.0)[:, 3000:]) < 5e-6), (
        "nothing to guard against"
    )


def test_tone_returns_slowly():
    volts = emg(60.0, 0.0, "relaxant-wears-off", burst_rate=0.0)
    early, middle, late = (rms(volts[:, n : n + 5000]) for n in (3000, 30000, 55000))
    assert np.all(early < 5e-6)
    assert np.all(middle > early)
    assert late.mean() > 1.2 * middle.mean()


def test_an_irritated_nerve_fires_in_bursts_on_one_muscle():
    volts = emg(6.0, 0.0, "nerve-irritation", burst_rate=0.0)
    level = rms(volts[:, 2000:])
    assert level[0] > 5e-5
    assert np.all(level[2:] < 5e-6), "the next one has some crosstalk, those beyond have none"
    frames = np.sqrt((volts[0, 2000:5500] ** 2).reshape(-1, 50).mean(axis=1))
    assert 8 <= np.sum(np.diff((frames > 3e-5).astype(int)) == 1) <= 11, "one burst in 0.35 s"


def test_a_lost_electrode_hears_the_mains():
    volts = emg(6.0, 0.0, "emg-electrode-off")[0, 3000:]
    frequency, power = welch(volts, 1000.0, nperseg=1000)
    assert frequency[power.argmax()] == 50.0


def assistant(seconds, change=float, config=None):
    config = config or AssistantConfig()
    sensors = AssistantSensors(config, np.random.default_rng(0))
    blocks = [sensors.read(0.1, change) for _ in range(round(10 * seconds))]
    starts = np.array([[emg[0], imu[0]] for emg, imu in blocks])
    return starts, *(np.concatenate([block[k][1] for block in blocks], axis=1) for k in range(2))


def test_blocks_of_two_rates_leave_no_sample_out():
    starts, volts, readings = assistant(10.0)
    assert volts.shape == (len(LIFTING_CHANNELS), 12590)
    assert readings.shape == (len(INERTIAL_CHANNELS), 1480)
    assert starts[50] == pytest.approx([5.0, 5.0], abs=1 / 148)


def test_lifting_takes_muscles_and_bends_the_elbow():
    _, volts, readings = assistant(15.0)
    lifting, resting = volts[:, 2 * 1259 : 5 * 1259], volts[:, 9 * 1259 : 14 * 1259]
    assert np.all(rms(lifting) > 3.0 * rms(resting))
    gyro = readings[INERTIAL_CHANNELS.index("right_biceps/gyro_y")]
    assert np.abs(gyro[:300]).max() > 0.5
    assert np.abs(gyro[9 * 148 : 14 * 148]).max() < 0.05
    acc = readings[:3, 9 * 148 : 14 * 148]
    assert np.linalg.norm(acc, axis=0).mean() == pytest.approx(GRAVITY, abs=0.3)


def test_an_overloaded_assistant_pulls_harder_all_the_time():
    fault = KINDS["assistant-overload"](np.random.default_rng(0))
    _, usual, _ = assistant(15.0)
    _, much, _ = assistant(15.0, fault.lifting)
    assert np.all(rms(much[:, 9 * 1259 :]) > 5.0 * rms(usual[:, 9 * 1259 :]))


@pytest.mark.parametrize(
    "change",
    [
        {"period": 6.0}, {"lift": 12.0}, {"load": 0.6}, {"idle": 0.15}, {"elbow": 2.0}, {"forearm": 0.5},
        {"quickness": 10.0}, {"emg_rate": 1000.0}, {"imu_rate": 100.0},
    ],
    ids=lambda c: next(iter(c)),
)  # fmt: skip
def test_every_option_of_the_assistant_changes_what_is_heard(change):
    _, volts, readings = assistant(12.0)
    _, other_volts, other_readings = assistant(12.0, config=dataclasses.replace(AssistantConfig(), **change))
    same = volts.shape == other_volts.shape and readings.shape == other_readings.shape
    assert not (same and np.allclose(volts, other_volts) and np.allclose(readings, other_readings))
