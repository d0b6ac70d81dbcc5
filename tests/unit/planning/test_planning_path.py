"""Paths among boxes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import trimesh

from rafr.errors import InputError
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.planning.path import Cord, PathConfig, Pull, plan_path
from rafr.planning.path.chart import Chart, lengths, resampled
from rafr.planning.path.load import LoadModel
from rafr.planning.path.refine import refine
from rafr.planning.path.rule import ClearanceRule
from rafr.planning.path.surroundings import Surroundings
from rafr.tissue.cables import Cable, Rider, TissueModel
from rafr.tissue.tension import TensionLaw, TensionLaws

START = RigidTransform.from_rotvec([0.0, 0.0, 0.1], [20.0, 0.0, 0.0])
TARGET = RigidTransform.from_translation([-20.0, 0.0, 0.0])
STIFFNESS = 1000.0  # N/m


def box(extents: tuple[float, ...], centre: tuple[float, ...]) -> TriangleMesh:
    solid = trimesh.creation.box(extents)
    for _ in range(4):
        solid = solid.subdivide()
    return TriangleMesh(np.asarray(solid.vertices) + centre, solid.faces)


BODY = box((20.0, 20.0, 20.0), (0.0, 0.0, 0.0))
FLOOR = box((120.0, 60.0, 20.0), (0.0, 0.0, -20.5))
STEP = box((10.0, 60.0, 12.0), (0.0, 0.0, -10.5))


def spring(limit: float = 1e4) -> Pull:
    """Pulls the body's centre back to where it starts, x = 20 mm."""
    ends = np.array([[0.0, 0.0, 0.0], [0.02, 0.0, 0.0]])
    cable = Cable("spring", ends, (Rider.BODY, Rider.GROUND), 0.0)
    return Pull(
        TissueModel((cable,), TensionLaws.of([TensionLaw(limit, STIFFNESS)]), np.zeros(3), np.zeros(1))
    )


def planned(*obstacles: TriangleMesh, pull: Pull | None = None, **options):
    return plan_path("body", BODY, [FLOOR, *obstacles], START, TARGET, pull or spring(), **options)


@pytest.fixture(scope="module")
def over_step():
    return planned(STEP)


def test_where_the_straight_path_is_clear_and_no_load_lies_between_it_cannot_be_bettered():
    path = planned()
    assert np.array_equal(path.poses[0].T_path_displaced.matrix, START.matrix)
    assert np.array_equal(path.poses[-1].T_path_displaced.matrix, TARGET.matrix)
    assert path.assessment.accepted
    assert path.summary.peak_force_n == pytest.approx(40.0, abs=0.1)  # N: 1 N/mm over 40 mm
    assert path.summary.peak_force_n == pytest.approx(path.straight.summary.peak_force_n, abs=0.1)


def test_the_body_goes_over_a_step_that_the_straight_path_would_run_through(over_step):
    path = over_step
    assert path.assessment.accepted
    assert min(p.clearance_mm for p in path.poses) > -PathConfig().slack_mm
    assert path.straight.summary.min_clearance_mm < -3.0
    assert path.summary.peak_contact_n < 0.01 * path.straight.summary.peak_contact_n
    assert path.summary.peak_force_n < 0.1 * path.straight.summary.peak_force_n


def test_refinement_makes_a_roundabout_way_lighter_and_keeps_it_clear():
    loads = model(spring(), STEP)
    off = np.array([0.0, 0.0, 30.0, 0.0, 0.0, 0.0])
    ends = np.stack([np.zeros(6), loads.around.chart.coordinates(TARGET)])
    x = resampled(np.stack([ends[0], *(ends + off), ends[1]]), 40)
    before = loads(x)
    for _ in range(4):
        x = refine(loads, x, PathConfig())
    after = loads(resampled(x, 40))
    assert after.force.max() < 0.97 * before.force.max()
    assert lengths(x)[-1] < 80.0  # mm, of 100
    assert after.clearance.min() > -PathConfig().slack_mm


