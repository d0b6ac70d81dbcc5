"""Where a run is shown while it goes on: a live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol, TextIO

from rafr.review.run import RunRecord
from rafr.review.terminal import PlainLines, panel

_PERIOD = 0.15  # s between redraws


class Screen(Protocol):
    def show(self, record: RunRecord, hint: str = "") -> None:
        """Bring the view up to date; cheap when called often."""

    def __enter__(self) -> Screen: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_screen(stream: TextIO, *, plain: bool) -> Screen:
    """A live panel when `stream` is a terminal and nothing speaks against it, else lines."""
    return PlainScreen(stream) if plain or not stream.isatty() else LiveScreen(stream)


class LiveScreen:
    """Redraws one panel in place."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(file=stream), auto_refresh=False)
        self._last = float("-inf")
        self._record: RunRecord | None = None

    def show(self, record: RunRecord, hint: str = "") -> None:
        self._record = record
        if time.monotonic() - self._last >= _PERIOD:
            self._last = time.monotonic()
            self._live.update(panel(record, hint), refresh=True)

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._record is not None:  # how it ended may have come within the last period
            self._live.update(panel(self._record), refresh=True)
        self._live.stop()


class PlainScreen:
    """Prints what is new, one line each."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines = PlainLines()
        self._start = time.monotonic()
        self._hints: set[str] = set()

    def show(self, record: RunRecord, hint: str = "") -> None:
        news = self._lines.news(record)
        if hint and hint not in self._hints:
            news.append(hint)
            self._hints.add(hint)
        for line in news:
            print(f"[{time.monotonic() - self._start:6.1f} s] {line}", file=self._stream, flush=True)

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
