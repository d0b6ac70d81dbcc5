"""Faults of the optical tracker and its tools."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rafr.geometry import RigidTransform
from rafr.simulation.faults.fault import Delivered, Fault
from rafr.simulation.sensors import ToolReading, TrackerFrame
from rafr.tracking.tools import REFERENCE_TOOL

_JUMP = np.array([0.008, 0.0, 0.0])  # m, in the marker's axes
_DRIFT = np.array([0.0, 0.0005, 0.0])  # m/s
_LATE = 0.4  # s


def _on_fragment(tool: ToolReading) -> bool:
    return tool.name.startswith("fragment_")


def _with_tools(item: Delivered, change: Callable[[ToolReading], ToolReading]) -> Delivered:
    frame: TrackerFrame = item.frame
    return replace(item, frame=replace(frame, tools=tuple(map(change, frame.tools))))


def _shifted(tool: ToolReading, offset: np.ndarray) -> ToolReading:
    pose = tool.T_tracker_marker
    if pose is None or not _on_fragment(tool):
        return tool
    return replace(tool, T_tracker_marker=pose @ RigidTransform.from_translation(offset))


class TrackerFreeze(Fault):
    about = "the tracker repeats its last frame (same number, same poses) from then on"
    said = "tracked"
    _frozen: TrackerFrame | None = None

    def frames(self, frames: Sequence[Delivered], now: float) -> list[Delivered]:
        if frames and self._frozen is None:
            self._frozen = frames[0].frame
        # the device goes on stamping: only number and poses give the freeze away
        return [
            replace(item, frame=replace(self._frozen, stamp=item.frame.stamp))
            for item in frames
            if self._frozen is not None
        ]


class TrackerDrop(Fault):
    about = "the fragments' tools are no longer seen"
    said = "tracked"

    def frames(self, frames: Sequence[Delivered], now: float) -> list[Delivered]:
        return [
            _with_tools(item, lambda t: replace(t, T_tracker_marker=None) if _on_fragment(t) else t)
            for item in frames
        ]


class TrackerNan(Fault):
    about = "the tracker calls poses valid that are NaN (a damaged tool file)"
    said = "tracked"

    def frames(self, frames: Sequence[Delivered], now: float) -> list[Delivered]:
        blind = [_with_tools(item, lambda t: replace(t, T_tracker_marker=None)) for item in frames]
        return [replace(item, unseen_is_valid=True) for item in blind]


class TrackerJump(Fault):
    about = "a fragment's marker is bumped: its tool jumps by 8 mm and stays there"
    said = "tracked|marker that slipped"

    def frames(self, frames: Sequence[Delivered], now: float) -> list[Delivered]:
        return [_with_tools(item, lambda t: _shifted(t, _JUMP)) for item in frames]


class TrackerDrift(Fault):
    about = "a fragment's marker slips on its pin: its tool drifts by 0.5 mm/s"
    said = "marker that slipped"
    at_once = False
    _since: float | None = None

    def frames(self, frames: Sequence[Delivered], now: float) -> list[Delivered]:
        self._since = now if self._since is None else self._since
        offset = _DRIFT * (now - self._since)
        return [_with_tools(item, lambda t: _shifted(t, offset)) for item in frames]


class TrackerSwap(Fault):
    about = "the tracker takes the fragment's tool for the reference's and the other way round"
    said = "tracked"

    def frames(self, frames: Sequence[Delivered], now: float) -> list[Delivered]:
        return [self._swapped(item) for item in frames]

    @staticmethod
    def _swapped(item: Delivered) -> Delivered:
        poses = {t.name: t.T_tracker_marker for t in item.frame.tools}
        fragment = next((t.name for t in item.frame.tools if _on_fragment(t)), None)
        if fragment is None or REFERENCE_TOOL not in poses:
            return item
        other = {fragment: REFERENCE_TOOL, REFERENCE_TOOL: fragment}
        return _with_tools(item, lambda t: replace(t, T_tracker_marker=poses[other.get(t.name, t.name)]))


class TrackerLate(Fault):
    about = "frames arrive 0.4 s after their exposure"
    said = "tracked"

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self._waiting: deque[Delivered] = deque()

    def frames(self, frames: Sequence[Delivered], now: float) -> list[Delivered]:
        self._waiting.extend(frames)
        due = []
        while self._waiting and self._waiting[0].frame.stamp <= now - _LATE + 1e-9:
            due.append(self._waiting.popleft())
        return due
