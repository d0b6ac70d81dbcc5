"""Muscle and motion signals made from physiology: what sensors record of a body that is known.

EMG comes from motor units that are recruited and fire as the muscle's drive wants, each with a potential
of its own at the skin; it knows fatigue, irritated nerves, crosstalk, noise and electrodes that come off.

    emg = SurfaceEmg(4, rate=1259.0, rng=rng)     # four neighbouring muscles; MuscleConfig for all else
    volts = emg.read(drive)                        # (4, n) activation 0..1 -> (4, n) V, blocks of any length
    volts = emg.read(drive, motion=acceleration)   # with artefacts of the moving skin, m/s^2 beyond gravity
    emg.fatigue.state, emg.electrodes.off          # (4,) 0..1; (4,) bool, may be set

    imu = Imu(ImuConfig(), rng)
    imu.read(position, rotation, 1 / 148)          # (n, 3) m, (n, 3, 3) R_world_imu -> (n, 6) m/s^2, rad/s

A drive below the first unit's threshold (2 % of the maximum) is silence. Nothing in here reads a clock,
all randomness is passed in, and a stream cut into blocks is the same stream in distribution. What differs
between people is in the configs: `mvc_rms`, `TissueConfig` (fat, depth, fibres, electrode's place),
`FatigueConfig`, `ElectrodeConfig` (gain, crosstalk, noise).
"""

from rafr.risk.physiology.electrode import ElectrodeConfig, Electrodes
from rafr.risk.physiology.fatigue import Fatigue, FatigueConfig
from rafr.risk.physiology.inertial import GRAVITY, Imu, ImuConfig, felt
from rafr.risk.physiology.motor_units import MotorUnitConfig
from rafr.risk.physiology.muscles import MuscleConfig, SurfaceEmg
from rafr.risk.physiology.potentials import TissueConfig

__all__ = [
    "GRAVITY",
    "ElectrodeConfig",
    "Electrodes",
    "Fatigue",
    "FatigueConfig",
    "Imu",
    "ImuConfig",
    "MotorUnitConfig",
    "MuscleConfig",
    "SurfaceEmg",
    "TissueConfig",
    "felt",
]
