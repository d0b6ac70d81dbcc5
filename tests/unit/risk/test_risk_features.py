"""Features against signals whose answer is known, and against a plain loop."""

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.risk.features import emg, imu
from rafr.risk.features.table import WindowConfig, features_at, streams_of, window_table
from rafr.risk.windows import cut, starts_every

RATE = 1000.0


def of_sine(hertz, amplitude=1e-3, seconds=2.0, **options):
    t = np.arange(round(seconds * RATE)) / RATE
    windows = amplitude * np.sin(2 * np.pi * hertz * t)[None, None]
    return dict(zip(emg.feature_names(["m"]), emg.emg_features(windows, RATE, **options)[0], strict=True))


def test_a_sine_has_its_own_amplitude_frequency_and_crossings():
    f = of_sine(83.0)
    assert f["emg m log_rms"] == pytest.approx(np.log(1e-3 / np.sqrt(2)), abs=1e-3)
    assert f["emg m log_mav"] == pytest.approx(np.log(2e-3 / np.pi), abs=1e-3)
    assert f["emg m zc"] == pytest.approx(2 * 83.0, rel=0.02)
    assert f["emg m ssc"] == pytest.approx(2 * 83.0, rel=0.02)
    assert f["emg m mnf"] == pytest.approx(83.0, abs=0.5)
    assert f["emg m mdf"] == pytest.approx(83.0, abs=0.5)
    assert f["emg m log_wl"] == pytest.approx(np.log(4e-3 * 83.0), abs=0.02)  # four amplitudes a period
    assert f["emg m band_60_100"] == pytest.approx(1.0)


def test_amplitudes_are_relative_to_the_reference():
    plain, relative = of_sine(83.0), of_sine(83.0, reference=np.array([2e-3]))
    for name, value in plain.items():
        shift = np.log(2e-3) if "log_" in name else 0.0
        assert relative[name] == pytest.approx(value - shift, abs=1e-3)


def test_hum_and_drift_do_not_count():
    rng = np.random.default_rng(0)
    t = np.arange(2000) / RATE
    clean = 1e-4 * rng.normal(size=(1, 1, 2000))
    dirty = clean + 5e-4 * np.sin(2 * np.pi * 50.0 * t) + 1e-3 + 5e-4 * np.sin(2 * np.pi * 3.0 * t)
    a, b = (emg.emg_features(w, RATE)[0] for w in (clean, dirty))
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
    kept = emg.emg_features(dirty, RATE, config=emg.EmgFeatureConfig(mains_hz=0.0))[0]
    assert kept[1] > a[1] + 1.0


def test_the_median_frequency_of_white_noise_is_the_middle_of_the_band():
    windows = np.random.default_rng(1).normal(size=(1, 200, 1000))
    found = emg.median_frequency(windows, RATE, emg.EmgFeatureConfig(mains_hz=0.0))
    assert found.mean() == pytest.approx(0.5 * (20 + 450), abs=2.0)


def test_windows_are_those_of_a_plain_loop():
    signal = np.random.default_rng(2).normal(size=(3, 50))
    starts = starts_every(50, 12, 7)
    assert starts.tolist() == [0, 7, 14, 21, 28, 35]
    np.testing.assert_array_equal(
        cut(signal, starts, 12), np.stack([signal[:, s : s + 12] for s in starts], 1)
    )


def test_a_still_sensor_tells_where_down_is():
    down = np.array([0.0, 0.6, 0.8])
    acc = np.repeat(9.81 * down[None, :, None, None], 200, axis=3)
    gyro = np.zeros_like(acc)
    gyro[0, 2] = 0.5  # rad/s about z
    f = dict(zip(imu.feature_names(["s"]), imu.imu_features(acc, gyro, 100.0)[0], strict=True))
    assert [f[f"imu s gravity {a}"] for a in "xyz"] == pytest.approx(down)
    assert f["imu s acc mean"] == pytest.approx(9.81)
    assert f["imu s tilt range"] == pytest.approx(0.0, abs=1e-6)
    assert f["imu s turn"] == pytest.approx(0.5 * 2.0)  # two seconds of it


def test_jerk_and_frequency_of_a_swing_are_those_of_its_sine():
    t = np.arange(400) / 200.0
    acc, gyro = np.zeros((1, 3, 1, 400)), np.zeros((1, 3, 1, 400))
    acc[0, 0, 0] = 2.0 * np.sin(2 * np.pi * 1.5 * t)
    gyro[0, 1, 0] = np.sin(2 * np.pi * 4.0 * t)
    f = dict(zip(imu.feature_names(["s"]), imu.imu_features(acc, gyro, 200.0)[0], strict=True))
    assert f["imu s log_jerk"] == pytest.approx(np.log(2.0 * 2 * np.pi * 1.5 / np.sqrt(2)), abs=0.01)
    assert f["imu s gyro mnf"] == pytest.approx(4.0, abs=0.05)


def test_a_window_alone_has_the_features_it_has_in_its_recording(lifters):
    from dataclasses import replace

    r, config = lifters[0], WindowConfig(length=2.0)
    at = 3.0
    a, b = (round(at * rate) for rate in (r.emg_rate, r.imu_rate))
    alone = replace(r, emg=r.emg[:, a:][:, : round(2 * r.emg_rate)], acc=r.acc[..., b:], gyro=r.gyro[..., b:])
    inside = features_at(r, np.array([1.0, at]), config)[1]
    np.testing.assert_allclose(features_at(alone, np.zeros(1), config)[0], inside, rtol=1e-9, atol=1e-12)


def test_every_field_of_the_window_config_is_read(lifters):
    base = window_table(lifters[:2], WindowConfig())
    assert len(window_table(lifters[:2], WindowConfig(step=1.0))) < len(base)
    assert len(window_table(lifters[:2], WindowConfig(length=5.0))) < len(base)
    sequences = window_table(lifters[:2], WindowConfig(sequence_hz=10.0))
    # 4 EMG channels, 4 sensors of 6 axes, 30 values each
    assert len(sequences.names) == len(base.names) + 30 * (4 + 24) == sequences.features.shape[1]
    for option in ({"low_hz": 60.0}, {"high_hz": 200.0}, {"mains_width": 4.0}, {"threshold": 0.5}):
        other = window_table(lifters[:2], WindowConfig(emg=emg.EmgFeatureConfig(**option)))
        assert not np.allclose(other.features, base.features)


def test_recordings_of_other_sensors_or_without_reference_do_not_mix(lifters):
    from dataclasses import replace

    renamed = replace(lifters[1], emg_names=("a", "b", "c", "d"))
    assert streams_of(renamed) != streams_of(lifters[0])
    with pytest.raises(InputError, match="channels or rates differ"):
        window_table([lifters[0], renamed])
    with pytest.raises(InputError, match="no recording of maximum contractions"):
        window_table([lifters[0], replace(lifters[1], reference=np.empty(0))])
    with pytest.raises(InputError, match="no labelled window"):
        window_table(lifters, WindowConfig(length=50.0))
