"""Every trial, by room, in the order of an operation."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from rafr.bench.measure import Measure, Trial
from rafr.errors import InputError

ROOMS = ("registration", "planning", "trajectory", "control", "tracking", "fixation", "risk", "simulation")


def trials() -> tuple[Trial, ...]:
    """Each room's `TRIALS` (`rafr.bench.<room>`)."""
    return tuple(t for room in ROOMS for t in importlib.import_module(f"rafr.bench.{room}").TRIALS)


def measures() -> tuple[Measure, ...]:
    return tuple(measure for trial in trials() for measure in trial.measures)


def chosen(names: Sequence[str]) -> tuple[Measure, ...]:
    """The measures of these names or rooms; all of them for none.

    Raises:
        InputError: no such measure or room.
    """
    known = measures()
    for name in names:
        if name not in ROOMS and name not in {m.name for m in known}:
            expected = f"one of {', '.join((*ROOMS, *(m.name for m in known)))}"
            raise InputError("--only", f"there is no measure {name!r}", expected)
    return tuple(m for m in known if not names or m.name in names or m.room in names)
