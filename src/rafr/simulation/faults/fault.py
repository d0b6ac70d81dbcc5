"""What every fault is: something between a device and its reader, or something done to the plant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.live import LivePlant
from rafr.simulation.sensors import ArmReading, TrackerFrame
from rafr.simulation.wearables import Demand


@dataclass(frozen=True, slots=True, eq=False)
class Delivered:
    """A tracker frame as the device hands it over; `unseen_is_valid`: NaN poses are called valid."""

    frame: TrackerFrame
    unseen_is_valid: bool = False


class Fault:
    """A device without fault; every fault overrides what it spoils. Active from `begin` on.

    Attributes:
        about: one line for `--faults help`.
        said: regular expression of a reason that names it, for a run that it ends.
        at_once: whether a reading gives it away as it happens; what drifts or rises does only in time.
        reaches_arm: False while the arm neither reports nor obeys.
    """

    about = ""
    said = ""
    at_once = True
    reaches_arm = True

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def begin(self, plant: LivePlant) -> None:
        """Happen."""

    def frames(self, frames: Sequence[Delivered], now: float) -> list[Delivered]:
        """What the tracker hands over at `now` (s) instead."""
        return list(frames)

    def readings(self, readings: Sequence[ArmReading], now: float) -> list[ArmReading]:
        """What the arm's driver hands over at `now` instead."""
        return list(readings)

    def wrench(self, measured: FloatArray, now: float) -> FloatArray:
        """(6,) what the wrist sensor says at `now` instead of `measured`."""
        return measured

    def muscles(self, demand: Demand) -> Demand:
        """What makes the patient's muscles fire instead."""
        return demand

    def lifting(self, load: float) -> float:
        """kg that the assistant lifts instead."""
        return load

    def commands(self, positions: Sequence[FloatArray], now: float) -> list[FloatArray]:
        """Joint positions (dof,) that the arm's drives get at `now` instead of those sent."""
        return list(positions)
