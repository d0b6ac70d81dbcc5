"""A real recording: a stylus turned in the eight divots of a phantom (PLUS toolkit)."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from rafr.geometry import fit_rigid
from rafr.tracking.calibration.dwells import parse_frames, read_dwells
from rafr.tracking.calibration.phantom import register_phantom
from rafr.tracking.calibration.pivot import calibrate_pivot
from rafr.tracking.calibration.points_file import read_points
from rafr.tracking.recordings import read_recording

pytestmark = pytest.mark.data
FRAMES = "77-162,172-254,277-353,361-457,531-613,626-716,728-820,832-930"
# StylusTip to Stylus in PLUS's own configuration for this file: PlusLibData,
# ConfigFiles/PlusDeviceSet_fCal_Sim_RecordPhantomLandmarks.xml, "091114_150742"; its pivot error was 0.46 mm
PUBLISHED_TIP = np.array([108.565, 7.77385, 2.5389])


@pytest.fixture(scope="module")
def dwells(data_folder):
    recording = read_recording(
        data_folder / "tracker" / "EightLandmarkPointsTrackedForPhantomRegistration.igs.mha"
    )
    return read_dwells(recording, "Stylus", "Reference", parse_frames(FRAMES, len(recording)))


@pytest.fixture(scope="module")
def drawn(data_folder):
    return read_points(data_folder / "tracker" / "phantom_landmarks.csv")


def test_published_tip_registers_the_phantom(dwells, drawn):
    found = register_phantom(dwells, drawn, tip_mm=PUBLISHED_TIP)
    assert found.assessment.accepted
    assert found.fre_mm == pytest.approx(0.284, abs=0.01)  # mm, measured
    assert max(mark.leave_one_out_mm for mark in found.landmarks) < 0.5
    assert sum(mark.rejected for mark in found.landmarks) <= 20  # of 709, on the way into the divots


def test_tip_from_these_dwells_fits_well_and_is_not_accepted(dwells):
    found = calibrate_pivot(dwells)
    assert found.rms_mm < 0.45  # mm: it looks good
    assert found.sd_mm < 0.2
    assert found.condition_number < 2
    assert not found.assessment.accepted
    assert any("varies slowly" in reason for reason in found.assessment.reasons)
    off = float(np.linalg.norm(found.tip_mm - PUBLISHED_TIP))
    # 1.45 mm from the published tip, ten standard deviations of the noise; 1.32 mm foretold
    assert off == pytest.approx(1.45, abs=0.1)
    assert found.systematic_mm == pytest.approx(1.32, abs=0.1)


def test_no_dwell_alone_gives_an_accepted_tip(dwells):
    assert not any(calibrate_pivot((dwell,)).assessment.accepted for dwell in dwells)


def test_phantom_registered_with_its_own_tip_is_four_times_worse_and_not_accepted(dwells, drawn):
    found = register_phantom(dwells, drawn)
    assert found.fre_mm == pytest.approx(1.19, abs=0.05)  # mm, measured
    assert len(found.assessment.reasons) == 2


def test_tip_that_suits_the_drawing_best_is_near_the_published_one(dwells, drawn):
    """The drawing knows nothing of pivots: it tells which of the two tips is right."""

    def misfit(tip):
        measured = np.array([dwell.tips_mm(tip).mean(axis=0) for dwell in dwells])
        return (fit_rigid(drawn.points_mm, measured).apply(drawn.points_mm) - measured).ravel()

    best = least_squares(misfit, PUBLISHED_TIP).x
    assert np.linalg.norm(best - PUBLISHED_TIP) < 1.0
    assert np.linalg.norm(best - PUBLISHED_TIP) < 0.7 * np.linalg.norm(best - calibrate_pivot(dwells).tip_mm)
