"""Curves of a run: distance to the target and force over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rafr.files import written_whole
from rafr.review.run import Sample, TrueSample


def save_curves(
    path: Path, samples: Sequence[Sample], truth: Sequence[TrueSample] = (), title: str = ""
) -> None:
    """Draw the reduction: fragment error above, force and its limit below, time in s from its start.

    Args:
        path: PNG file, written atomically.
        samples: arm states while a fragment was held; fewer than two draw an empty frame.
        truth: the simulator's own force, drawn beside the measured one.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    upper, middle, lower = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 3))
    if len(samples) > 1:
        start = samples[0].t
        t = np.array([s.t for s in samples]) - start
        _error(upper, t, samples)
        _path(middle, t, samples)
        _force(lower, t, samples)
        inside = [s for s in truth if samples[0].t <= s.t <= samples[-1].t]
        if inside:
            times = [s.t - start for s in inside]
            lower.plot(times, [s.force for s in inside], color="0.6", lw=0.8, label="simulator's own")
        for axis in (upper, middle, lower):
            axis.legend(loc="upper right", frameon=False, fontsize=8)
    lower.set_xlabel("time from the first clamping, s")
    upper.set_title(title or "reduction")
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=120, format="png")


def _error(axis, t, samples) -> None:  # type: ignore[no-untyped-def]
    axis.plot(t, [s.distance * 1e3 for s in samples], color="C0", label="mean over the surface, mm")
    axis.plot(t, np.degrees([s.angle for s in samples]), color="C1", label="rotation, deg")
    axis.set_ylabel("to the target")
    axis.set_ylim(bottom=0)


def _path(axis, t, samples) -> None:  # type: ignore[no-untyped-def]
    axis.plot(t, [s.path_error * 1e3 for s in samples], color="C2", label="off the path, mm")
    axis.set_ylabel("path error")
    axis.set_ylim(bottom=0)


def _force(axis, t, samples) -> None:  # type: ignore[no-untyped-def]
    axis.plot(t, [s.force for s in samples], color="C3", label="force at the clamp, N")
    limit = np.array([s.force_limit for s in samples])
    if (limit > 0).any():
        axis.plot(t, np.where(limit > 0, limit, np.nan), "k--", lw=1, label="limit, N")
    expected = np.array([s.expected_force for s in samples])
    if np.isfinite(expected).any():
        axis.plot(t, expected, color="C4", lw=1, ls=":", label="still to come, as learnt, N")
    axis.set_ylabel("force")
    axis.set_ylim(bottom=0)
