"""What many patients say together: distributions and shares with intervals, and which goals are reached."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rafr.campaign.result import GOAL_DEG, GOAL_MM, GOAL_P95_MM, OUTCOMES, REDUCED, PatientResult
from rafr.geometry.rigid_transform import FloatArray

CONFIDENCE = 0.95
_RESAMPLES = 4000
_SEED = 0  # of the resampling: the same results give the same intervals
# Zhao 2023, Injury 54:604: robot-assisted reduction of unstable pelvic fractures, 22 patients
PUBLISHED: dict[str, Any] = {
    "source": "Zhao et al. 2023, Injury 54:604",
    "n": 22,
    "to_plan_mm": {"mean": 3.41, "sd": 1.83},
    "residual_mm": {"mean": 4.61, "sd": 3.29},
    "matta": {"excellent": 16, "good": 5, "fair": 1, "poor": 0},
}
GRADES = ("excellent", "good", "fair", "poor")
_QUANTITIES: dict[str, Callable[[PatientResult], float | None]] = {
    "residual_mm": lambda r: r.worst("residual_mm"),
    "residual_deg": lambda r: r.worst("residual_deg"),
    "to_plan_mm": lambda r: r.worst("to_plan_mm"),
    "to_plan_deg": lambda r: r.worst("to_plan_deg"),
    "plan_mm": lambda r: r.worst("plan_mm"),
    "plan_deg": lambda r: r.worst("plan_deg"),
    "registered_mm": lambda r: r.worst("registered_mm"),
    "matta_mm": lambda r: r.worst("matta_mm"),
    "peak_force_n": lambda r: r.held_force_n,
    "peak_torque_nm": lambda r: None if r.held_force_n is None else r.peak_torque_nm,
}
_STATISTICS: dict[str, Callable[..., Any]] = {
    "mean": np.mean,
    "sd": lambda x, axis=-1: np.std(x, axis=axis, ddof=1),
    "median": np.median,
    "p95": lambda x, axis=-1: np.quantile(x, 0.95, axis=axis),
}


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal: `reached` says of these patients, `shown` that the whole interval says so, too."""

    name: str
    wanted: str
    value: float | None
    interval: tuple[float, float] | None
    n: int
    reached: bool
    shown: bool

    def to_json(self) -> dict[str, Any]:
        interval = None if self.interval is None else list(self.interval)
        names = ("name", "wanted", "value", "n", "reached", "shown")
        return {**{name: getattr(self, name) for name in names}, "interval": interval}


