"""What implants there are: `config/implants.yaml`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from rafr.errors import InputError
from rafr.resources import resource_path
from rafr.strict import read_dataclass


@dataclass(frozen=True, slots=True)
class Metal:
    """Isotropic and linear up to `yield_mpa` (von Mises)."""

    name: str
    young_mpa: float
    poisson: float
    yield_mpa: float


@dataclass(frozen=True, slots=True)
class ScrewKind:
    """One kind of screw.

    Attributes:
        diameter_mm: outer.   length_mm: planned, in bone; 0: what the bone asks for.
        shortest_mm, longest_mm: lengths in bone that can be had.   head_mm: free shaft outside the entry.
    """

    kind: str
    diameter_mm: float
    length_mm: float
    shortest_mm: float
    longest_mm: float
    head_mm: float

    def __post_init__(self) -> None:
        if self.diameter_mm <= 0 or not 0 < self.shortest_mm < self.longest_mm or self.head_mm < 0:
            raise ValueError(f"screw kind {self.kind!r} has impossible sizes")
        if self.length_mm and not self.shortest_mm <= self.length_mm <= self.longest_mm:
            raise ValueError(f"the planned length of {self.kind!r} cannot be had")


@dataclass(frozen=True, slots=True)
class DrillTool:
    """A drill with a marker.

    Attributes:
        tip: (3,) m, in the marker's frame.   axis: (3,) unit vector there, out of the drill at its tip.
        tip_sd: m, per axis, of the tip's calibration.   axis_sd: rad, of the axis's.
    """

    tip: tuple[float, float, float]
    axis: tuple[float, float, float]
    tip_sd: float = 3e-4
    axis_sd: float = 5e-3

    def __post_init__(self) -> None:
        if not math.isclose(math.hypot(*self.axis), 1.0, abs_tol=1e-3):
            raise ValueError(f"the drill's axis {list(self.axis)} is no unit vector")
        if self.tip_sd < 0 or self.axis_sd < 0:
            raise ValueError("a standard deviation of the drill is negative")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All implants, the metal they are of, and the drill."""

    material: Metal
    kinds: tuple[ScrewKind, ...]
    rod_diameter_mm: float
    bar_diameter_mm: float
    drill: DrillTool

    @staticmethod
    def read(path: Path | None = None) -> Catalogue:
        """Of a YAML file, `config/implants.yaml` by default.

        Raises:
            InputError: it does not fit.
        """
        return read_dataclass(Catalogue, path or resource_path("config/implants.yaml"))

    def kind(self, name: str, source: str = "kind") -> ScrewKind:
        """A kind by its name.

        Raises:
            InputError: there is no such kind.
        """
        for kind in self.kinds:
            if kind.kind == name:
                return kind
        raise InputError(source, f"no screw kind {name!r}", f"one of {', '.join(k.kind for k in self.kinds)}")
