"""The forecast of a target's error against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from rafr.planning.target.uncertainty import forecast

BODY = np.random.default_rng(1).uniform(-60.0, 60.0, (80, 3))


def test_an_uncertain_place_gives_the_mean_length_of_a_gaussian_vector():
    sigma = 0.7
    covariance = np.diag([sigma**2] * 3 + [0.0] * 3)
    # Maxwell distribution: mean 1.596 sigma, 90 % quantile 2.500 sigma; 400 draws: a few per cent
    found = forecast(covariance, BODY)
    assert found.expected_mm == pytest.approx(1.596 * sigma, rel=0.05)
    assert found.bound_mm == pytest.approx(2.500 * sigma, rel=0.06)


def test_an_uncertain_turn_counts_by_its_lever():
    covariance = np.diag([0.0] * 3 + [1e-4] * 3)
    near, far = forecast(covariance, BODY), forecast(covariance, 2.0 * BODY)
    assert far.expected_mm == pytest.approx(2.0 * near.expected_mm)


def test_a_known_offset_adds_in_quadrature():
    found = forecast(np.diag([0.09] * 3 + [0.0] * 3), BODY)
    assert found.with_offset(0.4).expected_mm == pytest.approx(np.hypot(found.expected_mm, 0.4))
