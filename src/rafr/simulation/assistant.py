"""An assistant beside the table who lifts now and then: someone of `rafr.risk.lifting`, as a stream.

A model that was trained on people who lift (`rafr risk train`) judges this one like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from rafr.config import option
from rafr.geometry.minimum_jerk import minimum_jerk
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.data.columns import MUSCLES, TRIGNO_EMG_RATE, TRIGNO_IMU_RATE
from rafr.risk.lifting.movement import Movement, lift_boxes, stand
from rafr.risk.lifting.person import draw_person
from rafr.risk.lifting.wearer import ARM, SIDES, dressed, drive_at_emg, emg_samples, shaken_at_emg

LIFTING_CHANNELS = MUSCLES
_AXES = ("acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z")
INERTIAL_CHANNELS = tuple(f"{muscle}/{axis}" for muscle in MUSCLES for axis in _AXES)
_ARMS_ORDER = [f"{side}_{muscle}" for side in SIDES for muscle in ARM]
_ROWS = [_ARMS_ORDER.index(name) for name in MUSCLES]  # of what is made arm by arm
_STRETCH = 27.0  # s made at once: a whole number of both sensors' samples
_BLEND = 2.0  # s in which one stretch goes over into the next


@dataclass(frozen=True, slots=True)
class AssistantConfig:
    """Who lifts what."""

    load: float = option(3.0, "that is lifted and put down", unit="kg", lower=0.0, upper=40.0)
    rest: float = option(81.0, "between two stretches of 27 s of lifting", unit="s", lower=0.0, upper=3600.0)
    strength: float = option(1.4, "of the joints, over that of anybody drawn", lower=0.3, upper=4.0)
    effort_rms: float = option(4e-4, "EMG of the greatest effort", unit="V", lower=1e-6, upper=1e-2)
    sharing: float = option(0.2, "of the muscles' share in a moment, logarithm, slow", lower=0.0, upper=1.0)
    haste: float = option(1.0, "durations of movements are divided by it", lower=0.3, upper=3.0)


class AssistantSensors:
    """EMG and inertial sensors on both biceps and deltoids."""

    def __init__(self, config: AssistantConfig, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng
        anybody = draw_person(rng)
        person = replace(
            anybody,
            elbow_strength=config.strength * anybody.elbow_strength,
            shoulder_strength=config.strength * anybody.shoulder_strength,
            mvc_rms=config.effort_rms,
        )
        self._wearer = dressed(person, rng)
        self._load = config.load  # kg, for which the drive was made
        self._movement: Movement | None = None  # of the newest stretch
        self._after: Movement | None = None  # how it would go on
        self._resting = 0.0  # s that are due
        self._seed = 0  # of the newest stretch's shares
        self._drive, self._shaken = np.zeros((4, 0)), np.zeros((4, 0))  # at the EMG's rate, arm by arm
        self._felt = np.zeros((24, 0))
        self._read = [0, 0]  # samples so far
        self._until = 0.0

    def read(
        self, duration: float, change: Callable[[float], float] = float
    ) -> tuple[tuple[float, FloatArray], tuple[float, FloatArray]]:
        """The next `duration` s: begin and (muscles, n) V; begin and (sensors times 6, m) m/s^2, rad/s.

        Args:
            change: of the load, kg.
        """
        self._until += duration
        rates = TRIGNO_EMG_RATE, TRIGNO_IMU_RATE
        starts = [count / rate for count, rate in zip(self._read, rates, strict=True)]
        counts = [int(np.floor(self._until * rate + 1e-6)) for rate in rates]
        n, m = (count - read for count, read in zip(counts, self._read, strict=True))
        self._read = counts
        self._carry(change(self._config.load))
        while self._drive.shape[1] < n or self._felt.shape[1] < m:
            self._go_on()
        drive, self._drive = np.split(self._drive, [n], axis=1)
        shaken, self._shaken = np.split(self._shaken, [n], axis=1)
        felt, self._felt = np.split(self._felt, [m], axis=1)
        volts = [
            arm.read(drive[k : k + 2], shaken[k : k + 2])
            for k, arm in zip((0, 2), self._wearer.arms.values(), strict=True)
        ]
        return (starts[0], np.concatenate(volts)[_ROWS]), (starts[1], felt)

    def _carry(self, load: float) -> None:
        """What is still to come of a stretch goes on with another load in the hands."""
        if load == self._load:
            return
        self._load = load
        rest = self._drive.shape[1]
        if self._movement is not None and rest:
            self._drive = self._works(self._movement)[:, -rest:]

    def _go_on(self) -> None:
        c, overlap = self._config, round(_BLEND * TRIGNO_IMU_RATE)
        count = round(_STRETCH * TRIGNO_IMU_RATE)
        seconds = _STRETCH + _BLEND
        if self._resting >= 0.5 * _STRETCH:
            self._resting -= _STRETCH
            made = stand(seconds, TRIGNO_IMU_RATE, self._rng)
        else:
            self._resting += c.rest
            made = lift_boxes(self._wearer.person, c.load, c.haste, seconds, TRIGNO_IMU_RATE, self._rng)
        begun = made if self._after is None else _blended(self._after, made, overlap)
        movement = _part(begun, 0, count)
        self._after = _part(begun, count, count + overlap)
        self._movement, self._seed = movement, int(self._rng.integers(2**32))
        felt = np.concatenate([self._wearer.feels(side, movement) for side in SIDES])
        self._drive = np.concatenate([self._drive, self._works(movement)], axis=1)
        shaken = shaken_at_emg(felt, emg_samples(movement))
        self._shaken = np.concatenate([self._shaken, shaken], axis=1)
        rows = felt[_ROWS].transpose(0, 2, 1).reshape(24, count)
        self._felt = np.concatenate([self._felt, rows], axis=1)

    def _works(self, movement: Movement) -> FloatArray:
        """(4, n) arm by arm, at the EMG's rate; the same shares each time it is asked for a stretch."""
        rng = np.random.default_rng(self._seed)
        works = [self._wearer.works(side, movement, self._load, self._config.sharing, rng) for side in SIDES]
        return drive_at_emg(np.concatenate(works), emg_samples(movement))


def _part(movement: Movement, first: int, last: int) -> Movement:
    return Movement(**{f.name: getattr(movement, f.name)[first:last] for f in fields(Movement)})


def _blended(before: Movement, after: Movement, overlap: int) -> Movement:
    """`after`, reached from `before` within its first `overlap` samples, with minimum jerk."""
    blend = minimum_jerk(np.linspace(0.0, 1.0, overlap))

    def mixed(name: str) -> FloatArray:
        old, new = getattr(before, name), getattr(after, name)
        return np.concatenate([(1.0 - blend) * old + blend * new[:overlap], new[overlap:]])

    return Movement(**{f.name: mixed(f.name) for f in fields(Movement)})
