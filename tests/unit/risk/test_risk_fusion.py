"""Log odds of several members become one probability: Bayes' rule, where they are independent."""

import numpy as np
import pytest
from scipy.special import expit

from rafr.risk.learning.fusion import SummedOdds, log_odds


def independent(n, seed, scale):
    """Labels and (n, members) scores that are normal given the label; `scale` turns log odds into scores."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    apart = np.array([1.0, 2.0])  # distance of the classes' means, unit variance
    x = rng.normal(size=(n, 2)) + apart * (y[:, None] - 0.5)
    return y, x * scale, x @ apart  # the last: true log odds of both


def test_members_out_of_scale_are_calibrated_and_their_sum_is_bayes_rule():
    y, x, _ = independent(20000, 0, np.array([0.1, 10.0]))
    _, new, truth = independent(2000, 1, np.array([0.1, 10.0]))
    fused = SummedOdds().fit(x, y)
    # 20000 samples tell a slope within 3 %
    assert fused.decision_function(new) == pytest.approx(truth, rel=0.05, abs=0.15)
    assert fused.predict_proba(new)[:, 1] == pytest.approx(expit(truth), abs=0.03)
    assert fused.predict_proba(new).sum(axis=1) == pytest.approx(np.ones(2000))


def test_a_member_that_knows_nothing_changes_little():
    y, x, _ = independent(4000, 2, 1.0)
    noise = np.random.default_rng(3).normal(size=(4000, 1))
    alone, both = SummedOdds().fit(x, y), SummedOdds().fit(np.hstack([x, noise]), y)
    found = both.decision_function(np.hstack([x, noise]))
    assert found == pytest.approx(alone.decision_function(x), abs=0.2)


def test_how_often_a_class_was_recorded_does_not_move_the_threshold():
    y, x, _ = independent(20000, 4, 1.0)
    rare = np.flatnonzero((y == 0) | (np.arange(len(y)) % 10 == 0))
    even, uneven = SummedOdds().fit(x, y), SummedOdds().fit(x[rare], y[rare])
    assert uneven.decision_function(x) == pytest.approx(even.decision_function(x), rel=0.1, abs=0.25)


def test_log_odds_of_certainty_are_finite():
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
    assert log_odds(np.array([0.5]))[0] == 0.0
    assert np.diff(log_odds(np.linspace(0.0, 1.0, 11))).min() > 0.0
