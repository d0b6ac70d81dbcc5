"""One reduction without ROS: plant, sensors, tracker's gate, controller and supervisor in one process.

python examples/05_closed_loop.py CASE PLAN.json [FAULT]
"""

import json
import sys
from pathlib import Path

from rafr.planning.plan import ReductionPlan
from rafr.simulation.closed_loop import ReductionRun, Start, prepare, run_reduction
from rafr.simulation.faults import FaultConfig


def at_the_pins(folder: Path, file: Path, seed: int = 1) -> Start:
    """The base docked, the arm at the pins, the reduction's trajectory found."""
    return prepare(str(folder), ReductionPlan.from_json(json.loads(file.read_text(encoding="utf-8"))), seed)


def reduce(start: Start, fault: str = "") -> ReductionRun:
    """The fragment moved along the plan's path; a fault (`rafr sim --faults help`) strikes after 1 s."""
    return run_reduction(start, [fault] if fault else [], when=FaultConfig(earliest=1.0, latest=1.0))


if __name__ == "__main__":
    run = reduce(at_the_pins(Path(sys.argv[1]), Path(sys.argv[2])), *sys.argv[3:])
    off_mm = 1e3 * run.to_plan.distance
    print(f"{run.outcome} {run.reason}: {off_mm:.2f} mm from the plan, at most {run.peak_force:.0f} N")
