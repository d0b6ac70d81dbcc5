"""Screws and rods of the published fixation schemes, planned in the safe corridors of an intact pelvis.

python examples/07_screws.py
"""

import numpy as np

from rafr.cases.virtual import virtual_pelvis
from rafr.fixation.implants.anatomy import Anatomy
from rafr.fixation.implants.planned import Planner
from rafr.fixation.implants.schemes import plan_scheme


def lengths_and_margins(*schemes: str, seed: int = 1) -> dict[str, dict[str, tuple[float, float]]]:
    """By scheme and screw: length, and least bone around it, mm."""
    anatomy = Anatomy.of_pelvis(virtual_pelvis(np.random.default_rng(seed)))
    planner = Planner(anatomy)
    found = {}
    for name in schemes:
        scheme = plan_scheme(name, anatomy, side="left", planner=planner)
        judged = {screw.name: planner.judged(screw) for screw in scheme.screws}
        found[name] = {n: (j.screw.length_mm, j.margin_mm) for n, j in judged.items()}
    return found


if __name__ == "__main__":
    for name, screws in lengths_and_margins("SDS1EDS2", "L5SDS1", "L5EDS2").items():
        print(name, {screw: (round(length), round(margin, 1)) for screw, (length, margin) in screws.items()})
