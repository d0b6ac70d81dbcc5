"""Screws, rods and the schemes made of them (LPS mm, the reference body's CT, pelvis reduced)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rafr.errors import RafrError
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Screw:
    """A straight screw or pin.

    Attributes:
        name: unique in its scheme.   kind: of the catalogue.
        entry, tip: (3,) where the axis enters the cortex, and its inner end.
        diameter_mm: outer.   head_mm: how far the shaft goes on outside the entry; a rod is held there.
    """

    name: str
    kind: str
    entry: FloatArray
    tip: FloatArray
    diameter_mm: float
    head_mm: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "entry", _point(self.entry, f"entry of {self.name}"))
        object.__setattr__(self, "tip", _point(self.tip, f"tip of {self.name}"))
        if not self.length_mm > 0 or not self.diameter_mm > 0 or self.head_mm < 0:
            raise RafrError(f"screw {self.name} has no length, no diameter or a negative head")

    @property
    def length_mm(self) -> float:
        """From entry to tip: what lies in bone."""
        return float(np.linalg.norm(self.tip - self.entry))

    @property
    def direction(self) -> FloatArray:
        """(3,) unit vector into the bone."""
        return (self.tip - self.entry) / self.length_mm

    @property
    def head(self) -> FloatArray:
        """(3,) the outer end."""
        return self.entry - self.head_mm * self.direction

    def points(self, step_mm: float = 1.0) -> FloatArray:
        """(n, 3) on the axis from entry to tip."""
        n = max(2, int(np.ceil(self.length_mm / step_mm)) + 1)
        return self.entry + np.linspace(0.0, self.length_mm, n)[:, None] * self.direction


@dataclass(frozen=True, slots=True, eq=False)
class Rod:
    """A round bar through the heads of screws.

    Attributes:
        points: (n, 3) its axis, n >= 2, bent at the points between.
        screws: names of the screws held at points[0] .. points[-1], one for each point, "" where none is.
    """

    name: str
    points: FloatArray
    diameter_mm: float
    screws: tuple[str, ...]

    def __post_init__(self) -> None:
        points = np.array(self.points, dtype=float)
        if points.ndim != 2 or points.shape[1] != 3 or len(points) < 2 or not np.isfinite(points).all():
            raise RafrError(f"rod {self.name} needs two points (3,) or more, got shape {points.shape}")
        if len(self.screws) != len(points) or not self.diameter_mm > 0:
            raise RafrError(f"rod {self.name} needs a screw's name per point ('' for none) and a diameter")
        points.setflags(write=False)
        object.__setattr__(self, "points", points)


Implant = Screw | Rod


@dataclass(frozen=True, slots=True, eq=False)
class Scheme:
    """The implants of one way to fix the pelvis.

    Attributes:
        notes: what had to be decided otherwise than the scheme's name says.
    """

    name: str
    implants: tuple[Implant, ...]
    notes: tuple[str, ...] = ()

    @property
    def screws(self) -> tuple[Screw, ...]:
        return tuple(i for i in self.implants if isinstance(i, Screw))

    @property
    def rods(self) -> tuple[Rod, ...]:
        return tuple(i for i in self.implants if isinstance(i, Rod))


def _point(value: ArrayLike, what: str) -> FloatArray:
    point = np.array(value, dtype=float)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise RafrError(f"the {what} is {value!r}, not a point (3,)")
    point.setflags(write=False)
    return point
