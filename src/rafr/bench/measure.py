"""What is measured, in which unit, beside whom, and how good it has to be."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.progress import Progress

QUANTILES = (0.05, 0.5, 0.95)


class Better(StrEnum):
    """Which values are good."""

    LOWER = "lower"
    HIGHER = "higher"


class Of(StrEnum):
    """What a goal is set for: our own values, or ours over the peer's."""

    VALUE = "value"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another way to the same result.

    Attributes:
        module: its Python module, else `program` on the PATH; neither: always there, it comes with rafr.
        distribution: the package whose version is said.
        install: the command that brings it.
    """

    name: str
    module: str = ""
    distribution: str = ""
    program: str = ""
    install: str = ""

    @property
    def found(self) -> bool:
        if self.program:
            return shutil.which(self.program) is not None
        return not self.module or importlib.util.find_spec(self.module) is not None

    @property
    def version(self) -> str | None:
        """None where it is not installed or has none of its own."""
        if self.program and self.found:
            said = subprocess.run([self.program, "-v"], capture_output=True, text=True, check=False).stdout
            return said.split()[-1] if said.split() else None
        try:
            return metadata.version(self.distribution) if self.distribution else None
        except metadata.PackageNotFoundError:
            return None


@dataclass(frozen=True, slots=True)
class Goal:
    """At most `limit` where lower is better, else at least, at this quantile."""

    of: Of
    quantile: float
    limit: float

    def __post_init__(self) -> None:
        if self.quantile not in QUANTILES:
            raise ValueError(f"quantile {self.quantile} is none of {QUANTILES}")


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of rafr.

    Attributes:
        name: `room.what`.   what: in a few words.   unit: of our values and the peer's.
        peer: None where nobody else does this.   goal: None where none was set.
        quick: whether a quick run has it, too.
    """

    name: str
    what: str
    unit: str
    peer: Peer | None = None
    goal: Goal | None = None
    better: Better = Better.LOWER
    quick: bool = True

    @property
    def room(self) -> str:
        return self.name.split(".")[0]

    def reached(self, values: Mapping[str, float]) -> bool:
        """Whether quantiles, as `quantiles` names them, are as good as the goal."""
        assert self.goal is not None
        value = values[quantile_name(self.goal.quantile)]
        return value <= self.goal.limit if self.better is Better.LOWER else value >= self.goal.limit


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Measured values, in the measure's unit.

    Attributes:
        ours: (n,).   peer: (m,), None where the peer is not installed or there is none.
        paired: the peer's are of the same tasks in the same order (of the first ones, where it is given
            fewer), so that ratios go one by one; else there is but one ratio, of the medians.
        seeds: of the tasks.
    """

    ours: FloatArray
    seeds: tuple[int, ...]
    peer: FloatArray | None = None
    paired: bool = True

    def __post_init__(self) -> None:
        if self.paired and self.peer is not None and len(self.peer) > len(self.ours):
            raise ValueError(f"{len(self.ours)} values of ours, {len(self.peer)} of the peer")

    def ratios(self) -> FloatArray | None:
        """Ours over the peer's."""
        if self.peer is None:
            return None
        if self.paired:
            return np.asarray(self.ours[: len(self.peer)] / self.peer)
        return np.array([np.median(self.ours) / np.median(self.peer)])


@dataclass(frozen=True, slots=True)
class Setting:
    """How much is measured: `quick` within three minutes in all; `seed` is the first one."""

    quick: bool
    seed: int = 0

    def seeds(self, quick: int, full: int) -> tuple[int, ...]:
        """So many seeds, of which a part is named by those of the quick run."""
        return tuple(range(self.seed, self.seed + (quick if self.quick else full)))


Run = Callable[[Setting, Progress], Mapping[str, Samples]]


@dataclass(frozen=True, slots=True)
class Trial:
    """Work that yields one or more measures: samples by the measures' names, without those that cannot be had
    without a peer that is not installed.
    """

    measures: tuple[Measure, ...]
    run: Run


def quantile_name(quantile: float) -> str:
    return f"q{round(100 * quantile):02d}"


def quantiles(values: FloatArray) -> dict[str, float]:
    """`q05`, `q50`, `q95`, four digits."""
    return {quantile_name(q): float(f"{np.quantile(values, q):.4g}") for q in QUANTILES}
