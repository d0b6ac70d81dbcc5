"""Dwells: stretches of a recording in which the tip of a tool stood in one divot."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.tracking.recordings import Recording

_RANGE = re.compile(r"(\d+)-(\d+)")
MIN_FRAMES = 3


@dataclass(frozen=True, slots=True, eq=False)
class Dwell:
    """The valid poses `T_reference_tool` of one stretch.

    Attributes:
        first, last: the stretch, frames of the recording, both included.
        frames: (n,) the valid ones.
        rotations: (n, 3, 3).
        translations_mm: (n, 3).
    """

    first: int
    last: int
    frames: NDArray[np.int64]
    rotations: FloatArray
    translations_mm: FloatArray

    def __len__(self) -> int:
        return len(self.frames)

    def tips_mm(self, tip_mm: FloatArray) -> FloatArray:
        """(n, 3) where the tip (3,) of the tool lies in the reference, frame by frame."""
        return self.rotations @ tip_mm + self.translations_mm

    @property
    def label(self) -> str:
        return f"{self.first}-{self.last}"


def parse_frames(text: str | None, n: int) -> tuple[tuple[int, int], ...]:
    """`77-162,172-254` as pairs of frames of a recording of n; all of it where there is no text.

    Raises:
        InputError: not such a list, a stretch that runs backwards, outside the recording, or over another.
    """
    if text is None:
        return ((0, n - 1),)
    ranges = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise InputError(
                "--frames", f"{part!r} is no stretch of frames", "first-last, as in 77-162,172-254"
            )
        first, last = int(match[1]), int(match[2])
        if not first < last < n:
            raise InputError("--frames", f"{part!r} lies outside", f"first < last, both in 0-{n - 1}")
        ranges.append((first, last))
    ordered = sorted(ranges)
    for (_, end), (start, _) in pairwise(ordered):
        if start <= end:
            raise InputError(
                "--frames", f"two stretches hold frame {start}", "stretches apart from each other"
            )
    return tuple(ranges)


def read_dwells(
    recording: Recording, tool: str, reference: str, ranges: tuple[tuple[int, int], ...]
) -> tuple[Dwell, ...]:
    """The poses of a tool in every stretch.

    Raises:
        InputError: no such tool, or a stretch with fewer than three valid frames.
    """
    poses = recording.relative(tool, reference)
    dwells = []
    for first, last in ranges:
        seen = {k: T for k in range(first, last + 1) if (T := poses[k]) is not None}
        if len(seen) < MIN_FRAMES:
            raise InputError(
                recording.path,
                f"{tool} was seen in {len(seen)} of the frames {first}-{last}",
                f"{MIN_FRAMES} or more",
            )
        rotations = np.array([T.rotation for T in seen.values()])
        translations = np.array([T.translation for T in seen.values()])
        dwells.append(Dwell(first, last, np.array(list(seen)), rotations, translations))
    return tuple(dwells)


def choose_tool(recording: Recording, tool: str | None, reference: str) -> str:
    """The tool named, else the only one that was tracked beside the reference.

    Raises:
        InputError: several were.
    """
    if tool is not None:
        return tool
    suffix = "ToTracker"
    tools = [n.removesuffix(suffix) for n in recording.poses_mm if n.endswith(suffix)]
    others = [t for t in tools if t != reference]
    if len(others) != 1:
        raise InputError(
            "--tool", f"{recording.path} tracks {', '.join(others) or 'none'}", "one of them named"
        )
    return others[0]


def choose_reference(recording: Recording, reference: str | None) -> str:
    """The frame named, else the tool called Reference where one was tracked, else the tracker's own."""
    if reference is not None:
        return reference
    return "Reference" if recording.tracks("Reference") else "Tracker"
