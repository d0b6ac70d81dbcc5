"""Recordings as Delsys Trigno exports: 56 columns, a time column before each signal."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rafr.errors import InputError
from rafr.files import written_whole
from rafr.risk.data.columns import UNITS
from rafr.risk.data.recording import Recording


def file_name(recording: Recording) -> str:
    """`P3_High.csv` for the first trial of a load, `P3_High_2.csv` for the second, `P3_MVC.csv`."""
    kind, number = recording.trial.split(" ")
    return f"{recording.subject}_{kind}{'' if number == '1' else f'_{number}'}.csv"


def write_trigno(path: Path, recording: Recording) -> None:
    """Signals in V, g and deg/s, with as many digits as the sensor resolves; the slow columns end before the
    fast ones.

    Raises:
        InputError: the file cannot be written.
    """
    columns: list[list[str]] = []
    header: list[str] = []

    def add(name: str, unit: str, rate: float, values: np.ndarray, digits: int) -> None:
        header.extend(["X [s]", f"{name} [{unit}]"])
        columns.append([f"{t:.6f}" for t in np.arange(len(values)) / rate])
        columns.append([f"{v:.{digits}g}" for v in values / UNITS[unit]])

    for k, muscle in enumerate(recording.emg_names):
        side, name = muscle.split("_")
        sensor = f"{side[0].upper()} {name.upper()}"
        add(f"{sensor}: EMG {k + 1}", "V", recording.emg_rate, recording.emg[k], 6)
        imu = recording.imu_names.index(muscle)
        for axis, values in zip("XYZ", recording.acc[imu], strict=True):
            add(f"{sensor}: ACC.{axis} {k + 1}", "g", recording.imu_rate, values, 6)
        for axis, values in zip("XYZ", recording.gyro[imu], strict=True):
            add(f"{sensor}: GYRO.{axis} {k + 1}", "deg/s", recording.imu_rate, values, 6)
    rows = max(len(c) for c in columns)
    padded = [c + [""] * (rows - len(c)) for c in columns]
    try:
        with written_whole(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
            stream.write(",".join(header) + "\n")
            stream.writelines(",".join(row) + "\n" for row in zip(*padded, strict=True))
    except OSError as error:
        raise InputError(path, f"cannot be written ({error.strerror})", "a writable file") from None
