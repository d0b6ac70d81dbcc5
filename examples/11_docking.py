"""The mobile base to its docking pose: the quickest way that wheels and obstacles allow, checked.

python examples/11_docking.py
"""

from rafr.assessment import Assessment
from rafr.robot.mobile import named_drive
from rafr.room import Disc
from rafr.trajectory.docking import optimise_docking
from rafr.trajectory.verify import verify_base

START, GOAL = (0.0, 0.0, 0.0), (2.0, 1.0, 1.57)  # m, m, rad
STAND = Disc("stand", 1.2, 0.1, 0.2)  # in the way


def docking(kind: str = "differential") -> tuple[float, Assessment]:
    """How long it takes, s, and the verdict of the check between the knots."""
    drive = named_drive(kind)
    trajectory = optimise_docking(START, GOAL, [STAND], drive)
    return float(trajectory.t[-1]), verify_base(trajectory, START, GOAL, [STAND], drive)


if __name__ == "__main__":
    for kind in ("differential", "mecanum"):
        seconds, check = docking(kind)
        print(f"{kind}: {seconds:.1f} s, accepted: {check.accepted}")
