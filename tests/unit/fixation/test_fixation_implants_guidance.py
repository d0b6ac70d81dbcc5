"""The drill against the planned screw: numbers that can be worked out by hand."""

import math

import numpy as np
import pytest

from rafr.fixation.implants.catalogue import Catalogue, DrillTool
from rafr.fixation.implants.guidance import (
    Target,
    TrackingError,
    drill_in_bone,
    guidance_text,
    guide,
    guide_to_nearest,
)
from rafr.fixation.implants.implant import Screw
from rafr.geometry import RigidTransform
from rafr.registration.live import Sighting

SCREW = Screw("s", "si-standard", np.array([100.0, 20.0, -30.0]), np.array([20.0, 20.0, -30.0]), 7.3)
TOOL = DrillTool((0.0, 0.0, 0.15), (0.0, 0.0, 1.0))
BESIDE = np.array([0.0, 60.0, 0.0])
# the drill's z along the screw, LPS -x
ALONG = RigidTransform.from_rotvec([0.0, -math.pi / 2, 0.0])


def drill_at(tip, turn=(0.0, 0.0, 0.0)):
    """The marker's pose with the tip (m) there, turned about its own tip."""
    turned = RigidTransform.from_rotvec(turn) @ ALONG
    return RigidTransform(turned.rotation, np.asarray(tip) - turned.rotate(TOOL.tip))


def test_on_the_entry_and_in_line_nothing_is_off_and_all_is_to_go():
    now = guide(SCREW, drill_at((0.1, 0.02, -0.03)), TOOL)

    assert (now.to_entry, now.off_axis, now.depth) == pytest.approx((0, 0, 0), abs=1e-9)
    assert now.angle == pytest.approx(0.0, abs=1e-7)
    assert now.to_go == pytest.approx(0.08)


def test_off_axis_depth_and_the_way_back_are_told_apart():
    now = guide(SCREW, drill_at((0.07, 0.023, -0.026)), TOOL)

    assert now.depth == pytest.approx(0.03)
    assert now.to_go == pytest.approx(0.05)
    assert now.off_axis == pytest.approx(0.005)
    assert now.toward == pytest.approx((0.0, -0.003, -0.004), abs=1e-9)
    assert now.to_entry == pytest.approx(math.hypot(0.03, 0.005))


@pytest.mark.parametrize("degrees", [0.5, 7.0, 90.0, 175.0])
def test_the_angle_is_the_turn_about_an_axis_across(degrees):
    now = guide(SCREW, drill_at((0.1, 0.02, -0.03), (0.0, 0.0, math.radians(degrees))), TOOL)

    assert math.degrees(now.angle) == pytest.approx(degrees)
    assert now.off_axis == pytest.approx(0.0, abs=1e-9)


def test_too_deep_is_said():
    text = guidance_text(guide(SCREW, drill_at((0.018, 0.02, -0.03)), TOOL))

    assert "2 mm TOO DEEP" in text


def test_the_spread_is_that_of_simulated_measurements():
    error = TrackingError(tool=2e-4, marker=0.0, tool_turn=2e-3, marker_turn=0.0, registration=5e-4)
    tool = DrillTool(TOOL.tip, TOOL.axis, tip_sd=0.0, axis_sd=0.0)
    rng = np.random.default_rng(1)
    true = drill_at((0.07, 0.02, -0.03))
    tips, axes = [], []
    for _ in range(4000):
        turn = RigidTransform.from_rotvec(error.tool_turn * rng.standard_normal(3))
        shift = error.tool * rng.standard_normal(3) + error.registration * rng.standard_normal(3)
        seen = RigidTransform(turn.rotation @ true.rotation, true.translation + shift)
        tips.append(seen.apply(tool.tip)[1])
        axes.append(seen.rotate(tool.axis)[1])
    now = guide(SCREW, true, tool, error)

    # 4000 draws know a standard deviation to about 1 %
    assert np.std(tips) == pytest.approx(now.off_axis_sd, rel=0.05)
    assert np.std(axes) == pytest.approx(now.angle_sd, rel=0.05)


def test_the_chain_from_tracker_to_bone_is_the_bones_own_view():
    rng = np.random.default_rng(2)
    T_tracker_marker, T_marker_ct, T_ct_drill = (
        RigidTransform.from_rotvec(rng.standard_normal(3), rng.standard_normal(3)) for _ in range(3)
    )
    T_tracker_drill = T_tracker_marker @ T_marker_ct @ T_ct_drill

    found = drill_in_bone(T_marker_ct, T_tracker_marker, T_tracker_drill)
    assert found.matrix == pytest.approx(T_ct_drill.matrix)


def test_the_nearest_target_is_the_one_spoken_of_and_nothing_without_its_bone():
    rng = np.random.default_rng(3)
    T_tracker_reference, T_tracker_fragment, T_reference_ct, T_fragment_ct = (
        RigidTransform.from_rotvec(rng.standard_normal(3), rng.standard_normal(3)) for _ in range(4)
    )
    other = Screw("pin", "pin", SCREW.entry + BESIDE, SCREW.tip + BESIDE, 5.0)
    targets = [Target(SCREW, "rest", "reference"), Target(other, "wing", "fragment_wing")]
    registered = {"rest": T_reference_ct, "wing": T_fragment_ct}
    # 20 mm before the pin's entry, 3 mm beside its axis, in the fragment's CT
    T_tracker_drill = T_tracker_fragment @ T_fragment_ct @ drill_at((0.12, 0.083, -0.03))
    tools = {"fragment_wing": T_tracker_fragment, "drill": T_tracker_drill}

    target, now = guide_to_nearest(Sighting(tools, registered, None), targets, TOOL)
    assert target.screw.name == "pin"
    assert (now.depth, now.off_axis) == pytest.approx((-0.02, 0.003))
    assert "entry 20.2 mm away" in guidance_text(now)

    with_reference = Sighting({**tools, "reference": T_tracker_reference}, registered, None)
    assert guide_to_nearest(with_reference, targets, TOOL)[0].screw.name in ("pin", "s")
    assert guide_to_nearest(Sighting({"drill": T_tracker_drill}, registered, None), targets, TOOL) is None
    assert (
        guide_to_nearest(Sighting({"fragment_wing": T_tracker_fragment}, registered, None), targets, TOOL)
        is None
    )


def test_the_catalogue_describes_a_drill():
    drill = Catalogue.read().drill

    assert np.linalg.norm(drill.axis) == pytest.approx(1.0)
