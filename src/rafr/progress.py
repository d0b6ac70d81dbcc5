"""How long work tells how far it is: a callable, so that the core knows no terminal and no ROS."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def __call__(self, fraction: float, text: str = "") -> None:
        """Called with the share done (0..1) and what is being done."""


def silent(fraction: float, text: str = "") -> None:
    """Reports nothing."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """A progress for a sub-task that fills `start`..`end` of the whole."""

    def report(fraction: float, text: str = "") -> None:
        progress(start + (end - start) * fraction, text)

    return report
