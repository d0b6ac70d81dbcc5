"""Tunables of the adjustment of a path."""

from __future__ import annotations

from dataclasses import dataclass

from rafr.config import option
from rafr.limits import FORCE_LIMIT, TORQUE_LIMIT


@dataclass(frozen=True, slots=True)
class AdjusterConfig:
    """Size, limits and weights of the quadratic programme; bounds as `ArmControlConfig.adjust_linear`."""

    knots: int = option(16, "poses that are moved", lower=4, upper=60)
    rows: int = option(8, "surface points that are kept off bone at each pose", lower=1, upper=40)
    rounds: int = option(3, "linearisations of bone", lower=1, upper=10)
    largest_mm: float = option(5.0, "shift of the centre, at most", unit="mm", lower=0.1, upper=20.0)
    largest_rad: float = option(0.05, "turn, at most", unit="rad", lower=1e-3, upper=0.2)
    clearance_mm: float = option(
        0.5, "kept from bone where the approved path has it", unit="mm", lower=0.0, upper=5.0
    )
    margin_mm: float = option(
        1.0, "kept from what was not there when the path was planned", unit="mm", lower=0.0, upper=20.0
    )
    force_limit: float = option(FORCE_LIMIT, "that is not to be passed", unit="N", lower=1.0, upper=600.0)
    torque_limit: float = option(TORQUE_LIMIT, "that is not to be passed", unit="N m", lower=0.1, upper=60.0)
    ease: float = option(1.0, "weight of the squared share of the load limits", lower=0.0, upper=1e3)
    fidelity: float = option(0.1, "weight of the squared share of the largest shift", lower=1e-6, upper=1e3)
    smoothness: float = option(
        2.0, "weight of the squared second differences of that share", lower=0.0, upper=1e3
    )
