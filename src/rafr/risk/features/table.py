"""Windows of many recordings as one table: features, label, subject and where each window lies in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from rafr.config import option
from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.data.quality import filled
from rafr.risk.data.recording import Recording
from rafr.risk.features import emg as emg_room
from rafr.risk.features import imu as imu_room
from rafr.risk.features.emg import EmgFeatureConfig
from rafr.risk.windows import IntArray, cut

_AT_ONCE = 1024  # windows in memory; each is cut out and transformed


@dataclass(frozen=True, slots=True)
class WindowConfig:
    length: float = option(3.0, "of a window", unit="s", lower=0.05, upper=60.0)
    step: float = option(0.5, "between windows", unit="s", lower=0.01, upper=60.0)
    sequence_hz: float = option(
        0.0,
        "of the sequences beside the features, for convolutions; 0: none",
        unit="Hz",
        lower=0.0,
        upper=100.0,
    )
    emg: EmgFeatureConfig = field(default_factory=EmgFeatureConfig)


@dataclass(frozen=True, slots=True)
class WindowTable:
    """One row per window.

    Attributes:
        features: (n, columns), EMG first.   names: of the columns, beginning with `emg ` or `imu `.
        label: (n,) text.   subject, trial: (n,) text.   start: (n,) s in its recording.
        length: s of every window.
    """

    features: FloatArray
    names: tuple[str, ...]
    label: NDArray[np.str_]
    subject: NDArray[np.str_]
    trial: NDArray[np.str_]
    start: FloatArray
    length: float

    def __len__(self) -> int:
        return len(self.label)

    def columns(self, source: str) -> IntArray:
        """Of `emg`, `imu` or `fusion` (both)."""
        keep = [i for i, n in enumerate(self.names) if source == "fusion" or n.startswith(f"{source} ")]
        return np.array(keep, dtype=np.int64)

    @property
    def sources(self) -> tuple[str, ...]:
        """Of `emg`, `imu`, `fusion`: those that the recordings have."""
        single = tuple(s for s in ("emg", "imu") if len(self.columns(s)))
        return (*single, "fusion") if len(single) == 2 else single

    def rows(self, which: NDArray) -> WindowTable:
        """The rows of an index or mask."""
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("features", "label", "subject", "trial", "start"):
            kept[name] = kept[name][which]
        return WindowTable(**kept)


def window_table(recordings: Sequence[Recording], config: WindowConfig | None = None) -> WindowTable:
    """Every window that one labelled interval holds whole.

    Raises:
        InputError: recordings of different channels or rates, or no window at all.
    """
    config = config or WindowConfig()
    first = recordings[0]
    for other in recordings[1:]:
        if streams_of(other) != streams_of(first):
            raise InputError(
                f"{other.subject} {other.trial}",
                f"its channels or rates differ from those of {first.subject} {first.trial}",
                "the same sensors in all recordings",
            )
    known = [len(r.reference) for r in recordings]
    if any(known) and not all(known):
        without = recordings[known.index(0)].subject
        raise InputError(
            without, "no recording of maximum contractions", f"{without}_MVC.csv, or none at all"
        )
    parts = [_of_recording(r, config) for r in recordings]
    features = np.concatenate([p[0] for p in parts])
    if not len(features):
        raise InputError("the recordings", f"no labelled window of {config.length:g} s", "longer stretches")
    label = np.concatenate([p[1] for p in parts])
    counts = [len(p[1]) for p in parts]
    return WindowTable(
        features,
        feature_names(first, config),
        label,
        np.repeat([r.subject for r in recordings], counts),
        np.repeat([r.trial for r in recordings], counts),
        np.concatenate([p[2] for p in parts]),
        config.length,
    )


def streams_of(recording: Recording) -> tuple[tuple[str, ...], float, tuple[str, ...], float]:
    """What must agree between recordings: channels and rates, Hz."""
    r = recording
    return r.emg_names, r.emg_rate, r.imu_names, r.imu_rate


def feature_names(recording: Recording, config: WindowConfig) -> tuple[str, ...]:
    """Columns of `features_at`: EMG, IMU, then the sequences of both, value by value."""
    r = recording
    names = (*emg_room.feature_names(r.emg_names), *imu_room.feature_names(r.imu_names))
    if config.sequence_hz <= 0.0:
        return names
    values = range(round(config.length * config.sequence_hz))
    emg = (f"emg {n} seq {k}" for n in r.emg_names for k in values)
    imu = (
        f"imu {n} {m} {a} seq {k}"
        for n in r.imu_names
        for m in ("acc", "gyro")
        for a in "xyz"
        for k in values
    )
    return (*names, *emg, *imu)


def features_at(recording: Recording, starts: FloatArray, config: WindowConfig) -> FloatArray:
    """(windows, columns) of the windows that begin at `starts` (s)."""
    parts = np.array_split(starts, max(1, -(-len(starts) // _AT_ONCE)))
    r = recording
    emg, acc, gyro = filled(r.emg), filled(r.acc), filled(r.gyro)
    rows = []
    for part in parts:
        columns, sequences = [], []
        if r.emg_names:
            n = round(config.length * r.emg_rate)
            windows = cut(emg, _samples(part, r.emg_rate, n, emg), n)
            columns.append(emg_room.emg_features(windows, r.emg_rate, r.reference, config.emg))
            if config.sequence_hz > 0.0:
                level = r.reference[:, None, None] if len(r.reference) else 1.0
                sequences.append(np.log(_binned(windows**2, config) ** 0.5 / level + 1e-6))
        if r.imu_names:
            n = round(config.length * r.imu_rate)
            at = _samples(part, r.imu_rate, n, acc)
            moved = np.concatenate([cut(acc, at, n), cut(gyro, at, n)], axis=1)
            columns.append(imu_room.imu_features(moved[:, :3], moved[:, 3:], r.imu_rate))
            if config.sequence_hz > 0.0:
                sequences.append(_binned(moved.reshape(-1, len(part), n), config))
        columns += [np.swapaxes(s, 0, 1).reshape(len(part), -1) for s in sequences]
        rows.append(np.concatenate(columns, axis=1))
    return np.concatenate(rows)


def starts_in(recording: Recording, config: WindowConfig) -> tuple[FloatArray, NDArray[np.str_]]:
    """Start (s) and label of every window that a labelled interval holds whole."""
    starts, labels = [], []
    for interval in recording.intervals:
        end = min(interval.end, recording.duration)
        count = int((end - interval.start - config.length) / config.step + 1e-9) + 1
        if end - interval.start + 1e-9 >= config.length:
            starts.append(interval.start + config.step * np.arange(count))
            labels += [interval.label] * count
    return np.concatenate([np.empty(0), *starts]), np.array(labels, dtype=np.str_)


def _of_recording(
    recording: Recording, config: WindowConfig
) -> tuple[FloatArray, NDArray[np.str_], FloatArray]:
    starts, labels = starts_in(recording, config)
    if not len(starts):
        return np.empty((0, len(feature_names(recording, config)))), labels, starts
    return features_at(recording, starts, config), labels, starts


def _samples(starts: FloatArray, rate: float, length: int, signal: FloatArray) -> IntArray:
    at = np.rint(starts * rate).astype(np.int64)
    return np.clip(at, 0, signal.shape[-1] - length)


def _binned(windows: FloatArray, config: WindowConfig) -> FloatArray:
    """(channels, windows, values): means over even stretches of (channels, windows, n)."""
    count = round(config.length * config.sequence_hz)
    edges = np.linspace(0, windows.shape[-1], count + 1).astype(int)
    sums = np.add.reduceat(windows, edges[:-1], axis=-1)
    means: FloatArray = sums / np.diff(edges)
    return means
