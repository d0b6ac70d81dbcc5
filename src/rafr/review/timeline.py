"""The controls of a replay: where it is in time, play and pause, speed, and the events to jump to."""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rafr.review.attempts import attempted

SLOWEST, FASTEST = 0.5, 10.0  # times as fast as it was
_STEP = 0.1  # s
_TOUCHED = 0.5  # s of wall time: so long a slider that a person moves is left to the hand
_PLAY, _PAUSE = "play", "pause"
_BACK, _ON = "event before", "next event"


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the controls of a replay need; the callbacks may come from any thread.

    Attributes:
        duration: s.
        events: (s, name) in order of time.
        on_seek: told the time to show, s.   on_play: whether to play.   on_speed: times as fast as it was.
        speed: at first.
    """

    duration: float
    events: tuple[tuple[float, str], ...]
    on_seek: Callable[[float], None]
    on_play: Callable[[bool], None]
    on_speed: Callable[[float], None]
    speed: float = 1.0


class TimelineControls:
    """The widgets, on the panel of one browser or of all."""

    def __init__(self, gui: Any, timeline: Timeline) -> None:
        self._timeline = timeline
        self._t, self._touched = 0.0, 0.0
        self._times = [t for t, _ in timeline.events]
        self._names = named_events(timeline.events)
        end = max(math.ceil(timeline.duration / _STEP), 1) * _STEP
        with gui.add_folder("recording", order=-1.0):
            self._where = gui.add_markdown("")
            self._slider = gui.add_slider("time s", min=0.0, max=end, step=_STEP, initial_value=0.0)
            # two buttons: one that changes its meaning while a hand is on its way would do the converse
            self._play = gui.add_button_group("", (_PLAY, _PAUSE))
            self._speed = gui.add_number(
                "times as fast", timeline.speed, min=SLOWEST, max=FASTEST, step=_STEP * 5
            )
            self._jump = gui.add_button_group("", (_BACK, _ON))
            self._event = gui.add_dropdown("go to", self._names or ("–",))
        self._slider.on_update(attempted(self._slid))
        self._play.on_click(attempted(lambda event: timeline.on_play(event.target.value == _PLAY)))
        self._speed.on_update(attempted(lambda event: self._by_hand(event, timeline.on_speed)))
        self._jump.on_click(attempted(lambda event: self._step(1 if event.target.value == _ON else -1)))
        self._event.on_update(attempted(self._chosen))
        self.set_time(0.0, False)

    def set_time(self, t: float, playing: bool) -> None:
        """Show where the replay is (s) and whether it goes on."""
        self._t = t
        state = "playing" if playing else "standing"
        self._where.content = f"**{clock(t)}** of {clock(self._timeline.duration)}, {state}"
        if time.monotonic() - self._touched > _TOUCHED:
            self._slider.value = min(t, self._slider.max)
        passed = bisect_right(self._times, t + 1e-6)
        if self._names and self._event.value != self._names[max(passed - 1, 0)]:
            self._event.value = self._names[max(passed - 1, 0)]

    def _slid(self, event: Any) -> None:
        if event.client is not None:  # not by `set_time`
            self._touched = time.monotonic()
            self._timeline.on_seek(float(self._slider.value))

    def _by_hand(self, event: Any, take: Callable[[float], None]) -> None:
        if event.client is not None:
            take(float(event.target.value))

    def _chosen(self, event: Any) -> None:
        if event.client is not None and self._event.value in self._names:
            self._timeline.on_seek(self._times[self._names.index(self._event.value)])

    def _step(self, way: int) -> None:
        """To the next event, or to the one before."""
        if way > 0:
            later = [t for t in self._times if t > self._t + _STEP]
            found = later[0] if later else self._timeline.duration
        else:
            earlier = [t for t in self._times if t < self._t - _STEP]
            found = earlier[-1] if earlier else 0.0
        self._timeline.on_seek(found)


def clock(t: float) -> str:
    """s as minutes and seconds."""
    tenths = round(10 * t)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def named_events(events: tuple[tuple[float, str], ...]) -> tuple[str, ...]:
    """A name for each event that says when it was and that no other has."""
    names: list[str] = []
    for t, text in events:
        name = f"{clock(t)}  {text}"
        again = sum(other == name or other.startswith(f"{name} (") for other in names)
        names.append(f"{name} ({again + 1})" if again else name)
    return tuple(names)
