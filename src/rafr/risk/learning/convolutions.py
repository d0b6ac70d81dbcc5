"""Random convolution kernels for window sequences: a small temporal network whose only trained layer is the
last.

After A. Dempster, D. Schmidt & G. Webb, "MiniRocket", KDD 2021: kernels of nine weights, three of them 2 and
six −1, at several dilations; a kernel's feature is the share of positive values (PPV) beyond a bias drawn
from the data. Here every kernel reads a random set of channels; all kernels of a dilation are one matrix
product.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import BaseEstimator, TransformerMixin

from rafr.geometry.rigid_transform import FloatArray

_TAPS = 9
_PATTERNS = tuple(combinations(range(_TAPS), 3))  # the 84 places of the three weights of 2
_AT_ONCE = 256  # windows


class RandomConvolutions(TransformerMixin, BaseEstimator):
    """(n, channels · length) rows, channel by channel, to (n, features) in 0..1.

    Args:
        channels: in a row.   per_dilation: kernels at each dilation.   biases: of each kernel.   seed: of
            the draws.
    """

    def __init__(self, channels: int = 1, per_dilation: int = 84, biases: int = 3, seed: int = 0) -> None:
        self.channels = channels
        self.per_dilation = per_dilation
        self.biases = biases
        self.seed = seed

    def fit(self, X: FloatArray, y: Any = None) -> RandomConvolutions:
        rng = np.random.default_rng(self.seed)
        series = self._series(X)
        longest = max(1, (series.shape[2] - 1) // (_TAPS - 1))
        self.dilations_ = np.unique(np.geomspace(1, longest, 5).astype(int))
        weights, biases = [], []
        for dilation in self.dilations_:
            weights.append(self._draw(rng))
            some = series[rng.choice(len(series), min(len(series), 64), replace=False)]
            values = self._convolved(some, weights[-1], dilation)
            levels = rng.uniform(0.1, 0.9, (self.per_dilation, self.biases))
            by_kernel = np.moveaxis(values, 1, 0).reshape(self.per_dilation, -1)
            biases.append(np.stack([np.quantile(v, q) for v, q in zip(by_kernel, levels, strict=True)]))
        self.weights_, self.biases_ = np.array(weights), np.array(biases)
        return self

    def transform(self, X: FloatArray) -> FloatArray:
        series = self._series(X)
        parts = np.array_split(series, max(1, -(-len(series) // _AT_ONCE)))
        return np.concatenate([self._features(part) for part in parts])

    def _features(self, series: FloatArray) -> FloatArray:
        shares = []
        for dilation, weights, biases in zip(self.dilations_, self.weights_, self.biases_, strict=True):
            values = self._convolved(series, weights, int(dilation))
            shares += [np.mean(values > biases[:, b, None], axis=2) for b in range(self.biases)]
        return np.concatenate(shares, axis=1)

    def _series(self, X: FloatArray) -> FloatArray:
        """(n, channels, length), each channel of a window as it is: its level tells the load."""
        return np.asarray(X, dtype=float).reshape(len(X), self.channels, -1)

    def _draw(self, rng: np.random.Generator) -> FloatArray:
        """(kernels, channels · taps)."""
        kernels = np.zeros((self.per_dilation, self.channels, _TAPS))
        for k, kernel in enumerate(kernels):
            shape = np.full(_TAPS, -1.0)
            shape[list(_PATTERNS[k % len(_PATTERNS)])] = 2.0
            count = int(2 ** rng.uniform(0.0, np.log2(min(self.channels, 9) + 0.999)))
            kernel[rng.choice(self.channels, count, replace=False)] = shape
        # a kernel sums to zero and would not see a level: half of them do
        kernels[::2] += kernels[::2] != 0.0
        return kernels.reshape(self.per_dilation, -1)

    def _convolved(self, series: FloatArray, weights: FloatArray, dilation: int) -> FloatArray:
        """(n, kernels, positions)."""
        reach = (_TAPS - 1) * dilation + 1
        taps = sliding_window_view(series, reach, axis=2)[..., ::dilation]  # (n, channels, positions, taps)
        n, channels, positions, _ = taps.shape
        columns = np.moveaxis(taps, 2, 1).reshape(n, positions, channels * _TAPS)
        return np.swapaxes(columns @ weights.T, 1, 2)
