"""Recordings of joints and raw wrench (CSV), and the still postures in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.tables import read_table

WRENCH = ("fx", "fy", "fz", "tx", "ty", "tz")
_STILL = 2e-3  # rad: joints that move less stand
_SETTLING, _LEAST = 0.5, 1.0  # s: left out after a motion; that must remain to be averaged


@dataclass(frozen=True, slots=True, eq=False)
class PostureRecording:
    """t (n,) s; q (n, dof) rad; wrench (n, 6) N, N m, raw."""

    t: FloatArray
    q: FloatArray
    wrench: FloatArray


def columns(joints: Sequence[str]) -> list[str]:
    """The header of a recording."""
    return ["time", *joints, *WRENCH]


def read_postures(path: Path | str, joints: Sequence[str]) -> PostureRecording:
    """Read a CSV file with the columns time, the arm's joints, fx … tz; SI units.

    Raises:
        InputError: it cannot be read, has other columns, a line is no row of finite numbers, or time does
            not increase; names the line.
    """
    path, header = Path(path), columns(joints)
    rows = np.array([_row(path, number, line, len(header)) for number, line in read_table(path, header)])
    if not len(rows):
        raise InputError(path, "no row in it", f"a CSV file with the columns {', '.join(header)}")
    late = np.flatnonzero(np.diff(rows[:, 0]) <= 0)
    if len(late):
        raise InputError(path, f"time does not increase after row {late[0] + 1}", "increasing times")
    return PostureRecording(rows[:, 0], rows[:, 1:-6], rows[:, -6:])


def _row(path: Path, number: int, line: list[str], width: int) -> FloatArray:
    try:
        row = np.array(line, dtype=float)
    except ValueError:
        row = np.empty(0)
    if row.shape != (width,) or not np.isfinite(row).all():
        raise InputError(path, f"line {number} is {','.join(line)!r}", f"{width} finite numbers")
    return row


def still_postures(recording: PostureRecording) -> tuple[FloatArray, FloatArray]:
    """Mean joints (m, dof) and mean wrenches (m, 6) of the stretches in which the arm stood."""
    joints, wrenches = [], []
    for begin, end in _stretches(recording):
        use = recording.t[begin:end] >= recording.t[begin] + _SETTLING
        if recording.t[end - 1] - recording.t[begin] >= _SETTLING + _LEAST:
            joints.append(recording.q[begin:end][use].mean(axis=0))
            wrenches.append(recording.wrench[begin:end][use].mean(axis=0))
    return np.array(joints).reshape(-1, recording.q.shape[1]), np.array(wrenches).reshape(-1, 6)


def _stretches(recording: PostureRecording) -> list[tuple[int, int]]:
    """First row and the row after the last of each stretch near the joints it began with."""
    begin, found = 0, []
    for k in range(1, len(recording.t) + 1):
        over = k == len(recording.t) or np.abs(recording.q[k] - recording.q[begin]).max() > _STILL
        if over:
            found.append((begin, k))
            begin = k
    return found
