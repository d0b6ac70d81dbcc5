"""The plant that steps itself, as fast as it can."""

from __future__ import annotations

from rafr.errors import InputError
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.embedded.engine import MujocoEngine
from rafr.simulation.engine import TIME_STEP
from rafr.simulation.plant import Plant

_LOOK = 10  # ms between two looks at the room


class EmbeddedPlant(Plant):
    """Robot and patient in MuJoCo."""

    def __init__(self, arrangement: Arrangement) -> None:
        self._mujoco = MujocoEngine(arrangement)
        super().__init__(arrangement, self._mujoco)

    def step(self, n: int = 1) -> int:
        """Let `n` ms pass; returns `n`.

        Raises:
            InputError: a negative `n`.
            PlantError: the state is no longer finite or physically possible.
        """
        if n < 0:
            raise InputError("plant", f"{n} ms are to pass", "0 or more")
        left = n
        while left > 0 and not self.resting:
            few = min(left, _LOOK)
            for _ in range(few):
                self.act()
                self._mujoco.finish()
            self.notice(few)
            left -= few
        self.time += left * TIME_STEP
        return n

    def settle(self, longest: float = 5.0) -> None:
        """Let the patient lie until nothing moves (at most `longest` s); the clock starts after that."""
        while not self.resting and self.time < longest:
            self.step(10)
        self.time = 0.0

    def close(self) -> None:
        """Nothing to end."""
