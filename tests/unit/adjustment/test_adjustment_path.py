"""An approved path adjusted on the way: round what is in the way, to another end, never beyond its bounds."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from rafr.adjustment import AdjusterConfig, AdjustmentKeeper, Ball, PathAdjuster, Terrain, Underway
from rafr.control.adjustment import Adjustment, joined
from rafr.control.config import ArmControlConfig
from rafr.control.correction import displaced
from rafr.errors import InputError
from rafr.geometry import RigidTransform, TriangleMesh, screw_interpolate
from rafr.planning.path import Pull
from rafr.tissue.cables import Cable, Rider, TissueModel
from rafr.tissue.tension import TensionLaw, TensionLaws
from rafr.trajectory.reduction_path import ReductionPath
from rafr.units import to_metres

NOTHING = np.zeros(6)
STIFFNESS = 1000.0  # N/m
POSES = screw_interpolate(
    RigidTransform.from_translation([20.0, 0.0, 0.0]),
    RigidTransform.from_rotvec([0.0, 0.0, 0.1], [-20.0, 0.0, 0.0]),
    np.linspace(0.0, 1.0, 21),
)


def box(extents, centre):
    solid = trimesh.creation.box(extents)
    for _ in range(4):
        solid = solid.subdivide()
    return TriangleMesh(np.asarray(solid.vertices) + centre, solid.faces)


@pytest.fixture(scope="module")
def terrain():
    """A block of 20 mm slides 40 mm over a floor 5 mm below, held back by a spring."""
    ends = np.array([[0.0, 0.0, 0.0], [0.02, 0.0, 0.0]])
    cable = Cable("spring", ends, (Rider.BODY, Rider.GROUND), 0.0)
    tissue = TissueModel((cable,), TensionLaws.of([TensionLaw(1e4, STIFFNESS)]), np.zeros(3), np.zeros(1))
    floor = box((120.0, 60.0, 20.0), (0.0, 0.0, -25.0))
    return Terrain.of(box((20.0,) * 3, (0.0,) * 3), [floor], POSES, np.zeros(3), Pull(tissue))


@pytest.fixture(scope="module")
def adjuster(terrain):
    return PathAdjuster(terrain)


def along(adjustment, shares):
    """Where the block's centre is, mm."""
    path = ReductionPath([to_metres(T) for T in POSES], np.zeros(3))
    return np.array([1e3 * displaced(path.at(u), adjustment.at(u), np.zeros(3)).translation for u in shares])


def test_nothing_in_the_way_changes_nothing_that_matters(adjuster):
    found = adjuster.adjust(Underway(0.2, NOTHING, NOTHING))
    assert found.assessment.accepted
    assert found.outlook.force == pytest.approx(found.unadjusted.force, rel=0.01)
    assert np.abs(found.adjustment.offsets[[0, -1]]).max() < 1e-9


def test_the_path_goes_round_a_ball_and_comes_back(adjuster):
    ball = Ball(
        "retractor", np.array([0.0, 14.0, 0.0]), 5.0
    )  # 1 mm into the block's side, 2 where it has turned
    found = adjuster.adjust(Underway(0.1, NOTHING, NOTHING, balls=(ball,)))
    assert found.assessment.accepted, found.assessment.reasons
    assert found.unadjusted.clearance == pytest.approx(-2.0, abs=0.3)  # mm: points stand for a surface
    assert found.outlook.clearance > 0.5  # mm: asked for 1, on linearised distances
    centre = along(found.adjustment, [0.1, 0.5, 1.0])
    assert centre[1, 1] < -1.0
    assert np.abs(centre[[0, 2], 1]).max() < 0.5


def test_the_end_moves_where_it_is_wanted(adjuster):
    target = np.array([1e-3, 0.0, 2e-3, 0.0, 0.02, 0.0])
    found = adjuster.adjust(Underway(0.3, NOTHING, target, stiffness=1.5))
    assert found.assessment.accepted, found.assessment.reasons
    assert found.adjustment.at(1.0) == pytest.approx(target, abs=1e-9)
    assert found.adjustment.at(0.3) == pytest.approx(NOTHING, abs=1e-9)
    # the spring's length is known: 40 mm less 1 mm at the end, one and a half times as stiff
    assert found.outlook.force == pytest.approx(1.5 * STIFFNESS * 0.039, rel=0.03)


