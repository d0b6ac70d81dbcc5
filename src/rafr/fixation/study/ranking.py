"""Which of several schemes holds best, and how sure that is.

Every draw of what is uncertain (materials, ligaments, friction, place of the screws) is given to all schemes
alike, so that schemes are compared within a draw: what stiffens one patient stiffens him under every scheme.
A difference counts when it is large beside how much it varies over the draws (Cohen's d of paired
differences, d_z; Lakens 2013, 10.3389/fpsyg.2013.00863) and large enough to matter, not when a p value is
small: draws are computed, and more of them make any p as small as one likes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_SURE, _LIKELY = 0.95, 0.80  # share of draws in which one is better


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more the second scheme gives way than the first, over the draws.

    Attributes:
        median_mm, low_mm, high_mm: of the paired differences; 90 % of the draws lie between low and high.
        effect: d_z, mean over standard deviation of the differences; infinite where they do not vary.
        better: share of the draws in which the first gives way less; draws that are equal count half.
        matters: share of the draws in which they differ by as much as matters.
    """

    first: str
    second: str
    median_mm: float
    low_mm: float
    high_mm: float
    effect: float
    better: float
    matters: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """How schemes compare.

    Attributes:
        order: best first.
        best: share of the draws in which each gives way least.
        median_mm: over the draws.
        differences: of all pairs, the better one first.
        relevant_mm: a difference that matters.
    """

    order: tuple[str, ...]
    best: dict[str, float]
    median_mm: dict[str, float]
    differences: tuple[Difference, ...]
    draws: int
    relevant_mm: float

    def difference(self, first: str, second: str) -> Difference:
        """Of two schemes of `order`, the better one first."""
        return next(d for d in self.differences if (d.first, d.second) == (first, second))


def rank(displacement_mm: Mapping[str, Sequence[float] | FloatArray], relevant_mm: float) -> Ranking:
    """Rank schemes by how little they give way.

    Args:
        displacement_mm: by scheme (n,), one value a draw; the k-th of every scheme belong to the same draw.
        relevant_mm: a difference that matters.

    Raises:
        ValueError: fewer than two schemes, other numbers of draws, or values that are not finite.
    """
    values = {name: np.asarray(v, dtype=float) for name, v in displacement_mm.items()}
    lengths = {len(v) for v in values.values()}
    if len(values) < 2 or len(lengths) != 1 or not lengths.pop():
        raise ValueError("two or more schemes with as many draws each are needed")
    if not all(np.isfinite(v).all() for v in values.values()):
        raise ValueError("displacements must be finite")
    table = np.stack(list(values.values()))
    least = table == table.min(axis=0)
    share = (least / least.sum(axis=0)).mean(axis=1)
    median = np.median(table, axis=1)
    names = [list(values)[k] for k in np.lexsort((-share, median))]
    return Ranking(
        order=tuple(names),
        best=dict(zip(values, share.tolist(), strict=True)),
        median_mm=dict(zip(values, median.tolist(), strict=True)),
        differences=tuple(
            _difference(a, b, values[b] - values[a], relevant_mm) for a, b in combinations(names, 2)
        ),
        draws=table.shape[1],
        relevant_mm=relevant_mm,
    )


def _difference(first: str, second: str, more: FloatArray, relevant_mm: float) -> Difference:
    spread = float(more.std(ddof=1)) if len(more) > 1 else 0.0
    mean = float(more.mean())
    effect = mean / spread if spread > 0.0 else (0.0 if mean == 0.0 else float(np.copysign(np.inf, mean)))
    low, median, high = (float(v) for v in np.quantile(more, (0.05, 0.5, 0.95)))
    better = float(np.mean((more > 0.0) + 0.5 * (more == 0.0)))
    matters = float(np.mean(np.abs(more) >= relevant_mm))
    return Difference(first, second, median, low, high, effect, better, matters)


def influences(
    inputs: Mapping[str, Sequence[float]], outcome: Sequence[float] | FloatArray
) -> dict[str, float]:
    """Spearman's rank correlation of what was drawn with an outcome of the same draws, the strongest first.

    Inputs that do not vary are left out.
    """
    from scipy.stats import spearmanr

    values = np.asarray(outcome, dtype=float)
    if len(values) < 3 or np.ptp(values) == 0.0:
        return {}
    found = {name: float(spearmanr(v, values).statistic) for name, v in inputs.items() if np.ptp(v) > 0.0}
    return dict(sorted(found.items(), key=lambda item: -abs(item[1])))


def recommendation(ranking: Ranking) -> str:
    """The ranking in words, with how sure it is."""
    first, second = ranking.order[:2]
    d = ranking.difference(first, second)
    numbers = (
        f"{d.median_mm:.3f} mm less than {second} (90 % of {ranking.draws} draws: {d.low_mm:.3f} to "
        f"{d.high_mm:.3f} mm; effect size {d.effect:.1f})"
    )
    if d.better >= _SURE and d.matters >= _SURE:
        return f"{first} holds best: it gives way {numbers}. This is sure within the model."
    if d.better >= _SURE:
        return (
            f"{first} gives way least, by {numbers}, but the difference rarely reaches the "
            f"{ranking.relevant_mm:g} mm that would matter: choose by other reasons."
        )
    if d.better >= _LIKELY:
        return f"{first} probably holds best ({100 * d.better:.0f} % of the draws): it gives way {numbers}."
    return (
        f"No scheme holds best: {first} gives way {numbers}, but is better in {100 * d.better:.0f} % of the "
        "draws only. Choose by other reasons."
    )
