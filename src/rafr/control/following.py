"""Whether the arm follows: where its joints are, beside where they were sent within its usual delay."""

from __future__ import annotations

from collections import deque

import numpy as np

from rafr.control.config import ArmControlConfig
from rafr.geometry.rigid_transform import FloatArray


class Following:
    """Compares measured joints with a band: the commands of the last `follow_lag` s.

    A sound drive is inside it, up to its noise, at any speed; one that is late, stuck or overloaded is not.
    """

    def __init__(self, config: ArmControlConfig) -> None:
        self._config = config
        self._sent: deque[tuple[float, FloatArray]] = deque()
        self._off: deque[tuple[float, FloatArray]] = deque()

    def add(self, t: float, command: FloatArray, q: FloatArray) -> FloatArray:
        """(dof,) rad by which every joint has been outside the band for all of the last `follow_time` s.

        Args:
            t: s.   command: (dof,) what was sent before t.   q: (dof,) measured.
        """
        self._sent.append((t, command))
        _forget(self._sent, t - self._config.follow_lag)
        sent = np.array([command for _, command in self._sent])
        off = np.maximum(np.maximum(sent.min(axis=0) - q, q - sent.max(axis=0)), 0.0)
        self._off.append((t, off))
        _forget(self._off, t - self._config.follow_time)
        least: FloatArray = np.min([off for _, off in self._off], axis=0)
        return least


def _forget(kept: deque[tuple[float, FloatArray]], before: float) -> None:
    """Drop what is older, but the newest of it: that was still in force."""
    while len(kept) > 1 and kept[1][0] <= before:
        kept.popleft()
