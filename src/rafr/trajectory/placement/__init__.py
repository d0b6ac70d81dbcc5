"""Where the base should stand so that the arm reaches the pins and the whole way of the reduction."""

from rafr.trajectory.placement.choose import Placement, choose_docking_pose, examine_docking_pose
from rafr.trajectory.placement.request import FloorPose, Grid, PlacementConfig
from rafr.trajectory.placement.service import Service

__all__ = [
    "FloorPose",
    "Grid",
    "Placement",
    "PlacementConfig",
    "Service",
    "choose_docking_pose",
    "examine_docking_pose",
]
