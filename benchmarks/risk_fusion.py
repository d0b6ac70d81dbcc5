"""Which fusion of EMG and IMU judges new virtual people best: members once, rules on what they said.

python benchmarks/risk_fusion.py members FOLDER --seeds 0,1,2,3
python benchmarks/risk_fusion.py rules FOLDER --seeds 0,1,2,3 [--only emg,imu,stacked,summed] [--json FILE]

members: ten people (synthetic) of each seed, each left out; the log odds of every member for the windows of
the person left out and, by people left out in turn among the others, for the training windows. rules: every
rule learns from the latter and judges the former; balanced accuracy by person, paired differences to EMG.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score, brier_score_loss
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from rafr import __version__
from rafr.errors import InputError, RafrError
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.features.table import WindowTable, window_table
from rafr.risk.learning.classifier import LoadClassifier
from rafr.risk.learning.fusion import SummedOdds, curve, log_odds
from rafr.risk.learning.validation import group_splits, target_of
from rafr.risk.lifting.session import simulate_people

MEMBERS = ("emg", "imu", "beside", "freed")  # the last two: EMG with motion beside it, EMG freed of motion
MOTION = (
    *("acc std", "acc range", "gyro std", "gyro mean", "gyro smoothness"),
    *("tilt std", "tilt range", "turn", "log_jerk"),
)
_SHRINKAGE = 0.1  # of weights to their mean, beside a mean logistic loss
_RIDGE = 0.1  # per window


class ShrunkOdds(SummedOdds):
    """Weights that are not negative and are drawn to equal ones, on calibrated log odds."""

    def fit(self, X: FloatArray, y: NDArray) -> ShrunkOdds:
        super().fit(X, y)
        sign = np.where(y == self.classes_[1], 1.0, -1.0)
        share = np.where(sign > 0, 0.5 / np.mean(sign > 0), 0.5 / np.mean(sign < 0))
        odds = self.calibrated(X)

        def loss(weights: FloatArray) -> tuple[float, FloatArray]:
            margin, spread = sign * (odds @ weights), weights - weights.mean()
            slope = -share * sign * expit(-margin)
            value = np.mean(share * np.logaddexp(0.0, -margin)) + _SHRINKAGE * np.sum(spread**2)
            return float(value), (odds * slope[:, None]).mean(axis=0) + 2.0 * _SHRINKAGE * spread

        begin, bounds = np.full(X.shape[1], 1.0 / X.shape[1]), [(0.0, None)] * X.shape[1]
        self.weights_ = minimize(loss, begin, jac=True, bounds=bounds, method="L-BFGS-B").x
        return self

    def decision_function(self, X: FloatArray) -> FloatArray:
        odds: FloatArray = self.calibrated(X) @ self.weights_
        return odds


RULES: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    **{name: (curve, (name,)) for name in MEMBERS},
    "stacked": (curve, ("emg", "imu")),
    "summed": (SummedOdds, ("emg", "imu")),
    "shrunk": (ShrunkOdds, ("emg", "imu")),
    "stacked+beside": (curve, ("emg", "imu", "beside")),
    "summed+beside": (SummedOdds, ("emg", "imu", "beside")),
    "shrunk+beside": (ShrunkOdds, ("emg", "imu", "beside")),
    "stacked+freed": (curve, ("emg", "imu", "freed")),
    "summed+freed": (SummedOdds, ("emg", "imu", "freed")),
    "shrunk+freed": (ShrunkOdds, ("emg", "imu", "freed")),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=("members", "rules"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="0,1,2,3")
    parser.add_argument("--only", default=",".join(RULES), help="rules, commas between")
    parser.add_argument("--json", metavar="FILE", type=Path)
    args = parser.parse_args()
    seeds = [int(s) for s in args.seeds.split(",")]
    try:
        if args.action == "members":
            for seed in seeds:
                save_members(args.folder / f"{seed}.npz", seed)
            return 0
        rows = compared(args.folder, seeds, args.only.split(","))
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 2
    if args.json:
        report = {"version": __version__, "synthetic": True, "seeds": seeds, "rows": rows}
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def save_members(path: Path, seed: int) -> None:
    """`target`, `person` (n,); `test` (n, members); `inner` (people, n, members), NaN where left out."""
    table = window_table(simulate_people(10, seed))
    motion = motion_of(table)
    names = (*(n for n in table.names if n.startswith("emg ")), *(f"emg motion {n}" for n in MOTION))
    beside = np.concatenate([table.features[:, table.columns("emg")], motion], axis=1)
    y, people = target_of(table), np.unique(table.subject)
    test = np.empty((len(table), len(MEMBERS)))
    inner = np.full((len(people), *test.shape), np.nan)
    for k, (_, train, left) in enumerate(group_splits(table, table.subject)):
        given = y[train], table.subject[train]
        model = LoadClassifier(table.names).fit(table.features[train], *given)
        other = LoadClassifier(names).fit(beside[train], *given)
        test[left, :2], test[left, 2:3] = (
            model.odds(table.features[left], "fusion"),
            other.odds(beside[left], "emg"),
        )
        inner[k, train, :2] = np.stack([model.odds_[m] for m in MEMBERS[:2]], axis=1)
        inner[k, train, 2] = other.odds_["emg"]
        for a, b in GroupKFold(model.folds).split(train, *given):
            inner[k, train[b], 3] = freed_odds(table, motion, train[a], train[b])
        test[left, 3] = freed_odds(table, motion, train, left)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, target=y, person=table.subject, test=test, inner=inner)
    print(f"{path}: {len(table)} windows of {len(people)} people", flush=True)


def motion_of(table: WindowTable) -> FloatArray:
    """(n, MOTION) means over the sensors."""
    sensors = {n.split(" ")[1] for n in table.names if n.startswith("imu ")}
    columns = [[table.names.index(f"imu {s} {name}") for s in sorted(sensors)] for name in MOTION]
    return np.stack([table.features[:, c].mean(axis=1) for c in columns], axis=1)


def freed_odds(table: WindowTable, motion: FloatArray, train: NDArray, test: NDArray) -> FloatArray:
    """Log odds from EMG less what motion explains of it within each person and load (ridge regression)."""
    y, emg = target_of(table), table.columns("emg")
    names = [table.names[c] for c in emg]
    scaled = StandardScaler().fit(motion[train])
    seen, given = scaled.transform(motion[train]), table.features[np.ix_(train, emg)]
    visits = np.unique(
        [f"{s} {k}" for s, k in zip(table.subject[train], y[train], strict=True)], return_inverse=True
    )[1]
    explained = Ridge(_RIDGE * len(train), fit_intercept=False).fit(
        within(seen, visits), within(given, visits)
    )
    model = LoadClassifier(names).member("emg").fit(given - explained.predict(seen), y[train])
    new = table.features[np.ix_(test, emg)] - explained.predict(scaled.transform(motion[test]))
    return log_odds(model.predict_proba(new)[:, 1])


def within(values: FloatArray, groups: NDArray) -> FloatArray:
    """Less each group's mean."""
    left = values.copy()
    for group in np.unique(groups):
        left[groups == group] -= left[groups == group].mean(axis=0)
    return left


