"""A person with sensors on both arms: what they feel of a movement, and how hard the muscles work in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.data.columns import MUSCLES, TRIGNO_EMG_RATE, TRIGNO_IMU_RATE
from rafr.risk.lifting.mechanics import joint_moments, sensor_poses
from rafr.risk.lifting.movement import Movement
from rafr.risk.lifting.person import Person
from rafr.risk.physiology import (
    GRAVITY,
    ElectrodeConfig,
    FatigueConfig,
    Imu,
    ImuConfig,
    MuscleConfig,
    SurfaceEmg,
    TissueConfig,
)

SIDES = ("right", "left")
ARM = ("biceps", "deltoid")
_LEAD = 0.05  # s by which EMG comes before the force


@dataclass(slots=True)
class Wearer:
    """State of muscles and electrodes goes on from movement to movement.

    Attributes:
        arms: per side, EMG of biceps and deltoid.   imus: per muscle's name.
    """

    person: Person
    arms: dict[str, SurfaceEmg]
    imus: dict[str, Imu]

    def feels(self, side: str, movement: Movement) -> FloatArray:
        """(2, m, 6) readings of an arm's inertial sensors, m/s^2 and rad/s."""
        poses = [(f"{side}_{m}", *sensor_poses(self.person, movement, m, side)) for m in ARM]
        return np.stack([self.imus[name].read(p, r, 1.0 / TRIGNO_IMU_RATE) for name, p, r in poses])

    def works(
        self, side: str, movement: Movement, load: float, sharing: float, rng: np.random.Generator
    ) -> FloatArray:
        """(2, m) drive 0..1 of an arm's muscles while both arms lift `load` (kg).

        Args:
            sharing: spread of the muscles' share in a joint's moment, logarithm.
        """
        person = self.person
        share = person.left_share if side == "left" else 1.0 - person.left_share
        moments = joint_moments(person, movement, share * load, TRIGNO_IMU_RATE)
        elbow_best = 0.65 + 0.35 * np.cos(movement.elbow - 1.5)
        shoulder_best = 1.0 - 0.25 * np.clip(movement.arm, 0.0, 1.6) / 1.57
        drives = []
        for moment, strength in (
            (moments.elbow, person.elbow_strength * elbow_best),
            (moments.shoulder, person.shoulder_strength * shoulder_best),
        ):
            ratio = moment / strength
            flexing = np.maximum(ratio, 0.0) ** person.effort_power
            opposed = person.antagonist * np.maximum(-ratio, 0.0)
            # how the muscles of a joint share its moment wanders from lift to lift and from day to day
            knots = rng.normal(size=2 + round(len(moment) / TRIGNO_IMU_RATE / 2.0))
            at = np.linspace(0.0, len(knots) - 1.0, len(moment))
            wander = np.interp(at, np.arange(len(knots)), knots) + 0.7 * rng.normal()
            drives.append(np.exp(sharing * wander) * (flexing + opposed) + person.bracing * movement.held)
        drive: FloatArray = np.clip(np.stack(drives), 0.0, 1.0)
        return drive


def dressed(person: Person, rng: np.random.Generator) -> Wearer:
    """Sensors put on, with everything that differs from one time to the next."""
    muscle = MuscleConfig(
        mvc_rms=person.mvc_rms,
        tissue=TissueConfig(fat=person.fat, electrode=rng.uniform(0.02, 0.035)),
        fatigue=FatigueConfig(work_time=person.fatigue_time),
        electrode=ElectrodeConfig(crosstalk=0.1),
    )
    arms = {side: SurfaceEmg(2, TRIGNO_EMG_RATE, rng, muscle) for side in SIDES}
    return Wearer(person, arms, {name: Imu(ImuConfig(), rng) for name in MUSCLES})


def emg_samples(movement: Movement) -> int:
    """How many samples of EMG fall into a movement."""
    return round(len(movement.arm) * TRIGNO_EMG_RATE / TRIGNO_IMU_RATE)


def drive_at_emg(slow: FloatArray, n: int) -> FloatArray:
    """(rows, n) at the EMG's rate, of drives (rows, m) at the inertial sensors'; muscles are early."""
    return _faster(slow, n, _LEAD)


def shaken_at_emg(readings: FloatArray, n: int) -> FloatArray:
    """(rows, n) m/s^2 by which skin is moved beyond gravity, of inertial readings (rows, m, 6)."""
    return _faster(np.abs(np.linalg.norm(readings[:, :, :3], axis=2) - GRAVITY), n, 0.0)


def _faster(rows: FloatArray, n: int, lead: float) -> FloatArray:
    t_imu = np.arange(rows.shape[1]) / TRIGNO_IMU_RATE
    t_emg = np.arange(n) / TRIGNO_EMG_RATE
    return np.stack([np.interp(t_emg + lead, t_imu, row) for row in rows])
