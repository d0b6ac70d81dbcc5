"""Sliding windows as arrays."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rafr.geometry.rigid_transform import FloatArray

IntArray = NDArray[np.int64]


def starts_every(samples: int, length: int, step: int) -> IntArray:
    """First sample of every window of `length` that fits, `step` samples apart."""
    return np.arange(0, samples - length + 1, step)


def cut(signal: FloatArray, starts: IntArray, length: int) -> FloatArray:
    """(…, windows, length): the windows of a (…, n) signal that begin at `starts`."""
    if len(starts) == 0:
        return np.empty((*signal.shape[:-1], 0, length))
    windows: FloatArray = sliding_window_view(signal, length, axis=-1)[..., starts, :]
    return windows
