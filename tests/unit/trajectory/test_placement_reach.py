"""How far an arm reaches, as far as the order of base poses to try depends on it."""

import numpy as np
import pytest

from rafr.robot.arm import ArmModel
from rafr.trajectory.placement.candidates import _reach, _shoulder_distance


@pytest.mark.parametrize(
    ("name", "shoulder_height", "reach"),
    # lengths of the data sheets from shoulder to wrist, m
    [("ur16e", 0.181, 0.838), ("ur10e", 0.181, 1.184), ("lbr_med14", 0.360, 0.820), ("fr3", 0.333, 0.708)],
)
def test_shoulder_and_reach_are_those_of_the_data_sheet(name, shoulder_height, reach):
    arm = ArmModel.named(name)
    # a UR's wrist lies 0.17 m beside its forearm, which counts as length
    assert _reach(arm) == pytest.approx(reach, abs=0.045)
    above = arm.T_base_armbase.apply((0.0, 0.0, shoulder_height + 0.5))
    # m; the LBR's second joint is drawn 10 mm beside its axis' crossing
    assert _shoulder_distance(arm, (0.0, 0.0, 0.0), above) == pytest.approx(0.5, abs=2e-3)
    assert _shoulder_distance(arm, (2.0, 0.0, 0.0), above) == pytest.approx(np.hypot(2.0, 0.5), abs=2e-3)
