"""Surface EMG of several muscles as a stream: drive in, volts out, block by block."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rafr.config import option
from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.physiology.electrode import ElectrodeConfig, Electrodes
from rafr.risk.physiology.fatigue import Fatigue, FatigueConfig
from rafr.risk.physiology.motor_units import MotorUnitConfig, SpikeTrains, rates, sizes
from rafr.risk.physiology.potentials import TissueConfig, in_time, waveforms

_TICK = 0.005  # s in which the drive is taken as constant
_SLOWINGS = np.linspace(0.6, 1.0, 9)  # conduction velocities for which potentials are kept ready


@dataclass(frozen=True, slots=True)
class MuscleConfig:
    """All of a muscle and its electrode."""

    mvc_rms: float = option(4e-4, "EMG at full drive, rested, rms", unit="V", lower=1e-6, upper=1e-2)
    units: MotorUnitConfig = field(default_factory=MotorUnitConfig)
    tissue: TissueConfig = field(default_factory=TissueConfig)
    fatigue: FatigueConfig = field(default_factory=FatigueConfig)
    electrode: ElectrodeConfig = field(default_factory=ElectrodeConfig)


class SurfaceEmg:
    """The EMG of `count` muscles that lie side by side, each with its electrode.

    Attributes:
        electrodes: `electrodes.off[k] = True` lets one lose the skin.
        fatigue: state of every muscle.
    """

    def __init__(
        self, count: int, rate: float, rng: np.random.Generator, config: MuscleConfig | None = None
    ) -> None:
        """Draws everything that differs between muscles; `rate` in Hz.

        Raises:
            InputError: no muscle, or a rate at which EMG cannot be sampled.
        """
        c = config or MuscleConfig()
        if count < 1 or not rate >= 200.0:
            raise InputError("EMG", f"{count} muscles at {rate:g} Hz", "at least one, at 200 Hz or more")
        self.rate, self._config, self._count = rate, c, count
        self._spikes = SpikeTrains(c.units, count, rng)
        waves, velocity, step = waveforms(count, sizes(c.units), c.tissue, rng)
        bank = in_time(waves, velocity, step, rate, _SLOWINGS)
        # Campbell: a muscle's variance is the sum over units of rate times energy (here rested, driven fully)
        energy = (bank[:, :, -1] ** 2).sum(axis=-1) / rate
        power = energy @ rates(np.array(1.0), c.units)
        self._bank = bank * (c.mvc_rms / np.sqrt(power))[:, None, None, None]
        self._axons = rng.random((count, c.units.units))  # where in their nerve, 0..1
        self._tail = np.zeros((count, bank.shape[-1]))
        self.fatigue = Fatigue(c.fatigue, count)
        self.electrodes = Electrodes(c.electrode, count, rate, rng)

    def read(
        self,
        drive: FloatArray,
        motion: FloatArray | float = 0.0,
        irritation: FloatArray | None = None,
        share: FloatArray | float = 0.25,
    ) -> FloatArray:
        """The next block.

        Args:
            drive: (count, n) wanted activation, 0..1 of the maximum; fatigue adds to it.
            motion: acceleration of the skin beyond gravity, m/s^2, (n,), (count, n) or a number.
            irritation: (count, n) rate, 1/s, at which irritated axons let their units fire whatever the drive
                is (30 to 100 in neurotonic discharges); None: nowhere.
            share: (count,) or a number, 0..1: of each muscle's axons that are irritated, always the same.

        Returns:
            (count, n) V.
        """
        potentials = self._potentials(drive, irritation, np.broadcast_to(share, self._count))
        return self.electrodes.record(potentials, motion)

    def _potentials(self, drive: FloatArray, irritation: FloatArray | None, share: FloatArray) -> FloatArray:
        count, n = drive.shape
        length = self._bank.shape[-1]
        step = max(1, round(_TICK * self.rate))
        ticks = -(-n // step)
        at = np.minimum(np.arange(ticks) * step + step // 2, n - 1)
        strength = np.clip(drive[:, at] * self.fatigue.effort[:, None], 0.0, 1.0)
        rate = np.swapaxes(rates(strength, self._config.units), 1, 2)
        if irritation is not None:
            hit = self._axons < share[:, None]
            forced = hit[:, :, None] * irritation[:, None, at]
            rate = np.maximum(rate, forced)
        if n % step:  # the last tick is shorter: its units fire for as long as it lasts
            rate[:, :, -1] *= (n % step) / step
        muscle, unit, when = self._spikes.fire(rate, step / self.rate)
        slow = np.interp(self.fatigue.velocity, _SLOWINGS, np.arange(len(_SLOWINGS))).round().astype(int)
        start = np.minimum((when * self.rate).astype(int), n - 1)
        place = muscle * (n + length) + start
        total = np.zeros(count * (n + length))
        if len(place):
            shapes = self._bank[muscle, unit, slow[muscle]]
            where = place[:, None] + np.arange(length)
            total = np.bincount(where.ravel(), shapes.ravel(), minlength=len(total))
        total = total.reshape(count, n + length)
        overlap = min(length, n + length)
        total[:, :overlap] += self._tail[:, :overlap]
        self._tail = total[:, n:]
        self.fatigue.step(strength.mean(axis=1), n / self.rate)
        return total[:, :n]
