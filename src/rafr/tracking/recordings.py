"""Recordings of tracked tools: sequence files (`.igs.mha`) of the PLUS toolkit.

A sequence file is a MetaImage whose header carries, per frame, a time stamp and one matrix per transform:
`Seq_Frame0007_StylusToTrackerTransform = …` (16 numbers, row by row, mm) maps Stylus coordinates into
Tracker, so it is `T_tracker_stylus`; `…TransformStatus = OK` says that it was measured. The pixels behind the
header, if there are any, are never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray

TRACKER = "Tracker"
_EXPECTED = "a PLUS sequence file (.igs.mha)"
_FIELD = re.compile(r"Seq_Frame(\d+)_(\w+)\s*=\s*(.*)")
# of R Rᵀ from the identity: devices print five digits, and PLUS's own recordings are off by up to 6e-4
_ROTATION_TOLERANCE = 0.01

Poses = tuple[RigidTransform | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What a tracker saw, frame by frame.

    Attributes:
        path: the file.
        times: (n,) s on the recording's own clock, never decreasing.
        frame_numbers: (n,) the device's own count, or 0..n-1 where it gave none.
        poses_mm: by transform name (`StylusToTracker`): n poses `T_tracker_stylus` in **mm**, as recorded;
            None where the device called the frame invalid.
    """

    path: Path
    times: FloatArray
    frame_numbers: NDArray[np.int64]
    poses_mm: Mapping[str, Poses]

    def __len__(self) -> int:
        return len(self.times)

    def poses(self, name: str) -> Poses:
        """The n poses (mm) of a transform by its name.

        Raises:
            InputError: no such transform; the names there are are listed.
        """
        if name not in self.poses_mm:
            known = ", ".join(self.poses_mm)
            raise InputError(self.path, f"no transform {name!r} in it", f"one of {known}")
        return self.poses_mm[name]

    def relative(self, tool: str, reference: str) -> Poses:
        """n poses `T_reference_tool` (mm): recorded as such, or both tools' poses in the tracker combined.

        None where either was not seen.
        """
        direct = f"{tool}To{reference}"
        if direct in self.poses_mm or reference == TRACKER:
            return self.poses(direct)
        seen = zip(self.poses(f"{tool}To{TRACKER}"), self.poses(f"{reference}To{TRACKER}"), strict=True)
        return tuple(None if t is None or r is None else r.inverse() @ t for t, r in seen)

    def tracks(self, name: str) -> bool:
        """Whether a tool of this name was tracked."""
        return f"{name}To{TRACKER}" in self.poses_mm


def read_recording(path: Path | str) -> Recording:
    """Read the header of a sequence file.

    Raises:
        InputError: not a sequence file, truncated, a field missing, or a pose that counts as valid and is no
            proper motion; names the file and the frame.
    """
    path = Path(path)
    frames = _read_frames(path)
    times = np.array([_number(path, k, fields, "Timestamp") for k, fields in enumerate(frames)])
    if (back := np.flatnonzero(np.diff(times) < 0.0)).size:
        problem = f"frame {back[0] + 1} is stamped before frame {back[0]}"
        raise InputError(path, problem, "times that never decrease")
    names = sorted({key.removesuffix("Transform") for f in frames for key in f if key.endswith("Transform")})
    if not names:
        raise InputError(path, "no transform in it", "fields Seq_Frame0000_<Tool>To<Reference>Transform")
    poses = {name: tuple(_pose(path, k, fields, name) for k, fields in enumerate(frames)) for name in names}
    return Recording(path, times, _frame_numbers(path, frames), poses)


def _read_frames(path: Path) -> list[dict[str, str]]:
    """The per-frame fields of the header, in order."""
    found: dict[int, dict[str, str]] = {}
    size: list[str] = []
    for line in _header(path):
        if match := _FIELD.fullmatch(line):
            found.setdefault(int(match[1]), {})[match[2]] = match[3]
        elif line.startswith("DimSize"):
            size = line.partition("=")[2].split()
    n = int(size[-1]) if size and size[-1].isdigit() else 0
    if n == 0 or not found:
        raise InputError(path, "a MetaImage without tracked frames", "fields Seq_Frame0000_… and a DimSize")
    missing = next((k for k in range(n) if k not in found), None)
    if missing is not None or len(found) != n:
        which = f"frame {missing} is missing" if missing is not None else f"{len(found)} frames"
        raise InputError(path, which, f"the {n} frames its DimSize promises")
    return [found[k] for k in range(n)]


def _header(path: Path) -> Iterator[str]:
    """The lines of the header, up to where the pixels begin."""
    try:
        with path.open("rb") as file:
            if not file.read(10).startswith((b"ObjectType", b"NDims")):
                raise InputError(path, "not a MetaImage: it does not begin with ObjectType", _EXPECTED)
            file.seek(0)
            for raw in file:
                line = raw.decode("utf-8", "replace").strip()
                if line.startswith("ElementDataFile"):
                    return
                yield line
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", _EXPECTED) from None
    raise InputError(path, "the header ends before ElementDataFile: truncated", _EXPECTED)


def _field(path: Path, k: int, fields: Mapping[str, str], name: str) -> str:
    if name not in fields:
        raise InputError(path, f"frame {k} has no {name}", f"a field Seq_Frame{k:04d}_{name}")
    return fields[name]


def _number(path: Path, k: int, fields: Mapping[str, str], name: str) -> float:
    text = _field(path, k, fields, name)
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(path, f"{name} of frame {k} is {text!r}", "a finite number")
    return value


def _frame_numbers(path: Path, frames: list[dict[str, str]]) -> NDArray[np.int64]:
    if not any("FrameNumber" in fields for fields in frames):
        return np.arange(len(frames), dtype=np.int64)
    numbers = [_number(path, k, fields, "FrameNumber") for k, fields in enumerate(frames)]
    for k, number in enumerate(numbers):
        if number != int(number) or abs(number) >= 2**53:
            raise InputError(path, f"FrameNumber of frame {k} is {number:g}", "a whole number")
    return np.array(numbers, dtype=np.int64)


def _pose(path: Path, k: int, fields: Mapping[str, str], name: str) -> RigidTransform | None:
    """One pose, moved onto the nearest rotation; None where its status is not OK."""
    if _field(path, k, fields, f"{name}TransformStatus") != "OK":
        return None
    text = _field(path, k, fields, f"{name}Transform")
    try:
        matrix = np.array(text.split(), dtype=float).reshape(4, 4)
    except ValueError:
        raise InputError(path, f"{name} of frame {k} is {text[:40]!r}", "16 numbers") from None
    R = matrix[:3, :3]
    defect = max(np.abs(R @ R.T - np.eye(3)).max(), np.abs(matrix[3] - (0, 0, 0, 1)).max())
    if not (np.isfinite(matrix).all() and defect < _ROTATION_TOLERANCE and np.linalg.det(R) > 0.0):
        raise InputError(path, f"{name} of frame {k} is no proper motion", "a rotation and a translation")
    u, _, vt = np.linalg.svd(R)
    return RigidTransform(u @ vt, matrix[:3, 3])
