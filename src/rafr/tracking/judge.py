"""From a frame of the device to tools one may believe: our names, swapped names, the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rafr.geometry import RigidTransform
from rafr.tracking.drivers.frame import Reading
from rafr.tracking.gating import ToolGate, ToolSample, ToolState
from rafr.tracking.names import SwapWatch, ToolNames


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What is believed of one frame.

    Attributes:
        readings: as delivered, under our names.
        states: per tool, also for tools seen before that are missing from this frame.
        swapped: for every tool whose name looks swapped, the tool it seems to be.
    """

    readings: Mapping[str, Reading]
    states: Mapping[str, ToolState]
    swapped: Mapping[str, str]

    @property
    def valid(self) -> dict[str, RigidTransform]:
        """`T_tracker_tool` (m) of the tools that may be used."""
        return {n: s.T_tracker_tool for n, s in self.states.items() if s.T_tracker_tool is not None}


class ToolJudge:
    """Judges every frame of one tracker."""

    def __init__(self, gate: ToolGate, names: ToolNames) -> None:
        self.names = names
        self._gate = gate
        self._swaps = SwapWatch()

    def judge(self, stamp: float, frame_number: int, tools: Mapping[str, Reading], now: float) -> Verdict:
        """A frame exposed at `stamp` (s), looked at `now` (s, the same clock)."""
        readings = self.names.rename(tools)
        seen = {n: r.T_tracker_tool for n, r in readings.items() if r.T_tracker_tool is not None}
        swapped = self._swaps.update(seen)
        samples = [
            _sample(name, stamp, frame_number, reading, swapped.get(name))
            for name, reading in readings.items()
        ]
        return Verdict(readings, self._gate.update(samples, now), swapped)


def _sample(name: str, stamp: float, number: int, reading: Reading, swapped_with: str | None) -> ToolSample:
    pose, status = reading.T_tracker_tool, reading.status
    if swapped_with is not None:
        pose, status = None, f"name looks swapped with {swapped_with}"
    return ToolSample(
        name, stamp, number, pose, reading.error, status=status, reprojection_px=reading.reprojection_px
    )
