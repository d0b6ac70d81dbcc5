"""CT to CBCT, bone by bone: what the registration expects of its own error, and what the error is.

python examples/04_registration.py CASE
"""

import sys
from pathlib import Path

from rafr.cases.load import open_case
from rafr.cases.meshes import body_meshes
from rafr.cases.truth import read_truth
from rafr.planning.metrics import pose_error
from rafr.registration.register import register_case


def expected_and_true(folder: Path) -> dict[str, tuple[float, float]]:
    """By body: expected and true error, mean over its surface, mm."""
    case = open_case(folder)
    found, truth, meshes = register_case(case), read_truth(case).T_cbct_ct, body_meshes(case)
    return {
        b.name: (b.tre_estimate_mm, pose_error(b.T_cbct_ct, truth[b.name], meshes[b.name].mesh)["mean_mm"])
        for b in found.bodies
    }


if __name__ == "__main__":
    for name, (expected, true) in expected_and_true(Path(sys.argv[1])).items():
        print(f"{name}: expected {expected:.2f} mm, true {true:.2f} mm")
