"""EMG of each muscle's greatest effort, against which its level is judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class References:
    """`usual` V rms, and what was measured of single muscles."""

    usual: float
    measured: dict[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, usual: float) -> References:
        """Of `right_biceps=4e-4, left_biceps=3.1e-4`.

        Raises:
            InputError: not such a list, or a reference that is not above 0.
        """
        measured = {}
        for part in (p.strip() for p in text.split(",") if p.strip()):
            name, _, value = part.partition("=")
            try:
                volts = float(value)
            except ValueError:
                volts = math.nan
            if not name.strip() or not 0.0 < volts < math.inf:
                expected = "muscle=volts, muscle=volts, … above 0"
                raise InputError("parameter lifting_references", f"'{part}'", expected)
            measured[name.strip()] = volts
        return cls(usual, measured)

    def of(self, names: Sequence[str]) -> FloatArray:
        """(names,) V rms."""
        return np.array([self.measured.get(name, self.usual) for name in names])
