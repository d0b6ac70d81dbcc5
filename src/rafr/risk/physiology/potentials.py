"""Motor unit action potentials at bipolar surface electrodes, from fibres, depth and conduction velocity.

The source is Rosenfalck's intracellular potential, generated at the end plate, propagating both ways and
ending at the tendons; the current it drives through the membrane is (D. Farina, R. Merletti, "A novel
approach for precise simulation of the EMG signal detected by surface electrodes", IEEE Trans Biomed Eng
48:637, 2001)

    i(z, t) = d/dz [ψ(z − z_i − vt) p_1(z) − ψ(−z + z_i − vt) p_2(z)],  ψ(z) = d/dz V(−z),

and tissue weighs it as an infinite anisotropic conductor does, 1/√(a d² + z²) with the depth d (P.
Rosenfalck, Acta Physiol Scand Suppl 321, 1969). Everything depends on the way s = vt only, so that a slower
fibre has the same potential, stretched in time: that is how fatigue enters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray

_STEP = 5e-4  # m of the source line
_SOURCE = 0.015  # m, length of the intracellular potential


@dataclass(frozen=True, slots=True)
class TissueConfig:
    """Fibres under a pair of electrodes that lie along them."""

    fat: float = option(0.004, "from skin to muscle", unit="m", lower=1e-3, upper=0.05)
    thickness: float = option(0.016, "of muscle that is seen", unit="m", lower=1e-3, upper=0.06)
    fibre: float = option(0.06, "half length of the fibres", unit="m", lower=0.02, upper=0.2)
    endplates: float = option(
        0.005, "spread of end plates, standard deviation", unit="m", lower=0.0, upper=0.03
    )
    electrode: float = option(0.03, "from end plates to electrodes", unit="m", lower=0.0, upper=0.15)
    spacing: float = option(0.01, "between the two electrodes", unit="m", lower=2e-3, upper=0.05)
    anisotropy: float = option(5.0, "conductivity along over across the fibres", lower=1.0, upper=20.0)
    velocity: float = option(4.0, "conduction velocity, mean", unit="m/s", lower=1.0, upper=8.0)
    velocity_spread: float = option(0.3, "of the units, standard deviation", unit="m/s", lower=0.0, upper=1.0)


def intracellular_slope(z: FloatArray) -> FloatArray:
    """ψ over z ≥ 0, m (0 elsewhere): slope of Rosenfalck's 96 z³ exp(−z) − 90 mV, z in mm."""
    mm = 1e3 * z
    slope = 96.0 * (3.0 * mm**2 - mm**3) * np.exp(-mm)
    return np.where((z >= 0.0) & (z <= _SOURCE), slope, 0.0)


def waveforms(
    muscles: int, size: FloatArray, tissue: TissueConfig, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, float]:
    """The potentials of all units of `muscles` muscles, over the way travelled.

    Args:
        size: (units,) relative number of fibres.

    Returns:
        (muscles, units, m) potentials in arbitrary units, (muscles, units) velocities in m/s, and the step of
        the way in m. Draws depth, end plate, fibre length and velocity by lot; larger units conduct faster.
    """
    units = len(size)
    shape = (muscles * units, 1)
    depth = tissue.fat + tissue.thickness * rng.random(shape)
    endplate = tissue.endplates * rng.standard_normal(shape)
    half = tissue.fibre * (1.0 + 0.1 * rng.uniform(-1.0, 1.0, (2, *shape)))
    line = np.arange(0.0, 1.1 * tissue.fibre, _STEP)
    way = np.arange(0.0, line[-1] + _SOURCE, _STEP)
    wave = intracellular_slope(way[:, None] - line[None, :])  # (way, line): the front has passed

    def weight(z: FloatArray) -> FloatArray:
        """Minus the slope of the bipolar weight at places z along the fibre, m."""
        total = np.zeros_like(z)
        for pole, sign in ((0.5, 1.0), (-0.5, -1.0)):
            d = z - tissue.electrode - pole * tissue.spacing
            total += sign * d / (tissue.anisotropy * depth**2 + d**2) ** 1.5
        return total

    right = np.where(line < half[0], weight(endplate + line), 0.0) @ wave.T
    left = np.where(line < half[1], weight(endplate - line), 0.0) @ wave.T
    potential = (right - left).reshape(muscles, units, -1) * size[:, None]
    rank = np.argsort(np.argsort(rng.standard_normal((muscles, units)) + 3.0 * np.linspace(-1, 1, units)))
    from scipy.special import ndtri

    velocity = tissue.velocity + tissue.velocity_spread * ndtri((rank + 0.5) / units)
    return potential, velocity, _STEP


def in_time(
    potential: FloatArray, velocity: FloatArray, step: float, rate: float, slowing: FloatArray
) -> FloatArray:
    """(muscles, units, slowings, n) sampled at `rate` Hz, each velocity times `slowing` (slowings,)."""
    speed = velocity[..., None] * slowing
    length = int(np.ceil(potential.shape[-1] * step / speed.min() * rate))
    place = speed[..., None] * np.arange(length) / (rate * step)
    low = np.minimum(place.astype(int), potential.shape[-1] - 2)
    share = place - low
    muscle, unit = np.ogrid[: potential.shape[0], : potential.shape[1]]
    before = potential[muscle[..., None, None], unit[..., None, None], low]
    after = potential[muscle[..., None, None], unit[..., None, None], low + 1]
    return np.where(share <= 1.0, (1.0 - share) * before + share * after, 0.0)
