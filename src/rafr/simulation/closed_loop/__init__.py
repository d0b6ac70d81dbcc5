"""One reduction in one process, without ROS: the room, the tracker's gate, the controller, the supervisor."""

from rafr.simulation.closed_loop.loop import ClosedLoop
from rafr.simulation.closed_loop.outcome import ReductionRun
from rafr.simulation.closed_loop.prepare import docked, prepare, with_trajectory
from rafr.simulation.closed_loop.run import Hook, gripped, reduce, run_reduction
from rafr.simulation.closed_loop.start import Start

__all__ = [
    "ClosedLoop",
    "Hook",
    "ReductionRun",
    "Start",
    "docked",
    "gripped",
    "prepare",
    "reduce",
    "run_reduction",
    "with_trajectory",
]
