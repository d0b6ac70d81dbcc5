"""Muscle and motion signals obey what is known of muscles, electrodes and mechanics."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.signal import welch
from scipy.spatial.transform import Rotation

from rafr.errors import InputError
from rafr.risk.physiology import (
    GRAVITY,
    ElectrodeConfig,
    FatigueConfig,
    Imu,
    ImuConfig,
    MotorUnitConfig,
    MuscleConfig,
    SurfaceEmg,
    TissueConfig,
    felt,
)
from rafr.risk.physiology.fatigue import Fatigue
from rafr.risk.physiology.motor_units import SpikeTrains, excitation_limits, rates, sizes

RATE = 1000.0
CLEAN = ElectrodeConfig(gain_spread=0.0, crosstalk=0.0, noise=0.0, hum=0.0, artefact=0.0, resolution=0.0)


def muscles(count=2, seed=0, rate=RATE, **changes):
    config = MuscleConfig(**{"electrode": CLEAN, **changes})
    return SurfaceEmg(count, rate, np.random.default_rng(seed), config)


def rms(volts):
    return np.sqrt(np.mean(volts**2, axis=1))


def median_frequency(volts, rate=RATE):
    frequency, power = welch(volts, rate, nperseg=512)
    total = np.cumsum(power, axis=1)
    return np.array([frequency[np.searchsorted(row, row[-1] / 2)] for row in total])


def test_units_are_recruited_by_size_and_fire_faster_the_harder_they_are_driven():
    config = MotorUnitConfig()
    threshold, peak = excitation_limits(config)
    assert threshold[-1] / threshold[0] == pytest.approx(30.0 ** (119 / 120))
    assert np.all(np.diff(threshold) > 0)
    assert np.all(np.diff(sizes(config)) > 0)
    at = rates(np.linspace(0.0, 1.0, 101), config)
    assert np.all(np.diff(at, axis=0) >= 0.0)
    assert np.array_equal(at[0], np.zeros(120))
    assert np.allclose(at[-1], peak), "at full drive every unit fires at its peak, the last just so"
    just = rates(threshold + 1e-9, config)
    assert np.allclose(np.diag(just), config.rate_least, atol=1e-5)


def test_spikes_come_at_the_rate_asked_for_with_the_intervals_variation_and_blocks_do_not_matter():
    config = MotorUnitConfig(units=40)
    trains = SpikeTrains(config, 2, np.random.default_rng(1))
    rate = np.full((2, 40, 20), 12.0)
    times = []
    for block in range(400):  # 40 s
        muscle, unit, when = trains.fire(rate, 0.005)
        assert np.all((when >= 0.0) & (when <= 0.1 + 1e-12))
        times += list(zip(muscle, unit, when + 0.1 * block, strict=True))
    for unit in (0, 39):
        own = np.sort([t for m, u, t in times if (m, u) == (1, unit)])
        # 480 intervals of 20 %: mean within 3 standard errors
        assert np.diff(own).mean() == pytest.approx(1 / 12, rel=0.03)
        assert np.diff(own).std() * 12 == pytest.approx(0.2, rel=0.2)


def test_emg_grows_with_drive_is_silent_below_the_first_threshold_and_full_drive_has_the_rms_asked_for():
    levels = [rms(muscles().read(np.full((2, 4000), a))) for a in (0.0, 0.015, 0.05, 0.2, 0.5)]
    assert np.array_equal(levels[0], [0.0, 0.0])
    assert np.array_equal(levels[1], [0.0, 0.0])
    assert all(np.all(b > 1.5 * a) for a, b in itertools.pairwise(levels[1:]))
    wide = dataclasses.replace(CLEAN, low_hz=1.0, high_hz=499.0)
    full = muscles(electrode=wide, fatigue=FatigueConfig(slowing=0.0)).read(np.ones((2, 20000)))
    # Campbell's theorem against the stream; renewal trains are a little more regular than Poisson ones
    assert rms(full) == pytest.approx(4e-4, rel=0.15)


def test_a_stream_in_blocks_has_no_seams():
    whole, parts = muscles(1, 3), muscles(1, 3)
    long = whole.read(np.full((1, 20000), 0.3))
    short = np.concatenate([parts.read(np.full((1, 87), 0.3)) for _ in range(230)], axis=1)
    assert rms(long) == pytest.approx(rms(short), rel=0.1)
    assert median_frequency(long) == pytest.approx(median_frequency(short), rel=0.1)
    steps = np.abs(np.diff(short[0]))
    seams = steps[86::87]
    assert seams.mean() == pytest.approx(steps.mean(), rel=0.25), "a block's end is like any other moment"


def test_a_tired_muscle_is_slower_and_louder_and_recovers():
    emg = muscles(2, 4)
    drive = np.full((2, 10000), 0.5)
    fresh = emg.read(drive)
    emg.read(np.full((2, 60000), 0.5))
    tired = emg.read(drive)
    assert np.all(emg.fatigue.state > 0.4)
    assert np.all(median_frequency(tired) < 0.92 * median_frequency(fresh))
    assert np.all(rms(tired) > 1.05 * rms(fresh))
    for _ in range(60):
        emg.read(np.zeros((2, 20000)))
    assert np.all(emg.fatigue.state < 0.02)


def test_fatigue_settles_where_work_and_rest_balance_whatever_the_step():
    config = FatigueConfig()
    coarse, fine = Fatigue(config, 1), Fatigue(config, 1)
    coarse.step(np.array([0.4]), 100.0)
    for _ in range(1000):
        fine.step(np.array([0.4]), 0.1)
    assert coarse.state == pytest.approx(fine.state, rel=1e-9)
    coarse.step(np.array([0.4]), 1e5)
    balance = (0.4 / config.work_time) / (0.4 / config.work_time + 0.6 / config.rest_time)
    assert coarse.state == pytest.approx([balance])


def test_an_irritated_nerve_makes_one_muscle_fire_without_any_drive():
    emg = muscles(3, 5)
    rate = np.zeros((3, 2000))
    rate[1, 500:900] = 60.0
    volts = emg.read(np.zeros((3, 2000)), irritation=rate)
    assert rms(volts[1:2, 500:900]) > 5e-5
    assert np.array_equal(volts[[0, 2]], np.zeros((2, 2000)))
    assert rms(volts[1:2, :500]) == 0.0
    assert rms(volts[1:2, 1200:]) < 1e-6, "only the filter rings on"


def test_electrodes_add_gain_crosstalk_noise_hum_artefacts_and_clip():
    quiet, loud = np.zeros((3, 20000)), np.zeros((3, 20000))
    loud[1] = 0.5
    heard = muscles(3, 6, electrode=dataclasses.replace(CLEAN, crosstalk=0.2)).read(loud)
    assert 0.0 < rms(heard)[0] < 0.2 * rms(heard)[1]
    noisy = muscles(3, 6, electrode=dataclasses.replace(CLEAN, noise=5e-6)).read(quiet)
    assert rms(noisy) == pytest.approx(5e-6, rel=0.1)
    hum = muscles(3, 6, electrode=dataclasses.replace(CLEAN, hum=1e-5)).read(quiet)
    frequency, power = welch(hum[0], RATE, nperseg=1000)
    assert frequency[power.argmax()] == 50.0
    shaken = dataclasses.replace(CLEAN, artefact=2e-5)
    assert np.all(rms(muscles(3, 6, electrode=shaken).read(quiet, motion=5.0)) > 1e-6)
    assert np.array_equal(muscles(3, 6, electrode=shaken).read(quiet), quiet)
    assert np.ptp(muscles(3, 6, electrode=dataclasses.replace(CLEAN, range=1e-4)).read(loud)) == 2e-4
    gains = rms(muscles(3, 6, electrode=dataclasses.replace(CLEAN, gain_spread=0.5)).read(loud + 0.1))
    assert not np.allclose(gains, rms(muscles(3, 6).read(loud + 0.1)), rtol=0.05)
    digits = muscles(3, 6, electrode=dataclasses.replace(CLEAN, resolution=1e-6)).read(loud)
    assert np.allclose(digits / 1e-6, np.round(digits / 1e-6))


def test_an_electrode_that_comes_off_hears_the_mains_instead_of_the_muscle():
    emg = muscles(2, 7, electrode=ElectrodeConfig())
    drive = np.full((2, 4000), 0.3)
    emg.read(drive)
    emg.electrodes.off[0] = True
    emg.read(drive)
    off, on = emg.read(drive)
    frequency, power = welch(off, RATE, nperseg=1000)
    share = power[(frequency > 48) & (frequency < 52)].sum() / power.sum()
    assert share > 0.9
    frequency, power = welch(on, RATE, nperseg=1000)
    assert power[(frequency > 48) & (frequency < 52)].sum() / power.sum() < 0.3


@pytest.mark.parametrize(
    "tissue",
    [
        {"fat": 0.012}, {"thickness": 0.002}, {"fibre": 0.04}, {"endplates": 0.02}, {"electrode": 0.01},
        {"spacing": 0.03}, {"anisotropy": 2.0}, {"velocity": 3.0}, {"velocity_spread": 0.0},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_every_part_of_the_tissue_shapes_the_signal(tissue):
    drive = np.full((1, 2000), 0.3)
    assert not np.allclose(muscles(1).read(drive), muscles(1, tissue=TissueConfig(**tissue)).read(drive))


def test_fat_and_slow_fibres_lower_the_frequencies():
    def typical(**tissue):
        volts = muscles(6, tissue=TissueConfig(**tissue)).read(np.full((6, 8000), 0.3))
        return median_frequency(volts).mean()

    assert typical(fat=0.015) < 0.9 * typical()
    assert typical(velocity=3.0) < 0.9 * typical()


def test_what_is_no_emg_is_refused():
    with pytest.raises(InputError, match="at 30 Hz"):
        SurfaceEmg(2, 30.0, np.random.default_rng(0))
    with pytest.raises(InputError, match="0 muscles"):
        SurfaceEmg(0, 1000.0, np.random.default_rng(0))


def test_a_sensor_on_a_circle_feels_gravity_centripetal_acceleration_and_its_own_turning():
    period, radius, omega = 1 / 148, 0.4, 3.0
    angle = omega * period * np.arange(200)
    position = radius * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    rotation = Rotation.from_rotvec(angle[:, None] * [0.0, 0.0, 1.0]).as_matrix()
    exact = felt(position, rotation, period)
    assert exact.shape == (198, 6)
    # chord against arc: (omega period)^2 / 12 of the acceleration
    assert exact == pytest.approx(np.tile([-radius * omega**2, 0, GRAVITY, 0, 0, omega], (198, 1)), abs=2e-4)
    config = ImuConfig()
    read = Imu(config, np.random.default_rng(0)).read(position, rotation, period)
    assert read.shape == (200, 6)
    off = (read[1:-1] - exact).mean(axis=0)
    assert 1e-3 < np.abs(off[:3]).max() < 5 * config.acceleration_bias
    assert (read[1:-1] - exact).std(axis=0)[:3] == pytest.approx(config.acceleration_noise, rel=0.25)
