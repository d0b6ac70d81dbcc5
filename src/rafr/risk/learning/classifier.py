"""The classifier of lifting load: one model of EMG, one of IMU, one of both, calibrated and stacked on
people they have not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.learning.convolutions import RandomConvolutions
from rafr.risk.learning.fusion import SummedOdds, curve, log_odds
from rafr.risk.learning.kinds import FUSIONS, KINDS


class LoadClassifier(ClassifierMixin, BaseEstimator):
    """Probability of the second class from the columns of a window table.

    One member per source (`emg`, `imu`; `fusion` of both at once where they are fused as `features`). A
    member's probabilities for people who were left out calibrate it (Platt's logistic curve) and teach the
    `stacked` fusion how far to trust EMG and IMU; the `summed` one adds calibrated log odds.

    Args:
        names: of the columns (see `WindowTable`); those of `seq` are for the convolutions, all others for
            the rest.
        kind: of the members, one of KINDS; `mixed`: linear for the IMU, trees for the others.   fusion: one
            of FUSIONS.   folds: of the people, for calibration.
        size: trees of a forest, and steps of boosting.
    """

    def __init__(
        self,
        names: Sequence[str] = (),
        kind: str = "mixed",
        fusion: str = "stacked",
        folds: int = 4,
        size: int = 100,
        seed: int = 0,
    ) -> None:
        self.names = names
        self.kind = kind
        self.fusion = fusion
        self.folds = folds
        self.size = size
        self.seed = seed

    def fit(self, X: FloatArray, y: NDArray, groups: NDArray | None = None) -> LoadClassifier:
        """Windows of one group (a person) are never on both sides while it is calibrated.

        Without groups windows are dealt at random: what is learned of calibration and stacking is then too
            hopeful.
        """
        self.classes_, target = np.unique(y, return_inverse=True)
        if len(self.classes_) != 2:
            raise ValueError(f"{len(self.classes_)} classes, 2 are needed")
        if self.fusion not in FUSIONS:
            raise ValueError(f"fusion {self.fusion!r} is none of {', '.join(FUSIONS)}")
        self.n_features_in_ = X.shape[1]
        splits = list(self._splits(X, target, groups))
        self.odds_, self.members_ = {}, {}
        for source in dict.fromkeys(s for view in self._views() for s in self._inputs(view)):
            columns = self.columns(source)
            member = self.member(source)
            held_out = cross_val_predict(member, X[:, columns], target, cv=splits, method="predict_proba")
            self.odds_[source] = log_odds(held_out[:, 1])
            self.members_[source] = clone(member).fit(X[:, columns], target)
        self.heads_ = {}
        for view in self._views():
            head = SummedOdds() if len(self._inputs(view)) > 1 and self.fusion == "summed" else curve()
            self.heads_[view] = head.fit(self._held_out_odds(view), target)
        return self

    @property
    def held_out_(self) -> dict[str, FloatArray]:
        """By view (n,) probabilities of the second class for the training windows, by members that had not
        seen their people.
        """
        return {v: h.predict_proba(self._held_out_odds(v))[:, 1] for v, h in self.heads_.items()}

    def predict_proba(self, X: FloatArray, view: str = "fusion") -> FloatArray:
        """(n, 2) of one source; `fusion` is the only one there is where there is but one."""
        view = view if view in self.heads_ else next(iter(self.heads_))
        probabilities: FloatArray = self.heads_[view].predict_proba(self.odds(X, view))
        return probabilities

    def odds(self, X: FloatArray, view: str) -> FloatArray:
        """(n, members) log odds of the second class by each member that a view reads, not calibrated."""
        given = [self.members_[s].predict_proba(X[:, self.columns(s)])[:, 1] for s in self._inputs(view)]
        return log_odds(np.stack(given, axis=1))

    def predict(self, X: FloatArray) -> NDArray:
        chosen: NDArray = self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]
        return chosen

    def columns(self, source: str) -> NDArray[np.int64]:
        """That the member of a source reads."""
        sequences = self.kind == "convolutions"
        keep = [
            i
            for i, name in enumerate(self.names)
            if (source == "fusion" or name.startswith(f"{source} ")) and (" seq " in name) == sequences
        ]
        return np.array(keep, dtype=np.int64)

    @property
    def described(self) -> NDArray[np.int64]:
        """The columns that are features and not sequences: by them windows are judged to be like others."""
        return np.array([i for i, name in enumerate(self.names) if " seq " not in name], dtype=np.int64)

    def _views(self) -> list[str]:
        single = [s for s in ("emg", "imu") if len(self.columns(s))]
        return [*single, "fusion"] if len(single) == 2 else single

    def _inputs(self, view: str) -> tuple[str, ...]:
        return ("emg", "imu") if view == "fusion" and self.fusion != "features" else (view,)

    def _held_out_odds(self, view: str) -> FloatArray:
        """(n, members) as `odds`, for the training windows, by members that had not seen their people."""
        return np.stack([self.odds_[s] for s in self._inputs(view)], axis=1)

    def _splits(self, X: FloatArray, y: NDArray, groups: NDArray | None) -> Any:
        if groups is None or len(np.unique(groups)) < 2:
            return StratifiedKFold(self.folds, shuffle=True, random_state=self.seed).split(X, y)
        return GroupKFold(min(self.folds, len(np.unique(groups)))).split(X, y, groups)

    def member(self, source: str) -> Any:
        """A new estimator of its kind, not fitted."""
        kind = self.kind
        if kind == "mixed":
            kind = "logistic" if source == "imu" else "trees"
        if kind == "trees":
            return ExtraTreesClassifier(
                self.size, min_samples_leaf=5, class_weight="balanced", random_state=self.seed
            )
        if kind == "boosting":
            return HistGradientBoostingClassifier(
                max_iter=self.size, learning_rate=0.05, class_weight="balanced", random_state=self.seed
            )
        if kind == "logistic":
            head = LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)
            return make_pipeline(StandardScaler(), head)
        if kind == "convolutions":
            channels = len({self.names[i].rsplit(" ", 1)[0] for i in self.columns(source)})
            head = LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)
            kernels = RandomConvolutions(channels, seed=self.seed)
            return make_pipeline(StandardScaler(), kernels, StandardScaler(), head)
        raise ValueError(f"kind {self.kind!r} is none of {', '.join(KINDS)}")
