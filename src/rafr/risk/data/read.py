"""Recordings from CSV files: Delsys Trigno exports by their own headers, other tables by a column map."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.data.columns import (
    Channel,
    ColumnMap,
    Layout,
    is_trigno_header,
    mapped_layout,
    trigno_layout,
)
from rafr.risk.data.quality import QualityConfig, filled, problems
from rafr.risk.data.recording import LABELS, Interval, Recording
from rafr.risk.data.table import read_wide_table
from rafr.risk.windows import cut, starts_every
from rafr.tables import read_table

_NAME = re.compile(r"^P(?P<subject>\d+)_(?P<label>High|Low|MVC)(?:_(?P<trial>\d+))?$", re.IGNORECASE)
_RATE_TOLERANCE = 0.01  # relative
_TIME_TOLERANCE = 1.5  # samples that a time stamp may lie off its even raster


def read_recording(
    path: Path | str, columns: ColumnMap | None = None, quality: QualityConfig | None = None
) -> Recording:
    """One CSV file; subject, label and trial from its name (`P3_High.csv`, `P3_Low_2.csv`).

    With a column map any name will do: the file's stem is the subject and nothing is labelled.

    Raises:
        InputError: naming file and column: name, columns, units, rates, missing, flat or clipped signals.
    """
    path = Path(path)
    name = _NAME.match(path.stem)
    if name is None and columns is None:
        raise InputError(path, f"its name is {path.name!r}", "P<n>_High.csv, P<n>_Low.csv or P<n>_MVC.csv")
    if columns is None:
        header, values = read_wide_table(path, is_trigno_header)
        layout = trigno_layout(header, path)
    else:
        header, values = read_wide_table(path, lambda cells: columns.emg_time in cells)
        layout = mapped_layout(header, columns, path)
    recording = _build(path, values, layout, quality or QualityConfig())
    if name is None:
        return recording
    label = name["label"].title()
    intervals = (Interval(0.0, recording.duration, label),) if label in LABELS else ()
    trial = f"{name['label']} {name['trial'] or 1}"
    return replace(recording, subject=f"P{name['subject']}", trial=trial, intervals=intervals)


def read_recordings(
    paths: Sequence[Path | str], columns: ColumnMap | None = None, intervals: Path | str | None = None
) -> list[Recording]:
    """Every trial; a person's `P<n>_MVC.csv` becomes the reference of his trials.

    Args:
        intervals: CSV of labelled stretches for files without a label in their name (see `read_intervals`).
    """
    found = [read_recording(path, columns) for path in paths]
    references = {
        Path(p).stem.split("_")[0].upper(): reference_level(r)
        for p, r in zip(paths, found, strict=True)
        if Path(p).stem.upper().endswith("_MVC")
    }
    trials = [r for r in found if r.intervals or columns is not None]
    if intervals is not None:
        trials = [replace(r, intervals=read_intervals(intervals, r.duration)) for r in trials]
    if not trials:
        raise InputError(str(paths[0]), "no trial among the files", "P<n>_High.csv and P<n>_Low.csv")
    return [replace(r, reference=references.get(r.subject.upper(), r.reference)) for r in trials]


def read_intervals(path: Path | str, end: float) -> tuple[Interval, ...]:
    """Labelled stretches: a CSV file with the columns start, end, label, in s after the first sample.

    Raises:
        InputError: no such table, or a stretch that is empty or lies outside the recording.
    """
    path = Path(path)
    stretches = []
    for number, line in read_table(path, ("start", "end", "label")):
        try:
            begin, until = float(line[0]), float(line[1])
        except (ValueError, IndexError):
            raise InputError(path, f"line {number} is {','.join(line)!r}", "start,end,label in s") from None
        if not 0.0 <= begin < until <= end + 1e-6 or len(line) != 3:
            raise InputError(path, f"line {number}: {','.join(line)}", f"0 <= start < end <= {end:g} s")
        stretches.append(Interval(begin, until, line[2].strip()))
    return tuple(stretches)


def reference_level(recording: Recording, seconds: float = 0.5) -> FloatArray:
    """(channels,) V, the largest RMS over `seconds` that each muscle reached: its maximum voluntary
    contraction.
    """
    emg = filled(recording.emg)
    length = min(round(seconds * recording.emg_rate), emg.shape[1])
    starts = starts_every(emg.shape[1], length, max(1, length // 10))
    windows = cut(emg - emg.mean(axis=1, keepdims=True), starts, length)
    level: FloatArray = np.sqrt(np.mean(windows**2, axis=-1)).max(axis=1)
    return level


def _build(path: Path, values: FloatArray, layout: Layout, quality: QualityConfig) -> Recording:
    emg = [_signal(path, n, c, values, layout.emg_rate) for n, c in layout.emg.items()]
    imu = [
        _signal(path, f"the IMU on {n}", c, values, layout.imu_rate)
        for n, six in layout.imu.items()
        for c in six
    ]
    shortest = [min((len(s) for s in signals), default=0) for signals in (emg, imu)]
    emg_rows = np.array([s[: shortest[0]] for s in emg]).reshape(len(emg), shortest[0])
    imu_rows = np.array([s[: shortest[1]] for s in imu]).reshape(len(layout.imu), 2, 3, shortest[1])
    recording = Recording(
        path.stem,
        "1",
        tuple(layout.emg),
        emg_rows,
        layout.emg_rate,
        tuple(layout.imu),
        imu_rows[:, 0],
        imu_rows[:, 1],
        layout.imu_rate,
    )
    wrong = problems(emg_rows, layout.emg_rate, [f"EMG of {n}" for n in layout.emg], quality)
    for kind, rows in (("accelerometer", recording.acc), ("gyroscope", recording.gyro)):
        names = [f"{kind} {axis} on {n}" for n in layout.imu for axis in "xyz"]
        wrong += problems(rows.reshape(len(names), shortest[1]), layout.imu_rate, names, quality)
    if wrong:
        more = f" (and {len(wrong) - 1} more channels)" if len(wrong) > 1 else ""
        raise InputError(path, f"{wrong[0]}{more}", "whole signals of sensors that are on")
    return recording


def _signal(path: Path, name: str, channel: Channel, values: FloatArray, rate: float) -> FloatArray:
    """The samples of one column in SI, checked against its own time column."""
    time = values[:, channel.time]
    stamped = np.flatnonzero(np.isfinite(time))
    if len(stamped) < 2:
        raise InputError(path, f"{name} has {len(stamped)} samples", "a recording")
    time = time[: stamped[-1] + 1]
    step = float(np.nanmedian(np.diff(time)))
    # the median step is rounded as the file is: the whole length tells the rate better
    span = time[stamped[-1]] - time[stamped[0]]
    actual = (stamped[-1] - stamped[0]) / span if span > 0 else np.inf
    if not abs(actual / rate - 1) <= _RATE_TOLERANCE:
        shown = actual if abs(actual * step - 1) < 0.05 else 1 / step if step > 0 else np.inf
        raise InputError(path, f"{name} is sampled at {shown:.5g} Hz", f"{rate:.5g} Hz")
    even = time[stamped[0]] + (np.arange(len(time)) - stamped[0]) / actual
    off = float(np.nanmax(np.abs(time - even))) * rate
    if off > _TIME_TOLERANCE:
        raise InputError(path, f"the times of {name} jump by {off:.1f} samples", "even sampling")
    samples: FloatArray = values[: len(time), channel.value] * channel.scale
    return samples
