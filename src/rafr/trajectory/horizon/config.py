"""Tunables of the receding horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.limits import FORCE_LIMIT, TORQUE_LIMIT


@dataclass(frozen=True, slots=True)
class HorizonConfig:
    """Length, limits and weights of the re-planning problem (SI)."""

    knots: int = option(10, "intervals of the horizon", lower=4, upper=200)
    step: float = option(0.1, "length of an interval", unit="s", lower=0.02, upper=0.5)
    solver: str = option("hpipm", "what solves it: hpipm, fatrop or ipopt")
    linear_speed: float = option(
        0.008, "largest speed of the fragment's centre along its path", unit="m/s", lower=1e-4, upper=0.1
    )
    angular_speed: float = option(
        np.radians(1.5), "largest turn rate along the path", unit="rad/s", lower=1e-3, upper=0.5
    )
    return_speed: float = option(
        0.03, "largest speed of its centre, back to the path too", unit="m/s", lower=1e-3, upper=0.2
    )
    return_turn_rate: float = option(
        0.15, "largest turn rate, back to the path too", unit="rad/s", lower=0.01, upper=1.0
    )
    progress_acceleration: float = option(
        5.0, "largest change of the share of that speed per second", unit="1/s", lower=0.1, upper=50.0
    )
    gentleness: float = option(
        0.1, "share of the joints' acceleration and jerk limits that is used", lower=0.01, upper=1.0
    )
    margin: float = option(
        0.97, "share of every limit that is used, so that it also holds between knots", lower=0.5, upper=1.0
    )
    tube_position: float = option(
        1e-3, "how far the fragment's centre may lie off the path", unit="m", lower=1e-4, upper=0.01
    )
    tube_rotation: float = option(
        np.radians(0.5), "how far it may be turned off the path", unit="rad", lower=1e-3, upper=0.1
    )
    force_limit: float = option(
        FORCE_LIMIT, "force predicted on the fragment", unit="N", lower=10.0, upper=600.0
    )
    torque_limit: float = option(
        TORQUE_LIMIT, "torque predicted about its centre", unit="N m", lower=1.0, upper=60.0
    )
    min_manipulability: float = option(
        0.03, "smallest singular value allowed (see ArmModel)", unit="m", lower=0.0, upper=0.3
    )
    min_clearance: float = option(
        5e-4, "distance kept from the half-spaces given", unit="m", lower=0.0, upper=0.01
    )