def test_without_search_the_ladder_of_lifted_paths_is_left():
    config = PathConfig(batches=0, neighbours=1, refinements=0)
    assert planned(STEP, config=config).assessment.accepted


@pytest.mark.slow
def test_a_wall_too_high_is_reported_not_hidden():
    wall = box((10.0, 300.0, 300.0), (0.0, 0.0, 100.0))
    path = planned(wall, config=PathConfig(batches=1))
    assert not path.assessment.accepted
    assert "into other bone" in path.assessment.reasons[0]
    assert min(p.clearance_mm for p in path.poses) < -1.0


def test_more_force_than_the_controller_allows_is_refused():
    path = planned(config=PathConfig(force_limit=30.0))
    assert not path.assessment.accepted
    assert "40 N on the way, the limit is 30 N" in path.assessment.reasons[0]


def test_no_point_of_the_body_moves_further_than_a_step_between_poses():
    config = PathConfig(step_mm=2.0, poses=(5, 200))
    path = planned(config=config)
    moved = [p.T_path_displaced.apply(BODY.vertices) for p in path.poses]
    assert max(np.linalg.norm(b - a, axis=1).max() for a, b in pairwise(moved)) < 2.05


def test_the_same_plan_comes_out_twice(over_step):
    for a, b in zip(over_step.poses, planned(STEP).poses, strict=True):
        assert np.array_equal(a.T_path_displaced.matrix, b.T_path_displaced.matrix)


def test_via_poses_are_passed_exactly_and_in_order():
    via = [
        RigidTransform.from_rotvec([0.1, 0.0, 0.05], [12.0, 3.0, 14.0]),
        RigidTransform.from_rotvec([0.0, -0.1, 0.0], [-10.0, -3.0, 15.0]),
    ]
    path = planned(STEP, via=via)
    matrices = [p.T_path_displaced.matrix for p in path.poses]
    places = [next(k for k, m in enumerate(matrices) if np.array_equal(m, T.matrix)) for T in via]
    assert places == sorted(places)
    assert path.assessment.accepted
    assert len(path.found_by) == 3


def test_a_via_pose_inside_bone_is_refused():
    path = planned(via=[RigidTransform.from_translation([0.0, 0.0, -5.0])])
    assert not path.assessment.accepted


@pytest.mark.parametrize(
    ("clearances", "kept"),
    [
        ([-1.0, -0.5, 0.2, 0.2, 0.0], True),
        ([-1.0, -1.3, 0.2, 0.2, 0.0], False),  # deeper in before it comes out
        ([-1.0, -0.5, -0.7, 0.2, 0.0], False),  # comes out and goes back
        ([0.1, 0.1, -0.5, 0.1, 0.1], False),  # into bone on the way
        ([0.1, 0.1, -0.3, 0.1, 0.1], True),  # touches
        ([0.1, 0.2, 0.3, -0.4, -0.8], True),  # seated as deep as the target lies
        ([0.1, 0.2, 0.3, -0.9, -0.8], False),  # deeper than that
    ],
)
def test_overlap_is_only_left_behind_and_only_near_start_and_target(clearances, kept):
    x = np.zeros((5, 6))
    x[:, 0] = [0.0, 2.0, 10.0, 18.0, 20.0]
    c = np.array(clearances)
    rule = ClearanceRule.of(x[[0, -1]], c[[0, -1]], PathConfig(release_mm=8.0))
    assert rule.keeps(x, c) is kept


def test_an_overlap_at_the_start_may_not_be_carried_along():
    x = np.zeros((5, 6))
    x[:, 0] = [0.0, 5.0, 10.0, 15.0, 40.0]
    c = np.array([-1.0, -0.95, -0.9, 0.5, 0.5])
    rule = ClearanceRule.of(x[[0, -1]], c[[0, -1]], PathConfig(release_mm=8.0))
    assert rule.keeps(x, c) is False


