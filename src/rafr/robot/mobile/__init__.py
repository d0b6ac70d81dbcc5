"""Mobile bases: textbook models (constraints, allowed motions, wheels) and the drives made of them."""

from rafr.robot.mobile.drive import DifferentialDrive, Drive, MecanumDrive, named_drive, read_drive
from rafr.robot.mobile.floor import floor_pose, floor_transform
from rafr.robot.mobile.model import MobileModel

__all__ = [
    "DifferentialDrive",
    "Drive",
    "MecanumDrive",
    "MobileModel",
    "floor_pose",
    "floor_transform",
    "named_drive",
    "read_drive",
]
