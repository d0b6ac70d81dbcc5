"""A driver in a thread of its own: nobody waits for the device."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable

from rafr.tracking.drivers.frame import Frame, TrackerDriver

_WAIT = 0.05  # s a driver may wait in one go: how fast the thread ends
_PATIENCE = 5.0  # s for a driver in the middle of connecting; the process does not wait for it longer
NOT_TAKEN = "frame not taken in time"


class FrameFeed:
    """Asks a driver for frames and keeps them until they are taken, the newest `depth` of them.

    A defect or an unusable configuration ends the thread; `failure` then holds the exception for the taker.
    """

    def __init__(self, driver: TrackerDriver, depth: int, notify: Callable[[], None]) -> None:
        self._driver = driver
        self._frames: deque[Frame] = deque()
        self._depth = depth
        self._notify = notify
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._overflow = 0
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="tracker driver", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread and close the device."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)

    def take(self) -> list[Frame]:
        """The frames that have come since the last call."""
        with self._lock:
            frames = list(self._frames)
            self._frames.clear()
        return frames

    @property
    def state(self) -> str:
        """What keeps frames from coming; empty while all is well."""
        return self._driver.state

    @property
    def losses(self) -> Counter[str]:
        """Frames, or parts of them, that nobody will see, by reason."""
        found = Counter(dict(self._driver.losses))
        if self._overflow:
            found[NOT_TAKEN] = self._overflow
        return found

    def _run(self) -> None:
        try:
            self._driver.open()
            while not self._stop.is_set():
                for frame in self._driver.frames(_WAIT):
                    self._keep(frame)
        except Exception as error:
            self.failure = error
            self._notify()
        finally:
            self._driver.close()

    def _keep(self, frame: Frame) -> None:
        with self._lock:
            if len(self._frames) >= self._depth:
                self._frames.popleft()
                self._overflow += 1
            self._frames.append(frame)
        self._notify()
