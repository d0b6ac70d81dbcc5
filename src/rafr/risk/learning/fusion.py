"""How the members' log odds become one probability.

The sum (product rule: J. Kittler, M. Hatef, R. Duin & J. Matas, IEEE PAMI 20:226, 1998) is Bayes' rule for
sources that are independent given the load. It learns no weights, for which there are few people, but each
member has to be calibrated. `stacked` is a logistic regression of the log odds and learns weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from rafr.geometry.rigid_transform import FloatArray

_SHRINK = 0.01  # keeps the log odds of a probability of 0 or 1 finite


def log_odds(probability: FloatArray) -> FloatArray:
    p = _SHRINK + (1.0 - 2.0 * _SHRINK) * probability
    odds: FloatArray = np.log(p / (1.0 - p))
    return odds


def curve() -> LogisticRegression:
    """Platt's, or of several members. Both classes count alike: what is judged is the load, not how often it
    was recorded.
    """
    return LogisticRegression(class_weight="balanced")


class SummedOdds(ClassifierMixin, BaseEstimator):
    """Calibrates every column of log odds by itself and adds what comes out."""

    def fit(self, X: FloatArray, y: NDArray) -> SummedOdds:
        """X: (n, members) log odds for people that were left out."""
        self.classes_ = np.unique(y)
        self.curves_ = [curve().fit(column[:, None], y) for column in X.T]
        return self

    def calibrated(self, X: FloatArray) -> FloatArray:
        """(n, members) log odds, each column by its own curve."""
        pairs = zip(self.curves_, X.T, strict=True)
        return np.stack([c.decision_function(column[:, None]) for c, column in pairs], axis=1)

    def decision_function(self, X: FloatArray) -> FloatArray:
        """(n,) log odds of the second class."""
        odds: FloatArray = self.calibrated(X).sum(axis=1)
        return odds

    def predict_proba(self, X: FloatArray) -> FloatArray:
        heavy = expit(self.decision_function(X))
        return np.stack([1.0 - heavy, heavy], axis=1)
