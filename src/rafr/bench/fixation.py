"""The finite element core beside CalculiX on the same meshes."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping

import numpy as np

from rafr.bench.blocks import make
from rafr.bench.machine import processor_seconds
from rafr.bench.measure import Goal, Measure, Of, Samples, Setting, Trial
from rafr.bench.peers.known import CALCULIX
from rafr.fixation.fem import calculix
from rafr.fixation.fem.statics import solve
from rafr.progress import Progress

_QUICK = (("linear", 10), ("contact", 6))
_FULL = (("linear", 14), ("bar", 6), ("bar-contact", 3))
_PATIENCE = 300.0  # s for CalculiX

SECONDS = Measure("fixation.time", "processor time of a solution", "s", CALCULIX, Goal(Of.RATIO, 0.5, 0.5))
LINEAR = Measure(
    "fixation.linear_difference",
    "from CalculiX's displacements, share of the largest",
    "",
    CALCULIX,
    Goal(Of.VALUE, 0.95, 1e-4),
)
CONTACT = Measure(
    "fixation.contact_difference",
    "the same, contact and friction",
    "",
    CALCULIX,
    Goal(Of.VALUE, 0.95, 0.01),
)


def run(setting: Setting, progress: Progress) -> Mapping[str, Samples]:
    """A sample is a mesh, linear or with contact, nothing of it random."""
    problems = _QUICK if setting.quick else _QUICK + _FULL
    rows, found = [], CALCULIX.found
    for k, (kind, n) in enumerate(problems):
        progress(k / len(problems), f"{SECONDS.name}, {kind} {n}")
        problem, forces = make(kind, n)
        clock = time.process_time()
        ours = solve(problem, forces).displacement
        seconds = time.process_time() - clock
        theirs, difference = np.nan, np.nan
        if found:
            clock = processor_seconds(resource.RUSAGE_CHILDREN)
            other = calculix.run(problem, forces, timeout=_PATIENCE).displacement
            theirs = processor_seconds(resource.RUSAGE_CHILDREN) - clock
            difference = float(np.abs(ours - other).max() / np.abs(other).max())
        rows.append((seconds, theirs, difference, kind.endswith("contact")))
    seconds, theirs, difference, touching = np.array(rows).T
    apart = touching > 0.5
    measured = {SECONDS.name: Samples(seconds, (), theirs if found else None)}
    if found:
        measured[LINEAR.name] = Samples(difference[~apart], ())
        measured[CONTACT.name] = Samples(difference[apart], ())
    return measured


TRIALS = (Trial((SECONDS, LINEAR, CONTACT), run),)
