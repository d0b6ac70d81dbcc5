"""What a surgeon asks of a plan before approving it.

python examples/03_what_the_plan_says.py PLAN.json
"""

import json
import sys
from pathlib import Path

from rafr.planning.plan import ReductionPlan


def answers(file: Path) -> dict[str, dict[str, float]]:
    """By body: how far it moves and may be wrong, mm; least room, mm, and largest force, N, on its path."""
    plan = ReductionPlan.from_json(json.loads(file.read_text(encoding="utf-8")))  # its hash is checked
    return {
        body.name: {
            "moves_mm": body.before["mean_mm"],
            "expected_error_mm": body.expected_error_mm,
            "clearance_mm": min(pose.clearance_mm for pose in body.path),
            "force_n": max(pose.force_n for pose in body.path),
            "poses": len(body.path),
        }
        for body in plan.bodies
    }


if __name__ == "__main__":
    for name, found in answers(Path(sys.argv[1])).items():
        print(name, {key: round(value, 2) for key, value in found.items()})
