"""Whether the loop keeps its period: a histogram of the time between ticks and of the work in one."""

from __future__ import annotations

import numpy as np

_EDGES_MS = np.array([0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 9.0, 11.0, 12.0, 15.0, 20.0, 50.0, np.inf])


class DeadlineMonitor:
    """Counts ticks by how long after the last one they came and by how long their work took.

    Args:
        period: s, nominal.   late: a tick that comes more than this many periods after the last missed its
            deadline.
    """

    def __init__(self, period: float, late: float = 1.5) -> None:
        self._deadline = late * period
        self._last: float | None = None
        self._periods = np.zeros(len(_EDGES_MS) - 1, dtype=int)
        self._work = np.zeros(len(_EDGES_MS) - 1, dtype=int)
        self.ticks = self.missed = 0
        self.worst = 0.0
        self._worst_lately = 0.0

    def tick(self, began: float, ended: float) -> None:
        """A tick's work was done between two times (s) of one steady clock."""
        self.ticks += 1
        _count(self._work, ended - began)
        if self._last is not None:
            period = began - self._last
            _count(self._periods, period)
            self.missed += period > self._deadline
            self.worst, self._worst_lately = max(self.worst, period), max(self._worst_lately, period)
        self._last = began

    def worst_since_asked(self) -> float:
        """s, the longest period since the last call."""
        worst, self._worst_lately = self._worst_lately, 0.0
        return worst

    def summary(self) -> dict[str, str]:
        """For diagnostics: counts per range of ms, empty ranges left out."""
        return {
            "ticks": str(self.ticks),
            "deadlines_missed": str(self.missed),
            "longest_period_ms": f"{1e3 * self.worst:.1f}",
            "period_ms": _text(self._periods),
            "work_ms": _text(self._work),
        }


def _count(histogram: np.ndarray, seconds: float) -> None:
    histogram[
        min(max(int(np.searchsorted(_EDGES_MS, 1e3 * seconds, side="right")) - 1, 0), len(histogram) - 1)
    ] += 1


def _text(histogram: np.ndarray) -> str:
    rows = zip(_EDGES_MS[:-1], _EDGES_MS[1:], histogram, strict=True)
    return ", ".join(f"{a:g}-{b:g}: {n}" for a, b, n in rows if n)
