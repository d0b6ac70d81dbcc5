"""What implants there are: `config/implants.yaml`."""

from __future__ import annotations

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
class Catalogue:
    """All implants and the metal they are of."""

    material: Metal
    kinds: tuple[ScrewKind, ...]
    rod_diameter_mm: float
    bar_diameter_mm: float

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
