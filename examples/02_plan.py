"""Target and path of every fragment, and how far the target is from the truth.

python examples/02_plan.py CASE PLAN.json
"""

import json
import sys
from pathlib import Path

from rafr.cases.load import open_case
from rafr.cases.meshes import body_meshes
from rafr.cases.truth import read_truth
from rafr.planning.metrics import pose_error
from rafr.planning.plan import ReductionPlan
from rafr.planning.reduction import plan_reduction


def plan_case(folder: Path, file: Path) -> ReductionPlan:
    """The plan, which is also written; an approval will name its hash."""
    plan = plan_reduction(open_case(folder))
    file.write_text(json.dumps(plan.to_json()))
    return plan


def errors(folder: Path, plan: ReductionPlan) -> dict[str, dict[str, float]]:
    """Of each target: mean, 95 % and largest distance over the fragment's surface, mm, and degrees."""
    case = open_case(folder)
    meshes, truth = body_meshes(case), read_truth(case).T_reduced_displaced
    return {
        b.name: pose_error(b.T_reduced_displaced, truth[b.name], meshes[b.name].mesh) for b in plan.bodies
    }


if __name__ == "__main__":
    made = plan_case(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"accepted: {made.assessment.accepted}; hash {made.hash[:12]}")
    for name, error in errors(Path(sys.argv[1]), made).items():
        print(f"{name}: target {error['mean_mm']:.2f} mm, {error['deg']:.2f}° from the truth")
