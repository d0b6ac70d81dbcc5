"""Muscles in the simulated room: silent in a relaxed patient, bursting under load, as faults want them."""

import dataclasses

import numpy as np
import pytest
from scipy.signal import welch

from rafr.simulation.faults.injector import KINDS
from rafr.simulation.wearables import (
    EMG_CHANNELS,
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
