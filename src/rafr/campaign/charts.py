"""The distributions of a campaign as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rafr.campaign.result import GOAL_MM, GOAL_P95_MM, REDUCED, PatientResult
from rafr.campaign.statistics import PUBLISHED
from rafr.files import written_whole

_BINS = 24
_HEADROOM = 1.35  # of the highest bar, for the legend
_SEED = 0  # of the jitter that keeps points of a kind apart


@dataclass(frozen=True, slots=True)
class _Mark:
    """A vertical line across a histogram."""

    at: float
    label: str
    style: str = "-"
    colour: str = "0.3"


_MM = (
    _Mark(GOAL_MM, "goal of the mean"),
    _Mark(GOAL_P95_MM, "goal of the 95th percentile", ":"),
    _Mark(PUBLISHED["residual_mm"]["mean"], f"published mean, n = {PUBLISHED['n']}", "--", "C1"),
)
_TO_PLAN = (_Mark(PUBLISHED["to_plan_mm"]["mean"], f"published mean, n = {PUBLISHED['n']}", "--", "C1"),)


def save_charts(path: Path, results: Sequence[PatientResult]) -> None:
    """Residuals, plan errors, forces and residuals by fracture kind; one point or count is one patient.

    Args:
        path: PNG file, written whole.
    """
    from matplotlib.figure import Figure

    reduced = [r for r in results if r.outcome == REDUCED]
    figure = Figure(figsize=(12, 7), layout="constrained")
    axes = figure.subplots(2, 3)
    _histogram(axes[0, 0], _known(reduced, "residual_mm"), "residual to the truth, mm", _MM)
    _histogram(axes[0, 1], _known(reduced, "residual_deg"), "residual to the truth, °", _MM[:1])
    _histogram(axes[0, 2], _known(reduced, "to_plan_mm"), "left to the plan, mm", _TO_PLAN)
    _plan_against_residual(axes[1, 0], reduced)
    _histogram(axes[1, 1], *_forces(results))
    _by_kind(axes[1, 2], reduced)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _known(results: Sequence[PatientResult], quantity: str) -> list[float]:
    values = (result.worst(quantity) for result in results)
    return [value for value in values if value is not None]


def _histogram(axis: Any, values: Sequence[float], label: str, marks: Sequence[_Mark]) -> None:
    from matplotlib.ticker import MaxNLocator

    right = 1.04 * max([*values, *(mark.at for mark in marks)], default=1.0)
    counts, _, _ = axis.hist(values, bins=np.linspace(0.0, right, _BINS), color="C0")
    for mark in marks:
        axis.axvline(mark.at, color=mark.colour, ls=mark.style, lw=1.2, label=mark.label)
    if marks:
        axis.legend(framealpha=1.0, edgecolor="none", fontsize=8, loc="upper right")
    axis.set_xlim(0.0, right)
    axis.set_ylim(0.0, max(1.0, _HEADROOM * counts.max()))
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel(label)
    axis.set_ylabel(f"patients (n = {len(values)})")


def _forces(results: Sequence[PatientResult]) -> tuple[list[float], str, list[_Mark]]:
    forces = [r.held_force_n for r in results if r.held_force_n is not None]
    limits = {r.force_limit_n for r in results if r.force_limit_n is not None}
    marks = [_Mark(limit, "limit", "-", "C3") for limit in sorted(limits)]
    return forces, "largest true force at the clamp, N", marks


def _plan_against_residual(axis: Any, reduced: Sequence[PatientResult]) -> None:
    pairs = [(r.worst("plan_mm"), r.worst("residual_mm")) for r in reduced]
    known = np.array([p for p in pairs if None not in p], dtype=float).reshape(-1, 2)
    axis.plot(known[:, 0], known[:, 1], "o", ms=4, alpha=0.7)
    most = 1.05 * known.max() if len(known) else 1.0
    axis.plot([0.0, most], [0.0, most], color="0.3", lw=0.8)
    axis.set_xlim(0.0, most)
    axis.set_ylim(0.0, most)
    axis.set_aspect("equal")
    axis.set_xlabel("error of the plan, mm")
    axis.set_ylabel("residual, mm")


def _by_kind(axis: Any, reduced: Sequence[PatientResult]) -> None:
    kinds = sorted({r.patient.fracture for r in reduced}, reverse=True)
    rng = np.random.default_rng(_SEED)
    for row, kind in enumerate(kinds):
        values = _known([r for r in reduced if r.patient.fracture == kind], "residual_mm")
        axis.plot(values, row + rng.uniform(-0.2, 0.2, len(values)), "o", ms=4, alpha=0.7, color="C0")
    axis.set_yticks(range(len(kinds)), kinds)
    axis.set_xlim(left=0.0)
    axis.set_xlabel("residual, mm")
