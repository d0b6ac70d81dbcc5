"""Faults of the lines from the devices: late, out of order, on another clock, for ever the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.faults.fault import Delivered, Fault
from rafr.simulation.sensors import ArmReading

T = TypeVar("T")
_DELAY = 0.2  # s, each way
_LEAP = 5.0  # s
_OLD = 3 * 3600.0  # s

_LATE = r"late|ahead|no joint state|no wrench|not tracked"


class NetworkDelay(Fault):
    about = "whatever goes over the line comes 0.2 s late: commands, joint states, wrench and tracker"
    said = _LATE

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self._frames: deque[tuple[float, Delivered]] = deque()
        self._readings: deque[tuple[float, ArmReading]] = deque()
        self._commands: deque[tuple[float, FloatArray]] = deque()

    def frames(self, frames: Sequence[Delivered], now: float) -> list[Delivered]:
        return _delayed(self._frames, frames, now)

    def readings(self, readings: Sequence[ArmReading], now: float) -> list[ArmReading]:
        return _delayed(self._readings, readings, now)

    def commands(self, positions: Sequence[FloatArray], now: float) -> list[FloatArray]:
        return _delayed(self._commands, positions, now)


def _delayed(waiting: deque[tuple[float, T]], items: Sequence[T], now: float) -> list[T]:
    waiting.extend((now + _DELAY - 1e-9, item) for item in items)
    due = []
    while waiting and waiting[0][0] <= now:
        due.append(waiting.popleft()[1])
    return due


class _Leap(Fault):
    said = _LATE
    _by = 0.0

    def frames(self, frames: Sequence[Delivered], now: float) -> list[Delivered]:
        return [_stamped(item, self._by) for item in frames]

    def readings(self, readings: Sequence[ArmReading], now: float) -> list[ArmReading]:
        return [
            replace(r, stamp=r.stamp + self._by, wrench_stamp=r.wrench_stamp + self._by) for r in readings
        ]


class ClockForward(_Leap):
    about = "the devices' clock leaps 5 s forward: every stamp lies in the future"
    _by = _LEAP


class ClockBack(_Leap):
    about = "the devices' clock leaps 5 s back"
    _by = -_LEAP


def _stamped(item: Delivered, by: float) -> Delivered:
    return replace(item, frame=replace(item.frame, stamp=item.frame.stamp + by))


class TrackerOld(Fault):
    about = "the tracker stamps its frames three hours late"
    said = "tracked"

    def frames(self, frames: Sequence[Delivered], now: float) -> list[Delivered]:
        return [_stamped(item, -_OLD) for item in frames]


class JointsOld(Fault):
    about = "the arm's driver stamps its joint states three hours late"
    said = "joint state"

    def readings(self, readings: Sequence[ArmReading], now: float) -> list[ArmReading]:
        return [replace(r, stamp=r.stamp - _OLD) for r in readings]


class WrenchOld(Fault):
    about = "the wrist sensor stamps its readings three hours late"
    said = "wrench"

    def readings(self, readings: Sequence[ArmReading], now: float) -> list[ArmReading]:
        return [replace(r, wrench_stamp=r.wrench_stamp - _OLD) for r in readings]


class TrackerReorder(Fault):
    about = "the tracker's frames overtake each other: every second one comes before the one taken before it"
    said = "tracked"

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self._held: list[Delivered] = []

    def frames(self, frames: Sequence[Delivered], now: float) -> list[Delivered]:
        return _overtaken(self._held, frames)


class JointsReorder(Fault):
    about = "joint states overtake each other"
    said = "joint state"

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self._held: list[ArmReading] = []

    def readings(self, readings: Sequence[ArmReading], now: float) -> list[ArmReading]:
        return _overtaken(self._held, readings)


class WrenchReorder(Fault):
    about = "wrist readings overtake each other"
    said = "wrench"
    _before: ArmReading | None = None

    def readings(self, readings: Sequence[ArmReading], now: float) -> list[ArmReading]:
        through = []
        for reading in readings:
            # with odd joint states comes the reading before last, with even ones the newest
            other = self._before if self._before is not None and round(100 * now) % 2 else reading
            through.append(replace(reading, wrench=other.wrench, wrench_stamp=other.wrench_stamp))
            self._before = reading
        return through


def _overtaken(held: list[T], items: Sequence[T]) -> list[T]:
    """Every second item, each followed by the one before it."""
    through: list[T] = []
    for item in items:
        held.append(item)
        if len(held) == 2:
            through += [held[1], held[0]]
            held.clear()
    return through


class JointFreeze(Fault):
    about = "the arm's driver repeats its last joint positions to the last digit, with new stamps"
    said = "joint state"
    _frozen: FloatArray | None = None

    def readings(self, readings: Sequence[ArmReading], now: float) -> list[ArmReading]:
        frozen = self._frozen
        if frozen is None and readings:
            frozen = self._frozen = readings[0].q
        return [] if frozen is None else [replace(r, q=frozen, qd=np.zeros_like(r.qd)) for r in readings]
