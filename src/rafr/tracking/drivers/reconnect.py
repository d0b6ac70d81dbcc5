"""A device that comes back: reconnects with exponential back-off, notices silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.tracking.drivers.frame import Clock, DeviceLostError, Frame, TrackerDriver


@dataclass(frozen=True, slots=True)
class ReconnectConfig:
    retry_first: float = option(0.25, "wait before the first new attempt", unit="s", lower=0.01, upper=60.0)
    retry_factor: float = option(2.0, "growth of the wait from attempt to attempt", lower=1.0, upper=10.0)
    retry_longest: float = option(5.0, "longest wait", unit="s", lower=0.01, upper=600.0)
    retry_jitter: float = option(0.2, "share of the wait that is random", lower=0.0, upper=0.9)
    silence_reconnect: float = option(
        2.0, "silence of an open device that ends the connection", unit="s", lower=0.05, upper=60.0
    )


class Reconnecting:
    """Wraps a driver; `frames` never raises for a device that is away.

    The wait grows until frames come, not until a connection does: a peer may accept and say nothing.
    """

    def __init__(
        self,
        driver: TrackerDriver,
        config: ReconnectConfig,
        now: Clock,
        sleep: Callable[[float], None],
        random: np.random.Generator,
    ) -> None:
        self._driver = driver
        self._config = config
        self._now, self._sleep, self._random = now, sleep, random
        self._opened = False
        self._attempts = 0
        self._next_attempt = -np.inf
        self._heard = -np.inf
        self._trouble = "not connected yet"
        self.reconnects = 0

    @property
    def losses(self) -> Counter[str]:
        return self._driver.losses

    @property
    def state(self) -> str:
        return self._driver.state if self._opened else self._trouble

    def open(self) -> None:
        """The first attempt is made by `frames`, so that a device may be switched on later."""

    def frames(self, timeout: float) -> Sequence[Frame]:
        try:
            if not self._opened and not self._reopen(timeout):
                return ()
            frames = self._driver.frames(timeout)
        except (DeviceLostError, OSError) as error:
            self._hang_up(str(error))
            return ()
        now = self._now()
        if frames:
            self._heard, self._attempts = now, 0
        elif now - self._heard > self._config.silence_reconnect:
            self._hang_up(f"silent for {now - self._heard:.1f} s")
        return frames

    def close(self) -> None:
        self._driver.close()
        self._opened = False

    def wait_before(self, attempt: int) -> float:
        """Wait (s) before attempt 1, 2, …, jitter included."""
        grown = self._config.retry_first * self._config.retry_factor ** min(attempt - 1, 60)
        jitter = self._config.retry_jitter * self._random.uniform(-1.0, 1.0)
        return float(min(grown, self._config.retry_longest) * (1.0 + jitter))

    def _reopen(self, timeout: float) -> bool:
        wait = self._next_attempt - self._now()
        if wait > 0.0:
            self._sleep(min(wait, timeout))
            return False
        self._driver.open()
        self.reconnects += self._attempts > 0
        self._opened, self._heard = True, self._now()
        return True

    def _hang_up(self, trouble: str) -> None:
        self._driver.close()
        self._opened = False
        self._attempts += 1
        wait = self.wait_before(self._attempts)
        self._next_attempt = self._now() + wait
        self._trouble = f"{trouble}; attempt {self._attempts + 1} in {wait:.1f} s"