def distribution(values: Sequence[float]) -> dict[str, Any]:
    """n, mean, sd, median, p95, max, and `intervals` (95 %, bootstrap) of all but the largest.

    Of fewer than two values there is no spread and no interval: None.
    """
    x = np.asarray(values, dtype=float)
    if not len(x):
        return {"n": 0, **dict.fromkeys([*_STATISTICS, "max"]), "intervals": dict.fromkeys(_STATISTICS)}
    known = {name: _finite(f(x)) if len(x) > 1 or name != "sd" else None for name, f in _STATISTICS.items()}
    intervals = {name: _bootstrap(x, f) for name, f in _STATISTICS.items()}
    return {"n": len(x), **known, "max": float(x.max()), "intervals": intervals}


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _bootstrap(x: FloatArray, statistic: Callable[..., Any]) -> list[float] | None:
    from scipy.stats import bootstrap

    if len(x) < 2:
        return None
    answer = bootstrap(
        (x,), statistic, n_resamples=_RESAMPLES, confidence_level=CONFIDENCE, method="percentile",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval  # fmt: skip
    return [float(answer.low), float(answer.high)]


def share(count: int, n: int) -> dict[str, Any]:
    """A share with its Clopper–Pearson interval, which holds at least what it says."""
    from scipy.stats import binomtest

    if n == 0:
        return {"count": 0, "n": 0, "share": None, "interval": None}
    interval = binomtest(count, n).proportion_ci(CONFIDENCE, method="exact")
    return {
        "count": count,
        "n": n,
        "share": count / n,
        "interval": [float(interval.low), float(interval.high)],
    }


def summary(results: Sequence[PatientResult]) -> dict[str, Any]:
    """Everything a campaign says, as JSON.

    Distances are those of a patient's worst body, over the patients whose bodies were all reduced; shares
    are over all patients. Forces are over all in whom the arm held a fragment.
    """
    reduced = [r for r in results if r.outcome == REDUCED]
    quantities = {
        name: _values(results if name.startswith("peak") else reduced, name) for name in _QUANTITIES
    }
    goals = _goals(results, quantities)
    return {
        "n": len(results),
        "outcomes": {name: share(_count(results, name), len(results)) for name in OUTCOMES},
        "matta": {
            "of_all": {g: share(sum(r.grade == g for r in results), len(results)) for g in GRADES},
            "of_reduced": {g: share(sum(r.grade == g for r in reduced), len(reduced)) for g in GRADES},
        },
        "quantities": {name: distribution(values) for name, values in quantities.items()},
        "goals": [goal.to_json() for goal in goals],
        "reached": all(goal.reached for goal in goals),
        "by_fracture": _by_fracture(results),
        "reasons": _reasons(results),
        "seconds": _seconds(results),
        "versions": _versions(results),
        "published": PUBLISHED,
    }


def _values(results: Sequence[PatientResult], name: str) -> list[float]:
    found = (_QUANTITIES[name](result) for result in results)
    return [value for value in found if value is not None]


def _count(results: Sequence[PatientResult], outcome: str) -> int:
    return sum(result.outcome == outcome for result in results)


def breach(result: PatientResult) -> bool:
    """Whether the true force at the clamp went beyond the controller's limit."""
    force, limit = result.held_force_n, result.force_limit_n
    return force is not None and limit is not None and force > limit


def _goals(results: Sequence[PatientResult], quantities: dict[str, list[float]]) -> list[Goal]:
    excellent = share(sum(r.grade == "excellent" for r in results), len(results))
    held = [r for r in results if r.held_force_n is not None]
    breaches = share(sum(map(breach, held)), len(held))
    mm, deg = distribution(quantities["residual_mm"]), distribution(quantities["residual_deg"])
    return [
        _at_least("Matta excellent, of all patients", "≥ 0.99", excellent, 0.99),
        _at_most("mean residual, mm", "≤ 1 mm", mm, "mean", GOAL_MM),
        _at_most("mean residual, degrees", "≤ 1°", deg, "mean", GOAL_DEG),
        replace(
            _at_most("95th percentile of the residual, mm", "≤ 2 mm", mm, "p95", GOAL_P95_MM),
            shown=_p95_below(quantities["residual_mm"], GOAL_P95_MM),
        ),
        # no interval of a share excludes all but 0: none is shown, its upper end says how rare they may be
        Goal(
            "patients with a force beyond the limit",
            "none",
            breaches["share"],
            breaches["interval"] and tuple(breaches["interval"]),
            breaches["n"],
            reached=breaches["n"] > 0 and breaches["count"] == 0,
            shown=False,
        ),
    ]


def _at_least(name: str, wanted: str, found: dict[str, Any], limit: float) -> Goal:
    value, interval = found["share"], found["interval"]
    reached = value is not None and value >= limit
    shown = interval is not None and interval[0] >= limit
    return Goal(name, wanted, value, interval and tuple(interval), found["n"], reached, shown)


def _at_most(name: str, wanted: str, found: dict[str, Any], statistic: str, limit: float) -> Goal:
    value, interval = found[statistic], found["intervals"][statistic]
    reached = value is not None and value <= limit
    shown = reached and interval is not None and interval[1] <= limit
    return Goal(name, wanted, value, interval and tuple(interval), found["n"], reached, shown)


def _p95_below(values: Sequence[float], limit: float) -> bool:
    """Whether the 95th percentile lies below a limit for certain, by order statistics.

    A bootstrap of few values never sees what lies beyond the largest of them; this needs 72 at least.
    """
    from scipy.stats import quantile_test

    if len(values) < 2:
        return False
    high = quantile_test(values, q=limit, p=0.95).confidence_interval(CONFIDENCE).high
    return bool(high <= limit)  # NaN where there are too few


def _by_fracture(results: Sequence[PatientResult]) -> dict[str, Any]:
    kinds = dict.fromkeys(r.patient.fracture for r in sorted(results, key=lambda r: r.patient.fracture))
    return {kind: _kind([r for r in results if r.patient.fracture == kind]) for kind in kinds}


def _kind(own: Sequence[PatientResult]) -> dict[str, Any]:
    reduced = [r for r in own if r.outcome == REDUCED]
    mm, deg = _values(reduced, "residual_mm"), _values(reduced, "residual_deg")
    forces = _values(own, "peak_force_n")
    return {
        "n": len(own),
        **{outcome: _count(own, outcome) for outcome in OUTCOMES},
        **{grade: sum(r.grade == grade for r in own) for grade in GRADES},
        "residual_mm": {"mean": float(np.mean(mm)), "max": max(mm)} if mm else None,
        "residual_deg": {"mean": float(np.mean(deg)), "max": max(deg)} if deg else None,
        "peak_force_n": max(forces, default=None),
    }


def _reasons(results: Sequence[PatientResult]) -> list[dict[str, Any]]:
    """Why patients were not reduced, alike but for numbers and sides, the most frequent first."""
    stopped = [r for r in results if r.outcome != REDUCED]
    kinds = Counter((r.outcome, r.stage, _kind_of_reason(r.reason)) for r in stopped)
    return [
        {"outcome": outcome, "stage": stage, "reason": reason, "count": count}
        for (outcome, stage, reason), count in kinds.most_common()
    ]


def _kind_of_reason(reason: str) -> str:
    sideless = re.sub(r"\b(left|right)([ _])", "", reason)
    return re.sub(r"\d+(\.\d+)?", "#", sideless)


def _seconds(results: Sequence[PatientResult]) -> dict[str, Any]:
    """Median and longest processor time by stage, and wall time of a patient."""
    stages = dict.fromkeys(stage for result in results for stage in result.seconds)
    columns = {stage: [r.seconds[stage] for r in results if stage in r.seconds] for stage in stages}
    columns["wall"] = [r.wall_s for r in results]
    return {
        name: {"median": float(np.median(values)), "max": max(values)}
        for name, values in columns.items()
        if values
    }


def _versions(results: Sequence[PatientResult]) -> dict[str, list[str]]:
    """Of every package, all that took part: a campaign may go on after an update."""
    names = dict.fromkeys(name for result in results for name in result.versions)
    return {name: sorted({r.versions[name] for r in results if name in r.versions}) for name in names}


def worst_cases(results: Sequence[PatientResult], most: int) -> list[PatientResult]:
    """Those not reduced first, then those with the largest residual."""

    def rank(result: PatientResult) -> tuple[int, float]:
        order = ("failed", "held", "refused", "reduced").index(result.outcome)
        return order, -(result.worst("residual_mm") or 0.0)

    return sorted(results, key=rank)[:most]
