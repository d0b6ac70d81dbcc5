"""Faults of the arm, its drives, the line to it and the base it stands on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.faults.fault import Fault
from rafr.simulation.live import LivePlant

_LAG = 0.25  # s
_LOST = 0.3  # share of the commands


class JointStuck(Fault):
    about = "the arm's elbow no longer follows its commands"
    said = "not follow"
    at_once = False

    def begin(self, plant: LivePlant) -> None:
        plant.stick_joint((len(plant.joint_names) - 1) // 2)  # the elbow of arms with six or seven joints


class ArmConnectionLost(Fault):
    about = "the arm answers nothing and follows nothing any more"
    said = "no joint state|no wrench"
    reaches_arm = False


class PowerLoss(Fault):
    about = "the mains fail: brakes of arm, base and winch fall in, the arm reports nothing any more"
    said = "no joint state|no wrench"
    reaches_arm = False

    def begin(self, plant: LivePlant) -> None:
        plant.stop_arm()  # brakes hold the joints where they are; the winch is self-locking anyway
        plant.set_brakes(True)


class ArmLag(Fault):
    about = "the arm follows every command 0.25 s late"
    said = "not follow"
    at_once = False

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self._waiting: deque[tuple[float, FloatArray]] = deque()

    def commands(self, positions: Sequence[FloatArray], now: float) -> list[FloatArray]:
        self._waiting.extend((now + _LAG, q) for q in positions)
        due = []
        while self._waiting and self._waiting[0][0] <= now:
            due.append(self._waiting.popleft()[1])
        return due


class ArmLimit(Fault):
    about = "the arm's own safety stops it: it goes on reporting and obeys no more"
    said = "not follow"
    at_once = False

    def commands(self, positions: Sequence[FloatArray], now: float) -> list[FloatArray]:
        return []


class NetworkDrop(Fault):
    about = "three in ten commands to the arm are lost on the line"
    said = "not follow"
    at_once = False

    def commands(self, positions: Sequence[FloatArray], now: float) -> list[FloatArray]:
        return [q for q in positions if self._rng.random() >= _LOST]


class NetworkReorder(Fault):
    about = "commands to the arm overtake each other: every second one comes before the one sent before it"
    said = "not follow"
    at_once = False

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self._held: FloatArray | None = None

    def commands(self, positions: Sequence[FloatArray], now: float) -> list[FloatArray]:
        through: list[FloatArray] = []
        for q in positions:
            if self._held is None:
                self._held = q
            else:
                through += [q, self._held]
                self._held = None
        return through


class BaseSlip(Fault):
    about = "the base's brakes slip: it rolls 6 mm, at 10 mm/s, with the fragment in the clamp"
    said = "base"
    at_once = False

    def begin(self, plant: LivePlant) -> None:
        plant.slip_base()
