"""Paths of displaced hips to where they belong, beside the straight way there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from rafr.bench.measure import Goal, Measure, Of, Samples, Setting, Trial
from rafr.bench.patients import displaced_hip
from rafr.bench.peers.known import STRAIGHT
from rafr.bench.reductions import Way, ways_to
from rafr.progress import Progress

FORCE = Measure("planning.force", "largest force along the path", "N", STRAIGHT, Goal(Of.RATIO, 0.5, 0.4))
SECONDS = Measure("planning.time", "processor time of a body's path", "s", goal=Goal(Of.VALUE, 0.95, 60.0))


@lru_cache(maxsize=64)
def hip_way(seed: int) -> Way:
    """The path of a hip under traction to its true place."""
    hip = displaced_hip(seed, traction=True)
    return ways_to(hip.case, hip.meshes, hip.goals)[hip.body]


def run(setting: Setting, progress: Progress) -> Mapping[str, Samples]:
    """A sample is a virtual patient's hip; target and soft tissue are given to both."""
    seeds = setting.seeds(1, 4)
    rows = []
    for k, seed in enumerate(seeds):
        progress(k / len(seeds), f"{FORCE.name}, patient {seed}")
        way = hip_way(seed)
        path = way.planned
        rows.append((path.summary.peak_force_n, path.straight.summary.peak_force_n, way.cpu_seconds))
    force, straight, seconds = np.array(rows).T
    return {FORCE.name: Samples(force, seeds, straight), SECONDS.name: Samples(seconds, seeds)}


TRIALS = (Trial((FORCE, SECONDS), run),)
