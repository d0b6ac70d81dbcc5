"""Named points in a text file: columns name, x_mm, y_mm, z_mm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.tables import read_table

_COLUMNS = ["name", "x_mm", "y_mm", "z_mm"]


@dataclass(frozen=True, slots=True, eq=False)
class NamedPoints:
    """Names and points_mm (n, 3), in the order of the file."""

    names: tuple[str, ...]
    points_mm: FloatArray

    def __len__(self) -> int:
        return len(self.names)


def read_points(path: Path | str) -> NamedPoints:
    """Read a CSV file of points.

    Raises:
        InputError: it cannot be read, lacks the header, or a line is no point; names the line.
    """
    path = Path(path)
    points = {}
    for number, line in read_table(path, _COLUMNS):
        name, point = _point(path, number, line)
        if name in points:
            raise InputError(path, f"line {number} repeats the name {name!r}", "every name once")
        points[name] = point
    if not points:
        raise InputError(path, "no point in it", f"a CSV file with the columns {', '.join(_COLUMNS)}")
    return NamedPoints(tuple(points), np.array(list(points.values())))


def _point(path: Path, number: int, line: list[str]) -> tuple[str, FloatArray]:
    try:
        point = np.array(line[1:], dtype=float)
    except ValueError:
        point = np.empty(0)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise InputError(path, f"line {number} is {','.join(line)!r}", "a name and three finite numbers")
    return line[0].strip(), point
