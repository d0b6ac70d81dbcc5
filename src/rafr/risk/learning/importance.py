"""What a model listens to: how much worse it judges new people when a group of columns is shuffled among
their windows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score

from rafr.risk.features.table import WindowTable
from rafr.risk.learning.classifier import LoadClassifier
from rafr.risk.learning.validation import target_of


class PermutationImportance:
    """Collects drops of balanced accuracy over left-out people (`look` of `leave_one_group_out`).

    Columns are shuffled by group (sensor, and family of features), not one by one: the others of a group
    would tell what one column hides.
    """

    def __init__(self, table: WindowTable, repeats: int = 3, seed: int = 0) -> None:
        self._table, self._y = table, target_of(table)
        self._repeats, self._rng = repeats, np.random.default_rng(seed)
        self._drops: dict[str, list[float]] = {}

    def look(self, model: LoadClassifier, test: NDArray) -> None:
        X, y = self._table.features[test], self._y[test]
        if len(np.unique(y)) < 2:
            return
        whole = balanced_accuracy_score(y, model.predict_proba(X)[:, 1] > 0.5)
        for group, columns in column_groups(self._table.names).items():
            drops = []
            for _ in range(self._repeats):
                shuffled = X.copy()
                shuffled[:, columns] = X[self._rng.permutation(len(X))][:, columns]
                said = model.predict_proba(shuffled)[:, 1] > 0.5
                drops.append(whole - balanced_accuracy_score(y, said))
            self._drops.setdefault(group, []).append(float(np.mean(drops)))

    def result(self) -> dict[str, dict[str, float]]:
        """Per group the mean drop and its standard error over people, largest first."""
        ordered = sorted(self._drops.items(), key=lambda item: -float(np.mean(item[1])))
        return {
            group: {"drop": float(np.mean(v)), "standard_error": float(np.std(v, ddof=1) / np.sqrt(len(v)))}
            for group, v in ordered
            if len(v) > 1
        }


def column_groups(names: tuple[str, ...]) -> dict[str, list[int]]:
    """Columns by sensor (`emg right_biceps`) and by family (`emg amplitude`, `imu orientation`, …)."""
    groups: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        source, sensor, feature = name.split(" ", 2)
        groups.setdefault(f"{source} {sensor}", []).append(column)
        groups.setdefault(f"{source} {_family(source, feature)}", []).append(column)
    return groups


def _family(source: str, feature: str) -> str:
    if "seq " in feature:
        return "sequences"
    if source == "emg":
        if feature.startswith(("log_", "crest", "bursts")):
            return "amplitude"
        return "spectrum" if feature.startswith(("m", "band")) else "crossings and turns"
    if feature.startswith(("gravity", "tilt", "turn")):
        return "orientation"
    return "smoothness" if "jerk" in feature or "smooth" in feature or "mnf" in feature else "motion"
