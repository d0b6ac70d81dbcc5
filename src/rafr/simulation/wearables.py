"""The patient's muscles under electrodes.

Their signals come from motor units (`rafr.risk.physiology`). What drives them is a `Demand`, which faults may
change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.physiology import SurfaceEmg

EMG_CHANNELS = ("tibialis_anterior", "gastrocnemius", "vastus_medialis", "gluteus_maximus")


@dataclass(frozen=True, slots=True)
class EmgConfig:
    """Surface EMG of the patient's muscles near the nerves at risk; anaesthetised, relaxed, without drive.

    Single short bursts come all the same: about one in ten minutes on four muscles, and more under load.
    """

    rate: float = option(1000.0, "samples per second", unit="Hz", lower=200.0, upper=10000.0)
    burst_rate: float = option(0.0005, "bursts per second and muscle at rest", unit="1/s", lower=0.0)
    force_scale: float = option(
        1500.0, "force on the fragment that adds one burst per second and muscle", unit="N", lower=1.0
    )
    burst_length: float = option(0.25, "of the longest burst", unit="s", lower=0.02, upper=5.0)
    burst_firing: float = option(30.0, "of the axons in a burst", unit="1/s", lower=1.0, upper=200.0)
    burst_share: float = option(0.05, "of a muscle's axons that take part", lower=0.0, upper=1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """What makes the patient's muscles fire during one block.

    Attributes:
        t: (n,) s of the samples.   load: N on the fragment.
        drive: (channels, n) 0..1.
        irritation: (channels, n) 1/s, firing of irritated axons; `share` (channels,) of them are.
        off: (channels,) bool, electrodes that have lost the skin.
    """

    t: FloatArray
    load: float
    drive: FloatArray
    irritation: FloatArray
    share: FloatArray
    off: np.ndarray


Change = Callable[[Demand], Demand]


def unchanged(demand: Demand) -> Demand:
    return demand


class EmgSensor:
    """Electrodes over the patient's muscles."""

    def __init__(self, config: EmgConfig, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng
        self._left = np.zeros(len(EMG_CHANNELS))  # s of burst still to come
        self._muscles = SurfaceEmg(len(EMG_CHANNELS), config.rate, rng)

    def read(self, start: float, duration: float, load: float, change: Change = unchanged) -> FloatArray:
        """(channels, n) samples, V, of `duration` s from `start` (s) on, with `load` N on the fragment."""
        c, count = self._config, len(EMG_CHANNELS)
        n = round(duration * c.rate)
        chance = duration * (c.burst_rate + (load / c.force_scale) ** 2)
        begins = self._rng.random(count) < chance
        length = c.burst_length * self._rng.uniform(0.3, 1.0, count)
        self._left = np.where(begins, length, self._left)
        within = np.arange(n) / c.rate
        bursts = np.where(within < self._left[:, None], c.burst_firing, 0.0)
        self._left = np.maximum(self._left - duration, 0.0)
        share, off = np.full(count, c.burst_share), np.zeros(count, dtype=bool)
        demand = change(Demand(start + within, load, np.zeros((count, n)), bursts, share, off))
        self._muscles.electrodes.off = demand.off
        return self._muscles.read(demand.drive, 0.0, demand.irritation, demand.share)