@pytest.mark.parametrize(
    ("underway", "word"),
    [
        (Underway(0.1, NOTHING, np.array([8e-3, 0, 0, 0, 0, 0.0])), "off the approved"),
        (
            Underway(0.1, NOTHING, NOTHING, balls=(Ball("wall", np.array([0.0, 0.0, 0.0]), 15.0),)),
            "in the way",
        ),
        (Underway(0.1, NOTHING, NOTHING, stiffness=20.0), "the limit is 300 N"),
    ],
    ids=["too far", "blocked", "too hard"],
)
def test_what_goes_further_than_its_approval_is_for_a_person_to_decide(adjuster, underway, word):
    answer = adjuster.adjust(underway).assessment
    assert not answer.accepted
    assert any(word in reason for reason in answer.reasons), answer.reasons


def test_bone_is_kept_clear_of_as_far_as_the_approved_path_is(adjuster):
    down = np.array([0.0, 0.0, -4.8e-3, 0, 0, 0])
    found = adjuster.adjust(Underway(0.3, NOTHING, down))
    assert not found.assessment.accepted or found.outlook.clearance > -0.1  # mm


def test_changes_follow_each_other_without_a_jump_and_only_when_there_is_a_reason(adjuster):
    keeper, config = AdjustmentKeeper(adjuster), ArmControlConfig()
    assert not keeper.due(0.1, None)
    assert not keeper.due(0.1, 1.1)
    assert not keeper.due(0.1, 0.4)  # what pulls less than planned needs no other path
    assert keeper.due(0.1, 1.4)
    before = NOTHING
    for progress, wish in ((0.2, 1e-3), (0.4, -2e-3), (0.9, 1e-3)):
        keeper.wish(np.array([0.0, wish, 0.0, 0.0, 0.0, 0.0]))
        assert keeper.due(progress, None)
        found = keeper.adjusted(progress)
        for late in (0.0, 0.01):  # the fragment goes on until the controller hears of it
            u = progress + late
            assert found.adjustment.judge(
                before if isinstance(before, np.ndarray) else before.at(u), u, config
            ).accepted
        keeper.heard(found.adjustment.reason)
        assert not keeper.due(progress, None)
        before = found.adjustment
    assert before.at(1.0)[1] == pytest.approx(1e-3, abs=1e-9)
    keeper.set_obstacles({"tool": Ball("tool", np.array([0.0, 100.0, 0.0]), 5.0)})
    assert keeper.due(0.95, None)
    keeper.adjusted(0.95)
    keeper.adjusted(0.95)
    keeper.heard("something else")
    assert keeper.due(0.95, None), "not taken: asked again"


def test_an_answer_that_comes_late_counts_and_a_newer_wish_stands(adjuster):
    keeper = AdjustmentKeeper(adjuster)
    keeper.wish(np.array([0.0, 1e-3, 0.0, 0.0, 0.0, 0.0]))
    first = keeper.adjusted(0.2)
    keeper.adjusted(0.22)  # asked again before the first answer came
    keeper.heard(first.adjustment.reason)
    assert not keeper.due(0.25, None)
    keeper.wish(np.array([0.0, 2e-3, 0.0, 0.0, 0.0, 0.0]))
    second = keeper.adjusted(0.3)
    assert second.adjustment.at(0.3) == pytest.approx(first.adjustment.at(0.3), abs=1e-9)
    keeper.wish(np.array([0.0, -1e-3, 0.0, 0.0, 0.0, 0.0]))
    keeper.heard(second.adjustment.reason)
    assert keeper.due(0.35, None)


def test_an_adjustment_is_followed_as_before_until_it_begins():
    old = Adjustment(np.array([0.0, 1.0]), np.array([[0.0] * 6, [1e-3] + [0.0] * 5]))
    new = Adjustment(np.array([0.5, 1.0]), np.array([[5e-4] + [0.0] * 5, [0.0] * 6]))
    both = joined(old, new, 0.3)
    assert both.at(0.3) == pytest.approx(old.at(0.3), abs=1e-9)
    assert both.at(0.4) == pytest.approx(old.at(0.4), abs=1e-5)
    assert both.at(1.0) == pytest.approx(new.at(1.0))


def test_bad_tunables_are_refused(terrain):
    with pytest.raises(InputError, match="knots"):
        PathAdjuster(terrain, AdjusterConfig(knots=1))


@pytest.mark.slow
def test_an_adjustment_takes_no_longer_than_a_control_horizon(adjuster):
    ball = Ball("retractor", np.array([0.0, 14.0, 0.0]), 5.0)
    seconds = [adjuster.adjust(Underway(0.1, NOTHING, NOTHING, balls=(ball,))).seconds for _ in range(20)]
    assert np.median(seconds) < 0.3  # s: some 40 ms on a quiet machine
