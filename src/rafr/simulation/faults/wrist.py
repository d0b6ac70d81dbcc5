"""Faults of the wrist's force/torque sensor."""

from __future__ import annotations

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.faults.fault import Fault

_SPIKE_PERIOD = 0.5  # s
_SPIKE = np.array([900.0, 0.0, 0.0, 0.0, 0.0, 0.0])
_BIAS = np.array([0.0, 40.0, 0.0, 0.0, 0.0, 0.0])


class WrenchSpike(Fault):
    about = "single readings of the wrist sensor are 900 N off, twice a second"
    said = "force|torque"
    _next = 0.0

    def wrench(self, measured: FloatArray, now: float) -> FloatArray:
        if now < self._next:
            return measured
        self._next = now + _SPIKE_PERIOD
        spiked: FloatArray = measured + _SPIKE
        return spiked


class WrenchNan(Fault):
    about = "the wrist sensor says NaN"
    said = "no wrench"

    def wrench(self, measured: FloatArray, now: float) -> FloatArray:
        return np.full(6, np.nan)


class WrenchBias(Fault):
    about = "the wrist sensor is 40 N off from then on"
    said = "wrist sensor is off"

    def wrench(self, measured: FloatArray, now: float) -> FloatArray:
        biased: FloatArray = measured + _BIAS
        return biased


class WrenchFreeze(Fault):
    about = "the wrist sensor repeats its last reading to the last digit"
    said = "wrist sensor repeats"
    _frozen: FloatArray | None = None

    def wrench(self, measured: FloatArray, now: float) -> FloatArray:
        if self._frozen is None:
            self._frozen = measured
        return self._frozen
