"""Joints take the gap of the intact side, point by point."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from rafr.geometry import Plane, RigidTransform, TriangleMesh
from rafr.planning.target.anatomy import Bone
from rafr.planning.target.estimate import IN_PLACE, Estimate
from rafr.planning.target.joints import joint_terms
from rafr.planning.target.local_mirror import find_local_mirrors

MIDLINE = Plane(np.zeros(3), np.array([1.0, 0.0, 0.0]))


def plate(x: float, opening: float) -> TriangleMesh:
    """A block whose inner face at x opens towards the front by `opening` (slope)."""
    box = trimesh.creation.box((10.0, 40.0, 40.0))
    for _ in range(4):
        box = box.subdivide()
    points = np.asarray(box.vertices) + np.array([x + 5.0, 0.0, 0.0])
    points[:, 0] -= opening * points[:, 1]
    return TriangleMesh(points, np.asarray(box.faces))


def bones(moving: RigidTransform) -> tuple[list[Bone], Estimate]:
    sacrum = trimesh.creation.box((60.0, 40.0, 40.0))
    for _ in range(4):
        sacrum = sacrum.subdivide()
    middle = Bone.of("sacrum", [TriangleMesh(np.asarray(sacrum.vertices), np.asarray(sacrum.faces))])
    left = Bone.of("left_hip", [plate(32.5, 0.05)], body=0)
    right = Bone.of("right_hip", [MIDLINE.reflect_mesh(plate(32.5, 0.05))])
    at = Estimate(MIDLINE, np.array([40.0, 0.0, 0.0]), (moving,), (np.array([37.5, 0.0, 0.0]),))
    return [left, middle, right], at


def excess(moving: RigidTransform) -> np.ndarray:
    found, at = bones(moving)
    (term,) = [t for t in joint_terms(at, found, find_local_mirrors(at, found)) if "sacrum" in t.name]
    return term.rows(at, 4.0).residual


def test_a_wedge_shaped_joint_is_right_where_the_other_side_is_as_wedge_shaped():
    residual = np.abs(excess(RigidTransform.identity()))
    # mm, of gaps from 1.5 to 3.5; at the very edges of the blocks the normal is that of no face
    assert np.quantile(residual, 0.95) < 0.05


def test_a_joint_that_gapes_shows_by_how_much():
    residual = excess(RigidTransform.from_translation([1.0, 0.0, 0.0]))
    assert np.median(residual) == pytest.approx(1.0, abs=0.05)


def test_a_joint_within_one_body_holds_nothing():
    found, at = bones(RigidTransform.identity())
    found = [bone.of_body(IN_PLACE) for bone in found]
    assert joint_terms(at, found, find_local_mirrors(at, found)) == []
