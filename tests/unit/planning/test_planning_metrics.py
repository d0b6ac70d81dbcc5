"""Metrics of a reduction against cases done by hand."""

import numpy as np
import pytest
import trimesh

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.planning.metrics import hip_distance_mm, matta, matta_grade, pose_error

IDENTITY = RigidTransform.identity()


@pytest.fixture(scope="module")
def sphere() -> TriangleMesh:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=50.0)
    return TriangleMesh(ball.vertices, ball.faces)


def test_a_translation_moves_every_point_alike(sphere):
    error = pose_error(RigidTransform.from_translation([3.0, 0.0, 4.0]), IDENTITY, sphere)
    assert error == pytest.approx({"mean_mm": 5.0, "p95_mm": 5.0, "max_mm": 5.0, "deg": 0.0}, abs=1e-9)


def test_a_rotation_of_a_sphere_moves_its_points_by_a_quarter_pi_of_the_equator(sphere):
    error = pose_error(RigidTransform.from_rotvec([0.0, 0.0, 0.02]), IDENTITY, sphere)
    # the distance to the axis averages r pi/4 over a sphere; the mesh's chords cost under 1 %
    assert error["mean_mm"] == pytest.approx(50.0 * 0.02 * np.pi / 4, rel=0.01)
    assert error["max_mm"] == pytest.approx(50.0 * 0.02, rel=0.01)
    assert error["deg"] == pytest.approx(np.degrees(0.02), abs=1e-6)


def test_the_error_depends_only_on_the_motion_between_both_poses(sphere):
    moved = RigidTransform.from_rotvec([0.3, -0.2, 0.1], [10.0, -20.0, 5.0])
    change = RigidTransform.from_rotvec([0.01, 0.02, 0.0], [1.0, 2.0, 0.5])
    assert pose_error(moved @ change, moved, sphere) == pytest.approx(pose_error(change, IDENTITY, sphere))


@pytest.mark.parametrize(
    ("max_mm", "grade"),
    [(0.0, "excellent"), (4.0, "excellent"), (4.1, "good"), (10.0, "good"), (10.1, "fair"), (20.1, "poor")],
)
def test_matta_grades_change_at_4_10_and_20_mm(max_mm, grade):
    assert matta_grade(max_mm) == grade


def test_a_shift_along_the_beam_is_invisible_on_that_view(sphere):
    backwards = matta(sphere, RigidTransform.from_translation([0.0, 8.0, 0.0]), IDENTITY)
    assert backwards["views_mm"]["ap"] == pytest.approx(0.0, abs=1e-9)
    # inlet and outlet look 45 degrees down and up: each sees 1/sqrt(2) of it
    assert backwards["views_mm"]["inlet"] == pytest.approx(8.0 / np.sqrt(2))
    assert backwards["views_mm"]["outlet"] == pytest.approx(8.0 / np.sqrt(2))
    assert backwards["grade"] == "good"


def test_a_vertical_shear_shows_in_full_on_the_ap_view(sphere):
    up = matta(sphere, RigidTransform.from_translation([0.0, 0.0, 12.0]), IDENTITY)
    assert up["views_mm"]["ap"] == pytest.approx(12.0)
    assert up["grade"] == "fair"


def test_the_distance_between_the_hips_is_the_smallest_one_and_unknown_without_both():
    box = trimesh.creation.box((20.0, 20.0, 20.0))
    left = TriangleMesh(np.asarray(box.vertices), np.asarray(box.faces))
    right = left.transformed(RigidTransform.from_translation([-27.0, 0.0, 0.0]))
    assert hip_distance_mm({11: left, 21: right}) == pytest.approx(7.0, abs=1e-4)
    assert hip_distance_mm({11: left, 1: right}) is None
