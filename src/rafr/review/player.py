"""Plays something step by step until it ends or is paused."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Player:
    """Calls `step` again and again, in a thread of its own, while it plays.

    Args:
        step: returns whether there is more.   period: s between two steps.
    """

    def __init__(self, step: Callable[[], bool], period: float = 0.1) -> None:
        self._step, self._period = step, period
        self._playing = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def toggle(self) -> None:
        """Play, or pause."""
        if self._playing.is_set():
            self._playing.clear()
            return
        self._playing.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._play, daemon=True)
            self._thread.start()

    @property
    def playing(self) -> bool:
        return self._playing.is_set() and not self._closed.is_set()

    def close(self) -> None:
        self._closed.set()
        self._playing.set()

    def _play(self) -> None:
        while True:
            self._playing.wait()
            if self._closed.wait(self._period):
                return
            if not self._step():
                self._playing.clear()
