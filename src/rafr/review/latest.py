"""Work in the background of which only the newest of each kind matters."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Latest:
    """One thread; work asked for while older work of its kind waits takes that one's place."""

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._waiting: dict[str, Callable[[], None]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def ask(self, kind: str, work: Callable[[], None]) -> None:
        with self._changed:
            self._waiting[kind] = work
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                work = self._waiting.pop(next(iter(self._waiting)))
            try:
                work()
            except Exception as error:  # whatever a picture breaks on must not end all later ones
                self._on_error(error)
