"""The line to the simulated arm: a command takes effect one cycle after the state it answers, as in a driver.

Commands older than 50 ms of simulated time are refused, and without a newer one the arm stops.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from rafr.errors import RafrError
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.faults import FaultInjector
from rafr.simulation.live import LivePlant

TICK = 0.01  # s of simulated time
COMMAND_AGE = 0.05  # s of simulated time: the driver's own watchdog


class ArmLine:
    """Commands on their way to the drives.

    Attributes:
        answered: s, newest joint state that was answered.
    """

    def __init__(self) -> None:
        self.answered = -1.0
        self._waiting: deque[tuple[float, FloatArray]] = deque()
        self._obeyed = -np.inf

    def take(self, stamp: float, positions: FloatArray, now: float) -> bool:
        """A command (dof,) that answers the joint state of `stamp` (s); False when too old or ahead."""
        if abs(now - stamp) > COMMAND_AGE:
            return False
        self._waiting.append((stamp, positions))
        self.answered = max(self.answered, stamp)
        return True

    def passed_by(self, stamp: float, now: float) -> None:
        """A command that answers the joint state of `stamp` has reached the drives another way."""
        self.answered, self._obeyed = max(self.answered, stamp), now

    def watch(self, now: float, plant: LivePlant) -> None:
        """The watchdog: without commands the arm stays where its set point is."""
        if now - self._obeyed > COMMAND_AGE:
            plant.stop_arm()

    def obey(self, tick: float, faults: FaultInjector, plant: LivePlant) -> list[str]:
        """The commands that answer a tick or an earlier one take effect; what was refused, and why."""
        due, stamp, refused = [], tick, []
        while self._waiting and self._waiting[0][0] < tick + 1e-6:
            stamp, positions = self._waiting.popleft()
            due.append(positions)
        for positions in faults.commands(due, tick):
            try:
                plant.command_joints(positions)
            except RafrError as error:
                refused.append(str(error))
            else:
                self._obeyed = stamp
        return refused
