"""Calibrations against independent programs, by numbers these gave for the poses made here."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rafr.geometry import RigidTransform
from rafr.tracking.calibration.dwells import Dwell
from rafr.tracking.calibration.pivot import calibrate_pivot
from rafr.tracking.calibration.pose_pairs import PosePairs, closed_form


def pivoted():
    """60 poses (R, p in mm) of a stylus that pivots, 0.3 mm of noise; no outliers."""
    rng = np.random.default_rng(11)
    R = Rotation.from_rotvec(rng.uniform(-0.6, 0.6, (60, 3))).as_matrix()
    return R, np.array([10.0, 20.0, -30.0]) - R @ [120.0, -5.0, 12.0] + rng.normal(0, 0.3, (60, 3))


def robot_and_tracker():
    """12 pairs `T_base_flange`, `T_tracker_tool` (mm) with 0.5 mm and 2 mrad of noise."""
    rng = np.random.default_rng(12)
    X = RigidTransform.from_rotvec([0.5, 0.1, -0.9], [30.0, 10.0, 80.0])
    Z = RigidTransform.from_rotvec([-0.2, 1.5, 0.6], [900.0, -1200.0, 700.0])
    robot, tracker = [], []
    for _ in range(12):
        flange = RigidTransform.from_rotvec(rng.uniform(-0.8, 0.8, 3), rng.uniform(-300, 300, 3))
        noise = RigidTransform.from_rotvec(rng.normal(0, 2e-3, 3), rng.normal(0, 0.5, 3))
        robot.append(flange)
        tracker.append(noise @ Z.inverse() @ flange @ X)
    return robot, tracker


def test_tip_is_that_of_scikit_surgerycalibration():
    R, p = pivoted()
    found = calibrate_pivot((Dwell(0, 59, np.arange(60), R, p),))
    # scikit-surgerycalibration 1.2.6, pivot_calibration(), algebraic one-step: tip, divot, rms per axis
    tip = [119.92516346756427, -5.03906108300114, 12.022930784395466]
    divot = [9.916394860868536, 19.939777260352678, -29.899042681619985]
    assert len(found.dwells[0].rejected) == 0
    assert found.tip_mm == pytest.approx(tip, abs=1e-8)  # mm: the same least squares
    assert found.dwells[0].divot_mm == pytest.approx(divot, abs=1e-8)
    assert found.rms_mm / np.sqrt(3) == pytest.approx(0.30035872114671247, abs=1e-10)


def test_closed_form_is_that_of_opencv():
    X, Z = closed_form(PosePairs.of(*robot_and_tracker()))
    # OpenCV 4.14.0, calibrateRobotWorldHandEye(), CALIB_ROBOT_WORLD_HAND_EYE_SHAH (5.0 no longer has it)
    assert X.rotvec == pytest.approx([0.4996016950060928, 0.1015263278116338, -0.9003232154096669], abs=1e-9)
    assert X.translation == pytest.approx([30.925225727949908, 7.94000140269543, 82.01565932220645], abs=1e-6)
    assert Z.rotvec == pytest.approx([-0.19976967050120553, 1.500658489524706, 0.6007400632491138], abs=1e-9)
    assert Z.translation == pytest.approx(
        [901.448146652996, -1202.2947720079446, 699.9781191541213], abs=1e-6
    )