def compared(folder: Path, seeds: list[int], rules: list[str]) -> list[dict[str, Any]]:
    """By rule: balanced accuracy (mean, worst, by seed), Brier score, difference to EMG, 95 % interval."""
    for rule in rules:
        if rule not in RULES:
            raise InputError("--only", f"{rule}", f"one of {', '.join(RULES)}")
    scores: dict[str, list[tuple[float, float]]] = {rule: [] for rule in rules}
    for seed in seeds:
        with np.load(folder / f"{seed}.npz") as saved:
            y, person, test, inner = (saved[k] for k in ("target", "person", "test", "inner"))
        for k, name in enumerate(np.unique(person)):
            train, left = person != name, person == name
            for rule in rules:
                head, members = RULES[rule]
                columns = [MEMBERS.index(m) for m in members]
                said = (
                    head()
                    .fit(inner[k][train][:, columns], y[train])
                    .predict_proba(test[left][:, columns])[:, 1]
                )
                scores[rule].append(
                    (balanced_accuracy_score(y[left], said > 0.5), brier_score_loss(y[left], said))
                )
    rows = []
    usual = np.array(scores["emg"])[:, 0]
    for rule in rules:
        accuracy, brier = np.array(scores[rule]).T
        row = {
            "rule": rule,
            "people": len(accuracy),
            "balanced_accuracy": accuracy.mean(),
            "worst": accuracy.min(),
        }
        row |= {"brier": brier.mean(), "by_seed": accuracy.reshape(len(seeds), -1).mean(axis=1).tolist()}
        rows.append(row | difference(accuracy - usual))
        print(json.dumps(rows[-1], default=float), flush=True)
    return rows


def difference(by_person: FloatArray) -> dict[str, Any]:
    """Mean over people and its 95 % bootstrap interval (10000 draws of people, seed 0)."""
    draws = np.random.default_rng(0).integers(0, len(by_person), (10000, len(by_person)))
    low, high = np.quantile(by_person[draws].mean(axis=1), (0.025, 0.975))
    better, worse = int(np.sum(by_person > 0)), int(np.sum(by_person < 0))
    return {"difference": by_person.mean(), "interval": [low, high], "better": better, "worse": worse}


if __name__ == "__main__":
    sys.exit(main())