def model(pull: Pull, *obstacles: TriangleMesh) -> LoadModel:
    chart = Chart.of(BODY, START)
    ends = np.stack([np.zeros(6), chart.coordinates(TARGET)])
    return LoadModel.of(pull, Surroundings.of(BODY, [FLOOR, *obstacles], chart, ends, PathConfig()), ends)


@pytest.mark.parametrize(("follows", "within"), [(False, 1e-3), (True, 0.6)])
def test_the_load_is_the_same_in_numpy_and_casadi(follows, within):
    hip = np.array([0.01, 0.02, -0.01])
    cord = replace(Cord.along_leg(hip, "left", 80.0), follows=follows)
    loads = model(Pull(spring().tissue, cord))
    x = np.array([[-5.0, 3.0, 4.0, 2.0, -1.0, 3.0], [-30.0, 0.0, 9.0, 0.0, 4.0, 1.0]])
    soft = loads(x).tissue + loads(x).traction
    function = loads.pull.in_chart(loads.around.chart)
    casadi = np.array([np.array(function(row)).ravel() for row in x])
    assert casadi == pytest.approx(soft, abs=within)  # N, N m; bounds of the tension are rounded off there


def test_a_face_pressed_into_bone_bears_area_times_depth_times_the_foundation():
    loads = model(spring())
    [wrench] = loads(np.array([[-10.0, 0.0, -1.0, 0.0, 0.0, 0.0]])).contact
    turned = START.rotation @ np.array([1.0, 0.0, 0.0])
    assert abs(turned[2]) < 1e-9  # the face stays level
    # 20 mm x 20 mm, 1 mm down of which 0.5 mm is gap and 0.2 mm touching only, 5 GPa/m
    # within 20 %: cells of points at the edges of the face belong to the sides
    assert wrench[2] == pytest.approx(5e9 * 4e-4 * 0.3e-3, rel=0.2)
    assert np.abs(wrench[:2]).max() < 0.05 * wrench[2]


def test_the_cord_pulls_what_helps_and_no_more_than_prescribed():
    ahead = np.array([-1.0, 0.0, 0.0])
    x = np.linspace(0.0, 1.0, 9)[:, None] * model(spring()).around.chart.coordinates(TARGET)
    alone = model(spring())(x)
    # the spring pulls back with up to 40 N
    back = -alone.tissue[:, :3] @ ahead
    for prescribed in (10.0, 100.0):
        loads = model(Pull(spring().tissue, Cord(np.zeros(3), 1e3 * ahead, prescribed)))
        along = loads(x)
        assert along.tension == pytest.approx(np.clip(back, 0.0, prescribed), abs=0.1)
        steady = loads.with_steady_traction()(x)
        assert steady.tension == pytest.approx(np.full(9, prescribed))
        assert along.force.max() <= min(steady.force.max(), alone.force.max()) + 1e-6
        assert np.linalg.norm(steady.traction[:, :3], axis=1) == pytest.approx(np.full(9, prescribed))


def test_the_path_says_what_the_cord_is_to_pull_and_the_straight_one_has_it_as_prescribed():
    cord = Cord(np.zeros(3), np.array([-1e3, 0.0, 0.0]), 30.0)
    found = plan_path("left", BODY, [FLOOR], START, TARGET, Pull(spring().tissue, cord))
    tension = [pose.traction_n for pose in found.poses]
    assert tension[0] < 1.0
    assert tension[-1] == pytest.approx(30.0, abs=0.5)
    assert found.straight.force_n[0] == pytest.approx(30.0, abs=1.0)
    assert found.poses[0].force_n < 1.0
    alone = plan_path("left", BODY, [FLOOR], START, TARGET, spring())
    assert {pose.traction_n for pose in alone.poses} == {None}


@pytest.mark.parametrize("name", ["step_mm", "release_mm", "slack_mm", "force_limit", "points", "knots"])
def test_a_tunable_out_of_bounds_is_named(name):
    with pytest.raises(InputError, match=name):
        planned(config=PathConfig(**{name: -1}))
