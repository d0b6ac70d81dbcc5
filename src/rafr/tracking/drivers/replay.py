"""A recorded tracker, at the pace it was recorded or faster: PLUS recordings and our own (MCAP)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rafr.config import option
from rafr.errors import InputError
from rafr.tracking.drivers.frame import Clock, Frame, Reading
from rafr.tracking.gating import pose_or_none
from rafr.tracking.recordings import read_recording
from rafr.units import to_metres

_TOPICS = ("/rafr/tracker/raw", "/rafr/tracker/tools")  # the device's own frames where they were recorded
_MOST = 1024  # frames handed out at once


@dataclass(frozen=True, slots=True)
class ReplayConfig:
    replay_file: str = option("", "PLUS recording (.igs.mha, .mha) or folder of an MCAP recording")
    replay_speed: float = option(1.0, "recorded seconds per second", lower=0.01, upper=1000.0)
    replay_loop: bool = option(False, "begin again at the end")


class RecordedPoses(Protocol):
    """What a recording holds.

    Attributes:
        times: s, ascending.   readings: per tool one for every time; None where the frame lacks the tool.
    """

    @property
    def times(self) -> Sequence[float]: ...

    @property
    def readings(self) -> Mapping[str, Sequence[Reading | None]]: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Recording:
    times: Sequence[float]
    readings: Mapping[str, Sequence[Reading | None]]


class ReplayDriver:
    """Frames get the time they are due as device time, so that the stamps do not jitter with the host."""

    def __init__(self, config: ReplayConfig, now: Clock, sleep: Callable[[float], None]) -> None:
        self._config = config
        self._now, self._sleep = now, sleep
        self._due: Iterator[Frame] = iter(())
        self._next: Frame | None = None
        self._opened = False
        self.losses: Counter[str] = Counter()

    @property
    def state(self) -> str:
        return "" if self._next is not None else "the recording has ended" if self._opened else "not open"

    def open(self) -> None:
        if not self._opened:
            recording = read_poses(Path(self._config.replay_file))
            self._due = self._schedule(recording, self._now())
            self._next = next(self._due, None)
            self._opened = True

    def frames(self, timeout: float) -> Sequence[Frame]:
        wait = np.inf if self._next is None else _time(self._next) - self._now()
        if wait > 0.0:
            self._sleep(min(wait, timeout))
        found: list[Frame] = []
        now = self._now()
        while self._next is not None and _time(self._next) <= now and len(found) < _MOST:
            found.append(Frame(self._next.device_time, now, self._next.frame_number, self._next.tools))
            self._next = next(self._due, None)
        return found

    def close(self) -> None:
        self._opened, self._next = False, None

    def _schedule(self, recording: RecordedPoses, start: float) -> Iterator[Frame]:
        times = np.asarray(recording.times, dtype=float)
        offsets = (times - times[0]) / self._config.replay_speed
        length = offsets[-1] + (float(np.median(np.diff(offsets))) if len(offsets) > 1 else 1.0)
        number = 0
        while True:
            for k, offset in enumerate(offsets):
                number += 1
                due = start + float(offset)
                seen = {name: r[k] for name, r in recording.readings.items()}
                yield Frame(due, due, number, {name: r for name, r in seen.items() if r is not None})
            if not self._config.replay_loop:
                return
            start += length


def _time(frame: Frame) -> float:
    return frame.arrival if frame.device_time is None else frame.device_time


def read_poses(path: Path) -> RecordedPoses:
    """The poses (m) of a recording, PLUS's or ours.

    Raises:
        InputError: not there, or no tracked frames in it.
    """
    if not path.exists() or not str(path).strip("."):
        raise InputError("tracker", f"replay_file is {str(path)!r}", "an existing recording")
    recording = read_mcap(path) if path.is_dir() or path.suffix == ".mcap" else read_plus(path)
    if not recording.times:
        raise InputError(path, "no tracked frames", "a recording of a tracker")
    return recording


def read_mcap(path: Path) -> RecordedPoses:
    """Frames of the topic `tracker/raw`, or `tracker/tools` where the former was not recorded."""
    from rosbags.highlevel import AnyReader

    by_topic: dict[str, list[Any]] = {topic: [] for topic in _TOPICS}
    try:
        with AnyReader([path]) as reader:  # the message definitions are in the file
            chosen = [c for c in reader.connections if c.topic in by_topic]
            for connection, _, data in reader.messages(chosen) if chosen else ():
                by_topic[connection.topic].append(reader.deserialize(data, connection.msgtype))
    except Exception as error:  # the library's decoders raise whatever they stumble over
        problem = f"cannot be read ({type(error).__name__}: {error})"
        raise InputError(path, problem, "an undamaged MCAP recording of rafr") from None
    frames = next((found for found in by_topic.values() if found), [])
    rows = [(m.header.stamp.sec + 1e-9 * m.header.stamp.nanosec, _readings_of(m)) for m in frames]
    return _table(sorted(rows, key=lambda row: row[0]))


def read_plus(path: Path) -> RecordedPoses:
    """Every transform of a PLUS sequence file under its name (`StylusToTracker`)."""
    found = read_recording(path)
    readings = {
        name: [Reading(None, status="invalid") if T is None else Reading(to_metres(T)) for T in poses]
        for name, poses in found.poses_mm.items()
    }
    return _Recording(found.times.tolist(), readings)


def _readings_of(message: Any) -> dict[str, Reading]:
    found = {}
    for tool in message.tools:
        p, q = tool.pose.position, tool.pose.orientation
        pose = pose_or_none([p.x, p.y, p.z], [q.x, q.y, q.z, q.w]) if tool.valid else None
        found[tool.name] = Reading(pose, tool.error, "" if pose is not None else "not visible")
    return found


def _table(rows: Sequence[tuple[float, Mapping[str, Reading]]]) -> _Recording:
    names = sorted({name for _, readings in rows for name in readings})
    readings = {name: [found.get(name) for _, found in rows] for name in names}
    return _Recording([time for time, _ in rows], readings)
