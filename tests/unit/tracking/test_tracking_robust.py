"""Outliers are told from noise, and slow noise from fast."""

import numpy as np
import pytest

from rafr.tracking.calibration.robust import (
    find_outliers,
    serial_correlation,
    typical_noise,
    variance_inflation,
)


def away_from_mean(points):
    def fit(weights):
        return np.linalg.norm(points - np.average(points, axis=0, weights=weights), axis=1)

    return fit


def slow_noise(rng, memory, n=4000):
    noise = rng.normal(size=(n, 3))
    for k in range(1, n):
        noise[k] = memory * noise[k - 1] + np.sqrt(1.0 - memory**2) * noise[k]
    return noise


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4])
def test_outliers_of_a_cloud_are_found_and_hardly_anything_else(share):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(1000, 3))
    bad = np.arange(1000) < 1000 * share
    points[bad] += [40.0, 0.0, 0.0]  # all on one side: the plain mean is far off
    found = find_outliers(away_from_mean(points), 1000, dof=3)
    assert found[bad].all()
    assert found[~bad].mean() < 0.005  # one in a thousand is meant to be lost


def test_noise_is_read_off_the_median():
    lengths = np.linalg.norm(np.random.default_rng(0).normal(0, 0.3, (20000, 3)), axis=1)
    lengths[:4000] = 100.0
    assert typical_noise(lengths[4000:], 3) == pytest.approx(0.3, rel=0.02)
    assert typical_noise(lengths, 3) < 0.4  # a fifth of nonsense moves it little


def test_correlation_of_slow_noise_is_found_and_of_fast_noise_is_none():
    rng = np.random.default_rng(0)
    assert serial_correlation([slow_noise(rng, 0.8)]) == pytest.approx(0.8, abs=0.03)
    assert serial_correlation([rng.normal(size=(4000, 3))]) == 0.0
    assert serial_correlation([np.full((50, 3), 1e-13)]) == 0.0  # rounding


def test_stretches_are_not_joined():
    one = np.ones((50, 1))
    assert serial_correlation([one, -one]) == pytest.approx(0.98)  # 98 pairs of 100 agree, none disagree


def test_mean_of_slow_noise_varies_as_much_more_as_foretold():
    rng = np.random.default_rng(1)
    means = [slow_noise(rng, 0.7, 200).mean(axis=0) for _ in range(300)]
    # 10 %: 900 numbers; the formula is for long stretches
    assert np.var(means) * 200 == pytest.approx(variance_inflation(0.7), rel=0.1)
