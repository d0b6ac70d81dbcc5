"""The distributions of a campaign as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rafr.campaign.result import REDUCED, PatientResult
from rafr.campaign.statistics import PUBLISHED
from rafr.files import written_whole

_BINS = 24
_SEED = 0  # of the jitter that keeps points of a kind apart
_GOAL, _PUBLISHED = "0.3", "C1"


def save_charts(path: Path, results: Sequence[PatientResult]) -> None:
    """Residuals, plan errors, forces and residuals by fracture kind; one point or count is one patient.

    Args:
        path: PNG file, written whole.
    """
    from matplotlib.figure import Figure

    reduced = [r for r in results if r.outcome == REDUCED]
    figure = Figure(figsize=(12, 7), layout="constrained")
    axes = figure.subplots(2, 3)
    _histogram(
        axes[0, 0], _known(reduced, "residual_mm"), "residual to the truth, mm", (1.0, "goal of the mean")
    )
    axes[0, 0].axvline(2.0, color=_GOAL, ls=":", label="goal of the 95th percentile")
    axes[0, 0].axvline(
        PUBLISHED["residual_mm"]["mean"], color=_PUBLISHED, ls="--", label="published mean, n = 22"
    )
    axes[0, 0].legend(frameon=False, fontsize=8)
    _histogram(
        axes[0, 1], _known(reduced, "residual_deg"), "residual to the truth, °", (1.0, "goal of the mean")
    )
    _histogram(axes[0, 2], _known(reduced, "to_plan_mm"), "left to the plan, mm", None)
    _plan_against_residual(axes[1, 0], reduced)
    _forces(axes[1, 1], results)
    _by_kind(axes[1, 2], reduced)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _known(results: Sequence[PatientResult], quantity: str) -> list[float]:
    values = (result.worst(quantity) for result in results)
    return [value for value in values if value is not None]


def _histogram(axis: Any, values: list[float], label: str, goal: tuple[float, str] | None) -> None:
    if values:
        axis.hist(values, bins=np.linspace(0.0, max(values) * 1.02, _BINS), color="C0")
    if goal is not None:
        axis.axvline(goal[0], color=_GOAL, ls="-", lw=1.0, label=goal[1])
        axis.legend(frameon=False, fontsize=8)
    axis.set_xlabel(label)
    axis.set_ylabel(f"patients (n = {len(values)})")
    axis.set_xlim(left=0.0)


def _plan_against_residual(axis: Any, reduced: Sequence[PatientResult]) -> None:
    pairs = [(r.worst("plan_mm"), r.worst("residual_mm")) for r in reduced]
    known = np.array([p for p in pairs if None not in p], dtype=float).reshape(-1, 2)
    axis.plot(known[:, 0], known[:, 1], "o", ms=4, alpha=0.7)
    most = 1.05 * known.max() if len(known) else 1.0
    axis.plot([0.0, most], [0.0, most], color=_GOAL, lw=0.8)
    axis.set_xlim(0.0, most)
    axis.set_ylim(0.0, most)
    axis.set_xlabel("error of the plan, mm")
    axis.set_ylabel("residual, mm")


def _forces(axis: Any, results: Sequence[PatientResult]) -> None:
    forces = [r.peak_force_n for r in results if r.peak_force_n is not None]
    limits = [r.force_limit_n for r in results if r.force_limit_n is not None]
    _histogram(axis, forces, "largest true force at the clamp, N", None)
    if limits:
        axis.axvline(min(limits), color="C3", label="limit")
        axis.legend(frameon=False, fontsize=8)


def _by_kind(axis: Any, reduced: Sequence[PatientResult]) -> None:
    kinds = sorted({r.patient.fracture for r in reduced}, reverse=True)
    rng = np.random.default_rng(_SEED)
    for row, kind in enumerate(kinds):
        values = _known([r for r in reduced if r.patient.fracture == kind], "residual_mm")
        axis.plot(values, row + rng.uniform(-0.2, 0.2, len(values)), "o", ms=4, alpha=0.7, color="C0")
    axis.set_yticks(range(len(kinds)), kinds)
    axis.set_xlim(left=0.0)
    axis.set_xlabel("residual, mm")
