"""The way of a body from where it lies to its target: clear of bone, with the least load on the arm.

`plan_path` is the whole of it: coordinates of poses (`chart`), what is in the way (`surroundings`), what may
touch (`rule`), what the arm has to hold (`load`), then global search (`search`) and refinement (`refine`).
"""

from rafr.planning.path.config import PathConfig
from rafr.planning.path.load import Cord, Pull
from rafr.planning.path.plan import PlannedPath, plan_path

__all__ = ["Cord", "PathConfig", "PlannedPath", "Pull", "plan_path"]
