"""Adjusting an approved path while it is travelled, in milliseconds."""

from rafr.planning.adjust.adjuster import Adjusted, Outlook, PathAdjuster, Underway
from rafr.planning.adjust.bones import Ball
from rafr.planning.adjust.config import AdjusterConfig
from rafr.planning.adjust.keeper import AdjustmentKeeper
from rafr.planning.adjust.terrain import Terrain

__all__ = [
    "Adjusted",
    "AdjusterConfig",
    "AdjustmentKeeper",
    "Ball",
    "Outlook",
    "PathAdjuster",
    "Terrain",
    "Underway",
]
