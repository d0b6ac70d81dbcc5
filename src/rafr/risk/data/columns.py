"""Which columns of a table hold which signal: found in Delsys' own headers, or told by a column map."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rafr.errors import InputError
from rafr.strict import read_dataclass

MUSCLES = ("right_biceps", "left_biceps", "right_deltoid", "left_deltoid")
TRIGNO_EMG_RATE = 1259.259  # Hz, Trigno Avanti in the mode that streams EMG and IMU together
TRIGNO_IMU_RATE = 148.148
UNITS = {
    "V": 1.0,
    "mV": 1e-3,
    "uV": 1e-6,
    "µV": 1e-6,  # micro sign
    "μV": 1e-6,  # Greek mu
    "g": 9.80665,
    "m/s^2": 1.0,
    "m/s²": 1.0,
    "deg/s": 0.017453292519943295,
    "°/s": 0.017453292519943295,
    "rad/s": 1.0,
}  # to SI
_CHANNEL = re.compile(
    r"^(?P<sensor>.+?)\s*:\s*(?P<kind>EMG|ACC|GYRO)\.?(?P<axis>[XYZ]?)\s*\d*[A-Z]?\s*\[\s*(?P<unit>[^\]]+?)\s*\]$",
    re.IGNORECASE,
)
_TIME = re.compile(r"^X\s*\[\s*s\s*\]$", re.IGNORECASE)
_SIDE = re.compile(r"^(?P<side>R|L|RIGHT|LEFT)\b", re.IGNORECASE)
_UNIT_BY_LOWER = {name.lower(): scale for name, scale in UNITS.items()}


@dataclass(frozen=True, slots=True)
class EmgColumn:
    name: str
    column: str


@dataclass(frozen=True, slots=True)
class ImuColumns:
    """`acc` and `gyro`: columns of x, y, z."""

    name: str
    acc: tuple[str, str, str]
    gyro: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Where a table that is not Delsys' keeps its signals, and how fast they must be; a YAML file."""

    emg_time: str
    emg_rate: float
    emg_unit: str
    emg: tuple[EmgColumn, ...]
    imu_time: str = ""
    imu_rate: float = 0.0
    acc_unit: str = "g"
    gyro_unit: str = "deg/s"
    imu: tuple[ImuColumns, ...] = ()

    def __post_init__(self) -> None:
        for unit in (self.emg_unit, self.acc_unit, self.gyro_unit):
            unit_scale(unit)
        if not self.emg and not self.imu:
            raise ValueError("neither emg nor imu columns")
        if (self.emg and self.emg_rate <= 0) or (self.imu and (self.imu_rate <= 0 or not self.imu_time)):
            raise ValueError("emg_rate (and imu_rate with imu_time) must be given and positive")

    @staticmethod
    def from_yaml(path: Path | str) -> ColumnMap:
        return read_dataclass(ColumnMap, path)


@dataclass(frozen=True, slots=True)
class Channel:
    """One signal of a table: columns of time and value, and what turns its unit into SI."""

    time: int
    value: int
    scale: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of every signal: EMG per muscle, (acc x, y, z, gyro x, y, z) per IMU."""

    emg: dict[str, Channel]
    imu: dict[str, tuple[Channel, ...]]
    emg_rate: float
    imu_rate: float


def unit_scale(unit: str) -> float:
    """SI per `unit`; ValueError for one that is not known."""
    scale = _UNIT_BY_LOWER.get(unit.strip().lower())
    if scale is None:
        raise ValueError(f"unit {unit!r} is none of {', '.join(UNITS)}")
    return scale


def mapped_layout(header: list[str], columns: ColumnMap, source: Path) -> Layout:
    """The columns that a map names.

    Raises:
        InputError: a named column is not in the header.
    """

    def at(name: str) -> int:
        if name not in header:
            raise InputError(source, f"it has no column {name!r}", f"one of {', '.join(header)}")
        return header.index(name)

    emg_scale, acc_scale, gyro_scale = (
        unit_scale(u) for u in (columns.emg_unit, columns.acc_unit, columns.gyro_unit)
    )
    emg = {e.name: Channel(at(columns.emg_time), at(e.column), emg_scale) for e in columns.emg}
    imu = {
        i.name: (
            *(Channel(at(columns.imu_time), at(c), acc_scale) for c in i.acc),
            *(Channel(at(columns.imu_time), at(c), gyro_scale) for c in i.gyro),
        )
        for i in columns.imu
    }
    return Layout(emg, imu, columns.emg_rate, columns.imu_rate)


def trigno_layout(header: list[str], source: Path) -> Layout:
    """The columns of a Delsys export: `X [s]` before each signal, signals as `R BICEPS: ACC.X 1 [g]`.

    Raises:
        InputError: a signal of one of the four muscles is missing, is there twice, or has an unknown unit.
    """
    found: dict[tuple[str, str, str], Channel] = {}
    time = -1
    for column, cell in enumerate(header):
        if _TIME.match(cell):
            time = column
            continue
        match = _CHANNEL.match(cell)
        muscle = None if match is None else _muscle(match["sensor"])
        if match is None or muscle is None:
            continue
        if time < 0:
            raise InputError(source, f"no time column 'X [s]' before {cell!r}", "one before each signal")
        key = (muscle, match["kind"].upper(), match["axis"].upper())
        if key in found:
            raise InputError(source, f"two columns of {' '.join(key).strip()}", "one")
        try:
            found[key] = Channel(time, column, unit_scale(match["unit"]))
        except ValueError as error:
            raise InputError(source, f"column {cell!r}: {error}", "a known unit") from None
    wanted = [(m, "EMG", "") for m in MUSCLES] + [
        (m, k, a) for m in MUSCLES for k in ("ACC", "GYRO") for a in "XYZ"
    ]
    missing = [" ".join(key).strip() for key in wanted if key not in found]
    if missing:
        shown = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        raise InputError(
            source,
            f"no column of {shown}",
            "columns like 'R BICEPS: EMG 1 [V]', 'L DELTOID: ACC.X 1 [g]' (others: --columns MAP.yaml)",
        )
    emg = {m: found[m, "EMG", ""] for m in MUSCLES}
    imu = {m: tuple(found[m, k, a] for k in ("ACC", "GYRO") for a in "XYZ") for m in MUSCLES}
    return Layout(emg, imu, TRIGNO_EMG_RATE, TRIGNO_IMU_RATE)


def is_trigno_header(cells: list[str]) -> bool:
    return any(_TIME.match(c) for c in cells) and any(_CHANNEL.match(c) for c in cells)


def _muscle(sensor: str) -> str | None:
    side = _SIDE.match(sensor.strip())
    if side is None:
        return None
    name = {"R": "right", "L": "left"}[side["side"][0].upper()]
    return next((f"{name}_{m}" for m in ("biceps", "deltoid") if m in sensor.lower()), None)
