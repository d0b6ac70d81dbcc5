"""The numbers of the examples that need no plan."""

import math
from importlib import import_module

import numpy as np
import pytest

from rafr.errors import RafrError
from rafr.tracking.feed import FrameFeed
from rafr.tracking.gating import ToolGate, ToolSample


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return import_module("01_virtual_case").virtual_case(tmp_path_factory.mktemp("examples") / "case")


@pytest.mark.slow
def test_the_virtual_patients_wing_is_displaced_as_its_seed_says(case):
    assert [b.name for b in case.bodies] == ["reference", "left_iliac_wing"]
    assert import_module("01_virtual_case").displacements(case) == pytest.approx(
        {"left_iliac_wing": 11.5},
        abs=0.1,  # mm
    )


@pytest.mark.slow
def test_registration_is_as_good_as_it_says_of_itself(case):
    found = import_module("04_registration").expected_and_true(case.folder)
    assert set(found) == {"reference", "left_iliac_wing"}
    for expected, true in found.values():
        assert true < 0.3  # mm, with voxels of 1.6 mm
        assert true < 2.0 * expected


@pytest.mark.slow
def test_the_screws_of_a_scheme_keep_a_corridor_of_bone():
    found = import_module("07_screws").lengths_and_margins("SDS1EDS2")["SDS1EDS2"]
    assert set(found) == {"S1 standard left", "S2 extended left"}
    # mm; catalogue lengths come in steps of 5
    assert found["S1 standard left"] == pytest.approx((85.0, 6.0), abs=0.5)
    assert found["S2 extended left"] == pytest.approx((125.0, 4.8), abs=0.5)


def test_a_ranking_is_sure_of_a_difference_but_asks_whether_it_matters():
    clear, slight = (import_module("08_fixation_ranking").ranking(lead) for lead in (0.1, 0.02))
    assert clear.order == slight.order == ("rods", "screws")
    assert clear.difference("rods", "screws").matters == 1.0
    assert slight.difference("rods", "screws").better > 0.9
    assert slight.difference("rods", "screws").matters < 0.1


@pytest.mark.parametrize(
    ("event", "cause", "latest"),
    [("", "", math.inf), ("muscle-guarding", "guarding", 2.0), ("nerve-irritation", "nerve", 1.5)],
)
def test_a_patients_muscles_are_called_by_name_within_seconds(event, cause, latest):
    delay, found, _ = import_module("09_risk_from_emg").first_warning(event)
    assert found == cause
    assert delay <= latest  # s
    assert math.isinf(delay) == (event == "")


def test_a_driver_of_ones_own_feeds_the_gate_through_the_usual_thread():
    pose = "1 0 0 100 0 1 0 200 0 0 1 300 0 0 0 1"  # mm
    lines = [f"{0.02 * k} reference {pose}\n" for k in range(5)]
    lines[1] = "0.02 reference 1 0 0\n"
    driver = import_module("10_tracker_driver").TextDriver(lines, lambda: 1.0)
    feed = FrameFeed(driver, 10, lambda: None)
    feed.start()
    feed._thread.join(10.0)
    assert isinstance(feed.failure, RafrError)  # the program has ended: said, not hidden
    assert feed.losses == {"line that is no pose": 1}
    gate, state = ToolGate(), None
    for frame in feed.take():
        stamp, reading = frame.device_time, frame.tools["reference"]
        sample = ToolSample("reference", stamp, frame.frame_number, reading.T_tracker_tool)
        state = gate.update([sample], stamp + 0.01)["reference"]
    assert state.valid
    assert np.allclose(state.T_tracker_tool.translation, [0.1, 0.2, 0.3])  # m


@pytest.mark.parametrize(("kind", "seconds"), [("differential", 8.5), ("mecanum", 9.4)])
def test_the_base_docks_around_the_stand_in_seconds(kind, seconds):
    took, check = import_module("11_docking").docking(kind)
    assert check.accepted
    assert took == pytest.approx(seconds, rel=0.05)  # the optimum is flat
