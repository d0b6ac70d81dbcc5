"""What is wrong with a stretch of signal: missing, flat or clipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class QualityConfig:
    missing_share: float = option(
        0.02, "of the samples that may be missing; they are interpolated", lower=0.0, upper=1.0
    )
    flat: float = option(
        0.1, "time without the least change from which a channel is called flat", unit="s", lower=1e-3
    )
    clipped_share: float = option(
        0.002, "of the samples that may lie in runs at the extreme", lower=0.0, upper=1.0
    )
    clipped_run: int = option(3, "equal samples at the extreme that make a run", lower=2)


def problems(
    signal: FloatArray, rate: float, names: Sequence[str], config: QualityConfig | None = None
) -> tuple[str, ...]:
    """One line per channel that cannot be used.

    Args:
        signal: (channels, n), NaN where a sample is missing.   rate: Hz.
    """
    config = config or QualityConfig()
    if not signal.size:
        return ()
    found = []
    missing = 1.0 - np.isfinite(signal).mean(axis=1)
    for name, channel, share in zip(names, signal, missing, strict=True):
        if share > config.missing_share:
            found.append(f"{name} lacks {100 * share:.0f} % of its samples")
            continue
        runs = _runs(channel)
        longest = runs.max(initial=1)
        if longest >= max(2, round(config.flat * rate)):
            found.append(f"{name} is flat for {longest / rate:.2f} s")
            continue
        clipped = _clipped(channel, config.clipped_run)
        if clipped > config.clipped_share:
            found.append(f"{name} is clipped in {100 * clipped:.1f} % of its samples")
    return tuple(found)


def filled(signal: FloatArray) -> FloatArray:
    """Missing samples interpolated along the last axis (the nearest one at the ends)."""
    if np.isfinite(signal).all():
        return signal
    flat = signal.reshape(-1, signal.shape[-1]).copy()
    at = np.arange(flat.shape[1])
    for row in flat:
        good = np.isfinite(row)
        row[:] = np.interp(at, at[good], row[good]) if good.any() else 0.0
    return flat.reshape(signal.shape)


def _runs(channel: FloatArray) -> NDArray[np.int64]:
    """Lengths of the stretches of equal samples."""
    edges = np.flatnonzero(np.diff(channel) != 0.0)
    return np.diff(np.concatenate([[-1], edges, [len(channel) - 1]]))


def _clipped(channel: FloatArray, run: int) -> float:
    """Share of the samples in runs of `run` or more equal ones at the channel's extremes."""
    edges = np.flatnonzero(np.diff(channel) != 0.0)
    starts = np.concatenate([[0], edges + 1])
    lengths = _runs(channel)
    value = channel[starts]
    extreme = (value == np.nanmax(channel)) | (value == np.nanmin(channel))
    return float(lengths[extreme & (lengths >= run)].sum() / len(channel))
