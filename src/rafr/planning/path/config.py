"""Tunables of the path planner."""

from __future__ import annotations

from dataclasses import dataclass

from rafr.config import option
from rafr.limits import FORCE_LIMIT, TORQUE_LIMIT


@dataclass(frozen=True, slots=True)
class PathConfig:
    """How a path is made. Limits of force and torque are those at which the controller stops."""

    step_mm: float = option(1.0, "largest motion of a surface point between poses", unit="mm", lower=0.1)
    poses: tuple[int, int] = (20, 60)
    """Fewest and most poses between two fixed ones; the most go before the step."""
    force_limit: float = option(FORCE_LIMIT, "on the arm, none above", unit="N", lower=1.0)
    torque_limit: float = option(TORQUE_LIMIT, "on the arm, none above", unit="N m", lower=0.1)
    slack_mm: float = option(
        0.3, "overlap that counts as touching: meshes made from labels are no better", unit="mm", lower=0.0
    )
    release_mm: float = option(
        10.0, "way after which the overlap of start or target must be gone", unit="mm", lower=0.1
    )
    reserve_mm: float = option(
        0.3, "clearance held back while searching on grids, where there is room", unit="mm", lower=0.0
    )
    points: int = option(4000, "surface points watched", lower=10)
    point_spacing_mm: float = option(1.5, "between them", unit="mm", lower=0.5)
    watch_mm: float = option(20.0, "points never as near to other bone are not watched", unit="mm", lower=1.0)
    grid_mm: float = option(1.0, "spacing of the distance grids", unit="mm", lower=0.5, upper=4.0)
    lifts_mm: tuple[float, ...] = (0.0, 2.0, 4.0, 7.0, 11.0, 16.0, 22.0)
    """How far the paths that seed the search are lifted off bone before they cross over."""
    batch: int = option(80, "poses drawn at a time", lower=1)
    batches: int = option(4, "drawn at most", lower=0)
    neighbours: int = option(12, "poses a pose is tried to be joined with", lower=1)
    seed: int = option(0, "of the poses drawn", lower=0)
    knots: int = option(14, "poses the refinement moves", lower=2)
    refinements: int = option(3, "rounds of it, each with bone linearised anew", lower=0)
