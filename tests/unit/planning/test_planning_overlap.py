"""Bodies are kept out of bone at the least cost to the evidence."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.surface import Surface
from rafr.planning.target.anatomy import Bone
from rafr.planning.target.config import TargetConfig
from rafr.planning.target.overlap import push_out


def box(centre: tuple[float, float, float]) -> TriangleMesh:
    made = trimesh.creation.box((20.0, 20.0, 20.0)).subdivide().subdivide().subdivide()
    return TriangleMesh(np.asarray(made.vertices) + centre, np.asarray(made.faces))


WALL = Bone.of("sacrum", [box((0.0, 0.0, 0.0))])
EVEN = np.diag([1.0, 1.0, 1.0, 1e-4, 1e-4, 1e-4])


def pushed(centre: tuple[float, float, float], covariance: np.ndarray, allowed: float):
    body = Bone.of("left_hip", [box(centre)], body=0)
    freed = push_out(RigidTransform.identity(), {"left_hip": body}, [WALL], covariance, allowed)
    depth = -Surface.of(WALL.surface.mesh).signed_distance(freed.T.apply(body.surface.mesh.vertices)).min()
    return freed.T, freed.moved_mm, depth


def test_a_body_that_is_clear_stays():
    T, moved, _ = pushed((20.5, 1.0, 0.0), EVEN, 0.2)
    assert moved == 0.0
    assert np.array_equal(T.matrix, np.eye(4))


def test_an_overlap_is_left_by_as_much_as_needed_and_no_more():
    T, moved, depth = pushed((18.5, 0.5, 0.5), EVEN, 0.2)
    assert depth <= 0.2
    # 1.5 mm deep, 0.2 allowed
    assert moved == pytest.approx(1.3, abs=0.15)
    assert T.translation[0] > 1.0


def test_the_push_leaves_alone_what_the_evidence_is_sure_of():
    sure_of_turns = np.diag([1.0, 1.0, 1.0, 1e-10, 1e-10, 1e-10])
    T, _, _ = pushed((18.5, 6.0, 0.5), sure_of_turns, 0.2)
    assert np.degrees(T.angle) < 0.01


def test_a_body_deep_in_bone_is_left_where_it_was_and_says_how_deep():
    body = Bone.of("left_hip", [box((2.0, 0.5, 0.5))], body=0)
    freed = push_out(RigidTransform.identity(), {"left_hip": body}, [WALL], EVEN, 0.2)
    assert np.array_equal(freed.T.matrix, np.eye(4))
    assert freed.overlap_mm > 1.5


def test_the_overlap_that_is_kept_grows_with_the_voxels_that_surfaces_come_from():
    config = TargetConfig()
    assert config.allowed_overlap_mm(0.0) == config.max_overlap_mm == 0.4
    assert config.allowed_overlap_mm(1.2) == pytest.approx(0.96)
