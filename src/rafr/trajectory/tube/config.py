"""Tunables of the motion in the tube."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option


@dataclass(frozen=True, slots=True)
class TubeConfig:
    """Tolerance, margins and weights of the tube problem (SI)."""

    position: float = option(5e-4, "how far the clamp may lie off its path", unit="m", lower=5e-5, upper=0.01)
    rotation: float = option(
        np.radians(0.3), "how far it may be turned off its path", unit="rad", lower=5e-4, upper=0.1
    )
    margin: float = option(
        0.99, "share of every limit that is used, so that it also holds between knots", lower=0.5, upper=1.0
    )
    inner: float = option(
        0.8,
        "share of the tube that is used at knots and midway between, for what lies between these",
        lower=0.2,
        upper=1.0,
    )
    min_manipulability: float = option(
        0.03, "smallest singular value allowed (see ArmModel)", unit="m", lower=0.0, upper=0.3
    )
    smoothness: float = option(
        0.05,
        "s of duration that a second at full acceleration of one joint counts for",
        lower=0.0,
        upper=10.0,
    )
    jerk_share: float = option(
        0.3, "weight of squared jerk shares beside squared acceleration shares", lower=0.0, upper=100.0
    )
    centring: float = option(
        0.05, "s of duration that a second at the tube's wall counts for", lower=0.0, upper=10.0
    )
    solver: str = option("ipopt", "what solves it: ipopt or fatrop")
