"""A patient with known truth: a parametric pelvis, broken and displaced, with labels, CT and CBCT.

python examples/01_virtual_case.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np

from rafr.cases.case import Case
from rafr.cases.simulate import simulate_case
from rafr.cases.truth import read_truth
from rafr.cases.virtual import virtual_pelvis


def virtual_case(folder: Path, fracture: str = "iliac-wing", seed: int = 1) -> Case:
    """A new case folder; voxels of 1.6 mm, so that all examples are quick."""
    pelvis = virtual_pelvis(np.random.default_rng(seed))
    return simulate_case(pelvis, fracture, seed, folder, spacing_mm=1.6)


def displacements(case: Case) -> dict[str, float]:
    """How far every moving body was displaced, mean over its surface, mm: only a simulated case knows it."""
    return {name: found.mean_mm for name, found in read_truth(case).displacement.items()}


if __name__ == "__main__":
    for name, mean_mm in displacements(virtual_case(Path(sys.argv[1]))).items():
        print(f"{name}: displaced by {mean_mm:.1f} mm")
