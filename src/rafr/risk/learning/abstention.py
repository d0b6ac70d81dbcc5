"""When a model should rather say nothing: windows unlike its people, and windows that fit both answers.

Conformal prediction (V. Vovk, A. Gammerman & G. Shafer, Algorithmic Learning in a Random World, 2005): a
score is compared with the scores of people who were left out. Unlike windows: conformal anomaly detection
(R. Laxhammar & G. Falkman, Ann Math Artif Intell 74:67, 2015) on Mahalanobis distances. Answers:
label-conditional prediction sets. Windows of one person are not exchangeable, so the levels hold on average
over people, not within each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.covariance import LedoitWolf
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from rafr.geometry.rigid_transform import FloatArray

UNLIKE, UNDECIDED = "unlike the recordings the model was trained on", "fits light and heavy alike"


class Abstention(BaseEstimator):
    """Judges whether a probability may be used.

    Args:
        unlike: share of the windows of new people of the same kind that may be refused as unlike.
        miss: share of the windows of either class whose set of answers may lack the right one.
    """

    def __init__(self, unlike: float = 0.02, miss: float = 0.1) -> None:
        self.unlike = unlike
        self.miss = miss

    def fit(
        self, X: FloatArray, y: NDArray[np.int64], held_out: FloatArray, groups: NDArray | None = None
    ) -> Abstention:
        """y: (n,) 0 or 1;  held_out: (n,) probabilities of 1 for windows of groups that were left out."""
        splits = KFold(5, shuffle=True, random_state=0).split(X)
        if groups is not None and len(np.unique(groups)) > 1:
            splits = GroupKFold(min(10, len(np.unique(groups)))).split(X, y, groups)
        scores = np.empty(len(X))
        model = make_pipeline(StandardScaler(), LedoitWolf())
        for train, test in splits:
            scores[test] = _distance(clone(model).fit(X[train]), X[test])
        self.scores_ = np.sort(scores)
        self.model_ = clone(model).fit(X)
        wrong = np.where(y == 1, 1.0 - held_out, held_out)
        self.limits_ = np.array([_conformal_quantile(wrong[y == k], self.miss) for k in (0, 1)])
        return self

    def likeness(self, X: FloatArray) -> FloatArray:
        """(n,) conformal p-values 0..1: share of the left-out windows that were as unlike or more."""
        beyond = len(self.scores_) - np.searchsorted(self.scores_, _distance(self.model_, X), "left")
        share: FloatArray = np.asarray((beyond + 1.0) / (len(self.scores_) + 1.0), dtype=float)
        return share

    def answers(self, probability: FloatArray) -> NDArray[np.bool_]:
        """(n, 2): which of the classes 0 and 1 are possible; the likelier one always is."""
        wrong = np.stack([probability, 1.0 - probability], axis=1)
        possible: NDArray[np.bool_] = (wrong <= self.limits_) | (wrong <= wrong[:, ::-1])
        return possible

    def reasons(self, X: FloatArray, probability: FloatArray) -> list[str]:
        """Per window why to abstain; empty: the probability may be used."""
        unlike = self.likeness(X) < self.unlike
        single = self.answers(probability).sum(axis=1) == 1
        return [UNLIKE if u else "" if s else UNDECIDED for u, s in zip(unlike, single, strict=True)]


def _distance(model: Pipeline, X: FloatArray) -> FloatArray:
    squared: FloatArray = model[-1].mahalanobis(model[:-1].transform(X))
    return squared


def _conformal_quantile(scores: FloatArray, miss: float) -> float:
    """The ⌈(n + 1)(1 − miss)⌉-th smallest score."""
    rank = int(np.ceil((len(scores) + 1) * (1.0 - miss)))
    return float(np.sort(scores)[min(rank, len(scores)) - 1])
