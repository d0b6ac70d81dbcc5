"""Damped Gauss-Newton over the poses of bodies and the plane of symmetry together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.target.estimate import Estimate
from rafr.planning.target.evidence import Rows, Term

_LARGEST_STEP_MM, _LARGEST_STEP_RAD = 8.0, 0.15
_EVIDENCE = ("mirror", "face", "rim", "joint", "anchor", "shape")
_STILL_MM, _STILL_RAD = 2e-3, 2e-5


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Outcome of a search.

    Attributes:
        estimate: where it ended.
        covariance: (size, size) of the unknowns, from the curvature and the residuals that remain.
        cost: weighted sum of squares at the end.
        rows: what each term contributed, by name.
    """

    estimate: Estimate
    covariance: FloatArray
    cost: float
    rows: dict[str, Rows] = field(default_factory=dict)

    def pose_covariance(self, body: int) -> FloatArray:
        """(6, 6) of a body's twist (mm, rad) about its centre."""
        columns = self.estimate.pose_columns(body)
        return self.covariance[columns, columns]

    def rows_of(self, body: int) -> list[tuple[str, Rows]]:
        """All evidence that bears on a body, by kind and bones (`mirror:left_hip`)."""
        columns = self.estimate.pose_columns(body)
        return [
            (kind, rows)
            for kind, rows in ((name.split(" ")[0], rows) for name, rows in self.rows.items())
            if kind.split(":")[0] in _EVIDENCE and rows.jacobian[:, columns].any()
        ]

    def evidence_for(self, body: int) -> dict[str, float]:
        """Matched area (mm²) of what bears on a body, by kind and bones."""
        areas: dict[str, float] = {}
        for kind, rows in self.rows_of(body):
            areas[kind] = areas.get(kind, 0.0) + rows.area
        return areas


def solve(start: Estimate, terms: Sequence[Term], reaches_mm: Sequence[float]) -> Solution:
    """Follow the terms from `start`, pairs being found anew each step within a shrinking reach.

    Args:
        reaches_mm: one per step; the last is held until the estimate stands still (30 steps at most).
    """
    at = start
    schedule = [*reaches_mm, *[reaches_mm[-1]] * 30]
    for k, reach in enumerate(schedule):
        step = _step([t.rows(at, reach) for t in terms], at)
        at = at.moved(step)
        lengths, angles = at.lengths_and_angles(step)
        still = lengths.max() < _STILL_MM and angles.max() < _STILL_RAD
        if still and k >= len(reaches_mm) - 1:
            break
    rows = {t.name: t.rows(at, reaches_mm[-1]) for t in terms}
    return Solution(at, _covariance(list(rows.values())), sum(r.cost for r in rows.values()), rows)


def _normal_equations(blocks: Sequence[Rows]) -> tuple[FloatArray, FloatArray]:
    weighted = [rows.jacobian * rows.weight[:, None] for rows in blocks]
    H = np.sum([w.T @ rows.jacobian for w, rows in zip(weighted, blocks, strict=True)], axis=0)
    g = np.sum([w.T @ rows.residual for w, rows in zip(weighted, blocks, strict=True)], axis=0)
    return H, g


def _step(blocks: Sequence[Rows], at: Estimate) -> FloatArray:
    H, g = _normal_equations(blocks)
    step: FloatArray = np.asarray(-np.linalg.solve(H + 1e-9 * np.diag(np.diag(H)), g), dtype=float)
    lengths, angles = at.lengths_and_angles(step)
    size = max(lengths.max() / _LARGEST_STEP_MM, angles.max() / _LARGEST_STEP_RAD)
    return step / max(float(size), 1.0)


def _covariance(blocks: Sequence[Rows]) -> FloatArray:
    """Inverse curvature, where a term that fits worse than its sigma says counts less."""
    curvature = []
    for rows in blocks:
        mean_square = rows.cost / rows.weight.sum() if rows.weight.sum() > 0 else 0.0
        excess = max(1.0, mean_square / rows.sigma_mm**2)
        curvature.append((rows.jacobian * rows.weight[:, None]).T @ rows.jacobian / excess)
    inverse: FloatArray = np.linalg.inv(np.sum(curvature, axis=0))
    return inverse
