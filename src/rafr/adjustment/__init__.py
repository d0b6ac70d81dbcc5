"""Adjusting an approved path while it is travelled, in milliseconds."""

from rafr.adjustment.adjuster import Adjusted, Outlook, PathAdjuster, Underway
from rafr.adjustment.bones import Ball
from rafr.adjustment.config import AdjusterConfig
from rafr.adjustment.keeper import AdjustmentKeeper
from rafr.adjustment.terrain import Terrain

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
