"""Paths among boxes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import trimesh

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.planning.path import PathConfig, plan_path

START = RigidTransform.from_rotvec([0.0, 0.0, 0.1], [40.0, 0.0, 0.0])
TARGET = RigidTransform.from_translation([-40.0, 0.0, 0.0])


def box(extents: tuple[float, ...], centre: tuple[float, ...]) -> TriangleMesh:
    solid = trimesh.creation.box(extents)
    for _ in range(3):
        solid = solid.subdivide()
    return TriangleMesh(np.asarray(solid.vertices) + centre, solid.faces)


BODY = box((20.0, 20.0, 20.0), (0.0, 0.0, 0.0))
FLOOR = box((160.0, 60.0, 20.0), (0.0, 0.0, -20.5))


def spring(T: RigidTransform) -> np.ndarray:
    return np.array([T.translation[0] - 40.0, 0.0, 0.0, 0.0, 0.0, 2.0])


def test_a_free_way_is_a_screw_motion_that_begins_and_ends_exactly():
    path = plan_path("body", BODY, [FLOOR], START, TARGET, spring)
    assert path.lift_mm == 0.0
    assert np.array_equal(path.poses[0].T_path_displaced.matrix, START.matrix)
    assert np.array_equal(path.poses[-1].T_path_displaced.matrix, TARGET.matrix)
    assert path.assessment.accepted
    # sliding half a millimetre above the floor
    assert [p.clearance_mm for p in path.poses] == pytest.approx([0.5] * len(path.poses), abs=0.05)


def test_the_body_is_lifted_over_a_step_and_set_down_again():
    step = box((10.0, 60.0, 12.0), (0.0, 0.0, -10.5))
    path = plan_path("body", BODY, [FLOOR, step], START, TARGET, spring)
    assert path.lift_mm > 0.0
    assert path.assessment.accepted
    assert min(p.clearance_mm for p in path.poses) > -PathConfig().slack_mm
    assert np.array_equal(path.poses[-1].T_path_displaced.matrix, TARGET.matrix)


def test_a_wall_too_high_is_reported_not_hidden():
    wall = box((10.0, 60.0, 120.0), (0.0, 0.0, 40.0))
    path = plan_path("body", BODY, [FLOOR, wall], START, TARGET, spring)
    assert not path.assessment.accepted
    assert "into other bone" in path.assessment.reasons[0]
    assert min(p.clearance_mm for p in path.poses) < -1.0


def test_no_point_of_the_body_moves_further_than_a_step_between_poses():
    config = PathConfig(step_mm=2.0, poses=(5, 200))
    path = plan_path("body", BODY, [FLOOR], START, TARGET, spring, config)
    moved = [p.T_path_displaced.apply(BODY.vertices) for p in path.poses]
    assert max(np.linalg.norm(b - a, axis=1).max() for a, b in pairwise(moved)) < 2.05


def test_each_pose_carries_the_predicted_force_and_torque():
    path = plan_path("body", BODY, [FLOOR], START, TARGET, spring)
    assert path.poses[0].force_n == pytest.approx(0.0)
    assert path.poses[-1].force_n == pytest.approx(80.0)
    assert {p.torque_nm for p in path.poses} == {2.0}
