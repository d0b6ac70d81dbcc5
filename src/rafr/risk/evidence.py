"""What a stretch of muscle activity speaks for. Activity is log2 of the level over rest, in frames of 50 ms.

Everything here is a pure function of the last frames, (n, channels), newest last.
"""

from __future__ import annotations

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.envelope import FRAME

_LEAST_SPREAD = 3.0  # N: a load that varies less cannot be correlated with anything
_SMOOTH = 10  # frames
_SPIKE = 3  # frames
_OWN = 6.0  # s
_AT_REST = 1.0  # log2 of activity below which another muscle is at rest
_CROSSTALK = 4.0  # log2: what is 16 times weaker may be a neighbour's signal


def frames_in(seconds: float) -> int:
    """Number of frames, at least one."""
    return max(1, round(seconds / FRAME))


def probability(value: float, even: float, sure: float) -> float:
    """Logistic curve: 0.5 at `even`, 0.95 at `sure`."""
    slope = np.log(0.95 / 0.05) / (sure - even)
    return float(1.0 / (1.0 + np.exp(np.clip(-slope * (value - even), -700.0, 700.0))))


def lasting(activity: FloatArray, seconds: float) -> float:
    """Activity that half of the muscles keep up for `seconds`; -inf before so much was seen.

    The lower quartile over time: pauses shorter than a quarter of it do not end it, bursts do not make it.
    """
    n = frames_in(seconds)
    if len(activity) < n:
        return float("-inf")
    kept = np.sort(_lower_quartile(activity[-n:]))[::-1]
    return float(kept[(len(kept) + 1) // 2 - 1])


def steepest_rise(activity: FloatArray, seconds: float) -> float:
    """Largest rise within `seconds` of the muscles' mean activity, smoothed over half a second."""
    mean = _smoothed(activity.mean(axis=1))
    n = frames_in(seconds)
    return float((mean[n:] - mean[:-n]).max()) if len(mean) > n else 0.0


def follows_load(activity: FloatArray, load: FloatArray) -> float:
    """Correlation 0..1 of the mean activity with the load (n,), N, both without their trend (a cubic).

    Without trend, because whatever grows slowly correlates with everything else that does.
    """
    if len(load) < 4 * _SMOOTH or not np.isfinite(load).all():
        return 0.0
    mean, pull = (_without_trend(_smoothed(x)) for x in (activity.mean(axis=1), load))
    spread, pulled = float(mean.std()), float(pull.std())
    if pulled < _LEAST_SPREAD or spread < 1e-6:
        return 0.0
    return max(0.0, float(np.mean(mean * pull) / (spread * pulled)))


def focal_seconds(activity: FloatArray, seconds: float, least: float, apart: float) -> FloatArray:
    """(channels,) s within the last `seconds` in which one muscle alone burst; faint bursts count half.

    However loud it is, one burst counts for no more than it lasts: single ones come without an irritated
    nerve, too. Bursts stand out from the muscle's own lower quartile of the last 6 s, which follows what
    rises slowly.

    Args:
        least: activity of a burst.   apart: by how much it must exceed that quartile.
    """
    recent = activity[-frames_in(_OWN) :]
    if len(recent) < _SPIKE:
        return np.zeros(activity.shape[1])
    # power of 150 ms: a single unit that fires slowly is no series of bursts
    power = np.cumsum(np.pad(4.0**recent, ((1, 0), (0, 0))), axis=0)
    smooth = 0.5 * np.log2((power[_SPIKE:] - power[:-_SPIKE]) / _SPIKE)
    usual = _lower_quartile(smooth)
    smooth = smooth[-frames_in(seconds) :]
    burst = (smooth >= least) & (smooth - usual >= apart)
    if not burst.any():
        return np.zeros(activity.shape[1])
    alone = _median_of_others(smooth) <= np.maximum(_AT_REST, smooth - _CROSSTALK)
    weight = np.clip(0.5 * (smooth - least), 0.5, 1.0)
    total: FloatArray = FRAME * np.sum(np.where(burst & alone, weight, 0.0), axis=0)
    return total


def _lower_quartile(x: FloatArray) -> FloatArray:
    """(channels,) of (n, channels)."""
    k = (len(x) - 1) // 4
    quartile: FloatArray = np.partition(x, k, axis=0)[k]
    return quartile


def _median_of_others(x: FloatArray) -> FloatArray:
    """(n, channels) median of the other channels at the same time; -inf where there are none."""
    count = x.shape[1]
    if count == 1:
        return np.full_like(x, -np.inf)
    return np.stack([np.median(np.delete(x, k, axis=1), axis=1) for k in range(count)], axis=1)


def _smoothed(x: FloatArray) -> FloatArray:
    if len(x) < _SMOOTH:
        return x
    total = np.cumsum(np.concatenate([[0.0], x]))
    smooth: FloatArray = (total[_SMOOTH:] - total[:-_SMOOTH]) / _SMOOTH
    return smooth


def _without_trend(x: FloatArray) -> FloatArray:
    """What a cubic leaves."""
    t = np.linspace(-1.0, 1.0, len(x))
    shapes = np.linalg.qr(np.vander(t, 4))[0]
    left: FloatArray = x - shapes @ (shapes.T @ x)
    return left
