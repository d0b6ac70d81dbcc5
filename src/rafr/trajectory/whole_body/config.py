"""Tunables of the problem of base and arm together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option


@dataclass(frozen=True, slots=True)
class WholeBodyConfig:
    """Length, limits and weights (SI). The wheels', joints' and clamp's own limits come from elsewhere."""

    knots: int = option(30, "shooting intervals", lower=10, upper=200)
    solver: str = option("ipopt", "what solves it: ipopt or fatrop")
    max_iterations: int = option(300, "of the solver, per guess", lower=10, upper=3000)
    margin: float = option(
        0.95, "share of every limit that is used, so that it also holds between knots", lower=0.5, upper=1.0
    )
    smoothness: float = option(
        0.05, "s of duration that a second at full acceleration counts for", unit="s", lower=1e-4, upper=1.0
    )
    jerk_share: float = option(
        0.05, "weight of squared jerk shares beside squared acceleration shares", lower=0.0, upper=1.0
    )
    base_clearance: float = option(
        0.03, "kept between base and obstacles on the way", unit="m", lower=0.0, upper=0.3
    )
    arm_clearance: float = option(
        0.03, "kept between arm and everything on the way", unit="m", lower=0.0, upper=0.2
    )
    inflation: float = option(
        0.025, "how far the spheres may stand out of the arm's shapes", unit="m", lower=0.003, upper=0.1
    )
    time_to_contact: float = option(
        2.0,
        "beside its free speed the clamp may go as fast in the room as it has this long to the patient",
        unit="s",
        lower=0.2,
        upper=20.0,
    )
    support_margin: float = option(
        0.03, "how far the zero-moment point stays inside the wheels", unit="m", lower=0.0, upper=0.15
    )
    final_offset: float = option(
        0.12,
        "how far the base may end from its docking pose where that is free",
        unit="m",
        lower=0.01,
        upper=0.5,
    )
    final_turn: float = option(
        np.radians(20.0), "how far turned from it", unit="rad", lower=0.01, upper=np.pi / 2
    )
    final_clearance: float = option(
        0.061,
        "between base and obstacles where it ends free: a little above what placement asks for",
        unit="m",
        lower=0.0,
        upper=0.3,
    )
    sample_period: float = option(0.02, "spacing of the result", unit="s", lower=0.005, upper=0.1)
