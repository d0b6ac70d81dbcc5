"""Meshes, planes and signed distances against closed forms."""

import numpy as np
import pytest
import trimesh

from rafr.errors import RafrError
from rafr.geometry import (
    Plane,
    RigidTransform,
    SignedDistanceGrid,
    TriangleMesh,
    exact_signed_distance,
    merge_meshes,
    read_mesh,
    write_mesh,
)


@pytest.fixture(scope="module")
def sphere():
    ball = trimesh.creation.icosphere(subdivisions=4, radius=10.0)
    return TriangleMesh(np.asarray(ball.vertices), np.asarray(ball.faces))


def test_volume_area_and_centroid_of_a_sphere(sphere):
    assert sphere.volume == pytest.approx(4 / 3 * np.pi * 1000, rel=5e-3)  # faceted: a little less
    assert sphere.face_areas.sum() == pytest.approx(4 * np.pi * 100, rel=5e-3)
    moved = sphere.transformed(RigidTransform.from_translation([1.0, 2.0, 3.0]))
    assert np.allclose(moved.centroid, [1, 2, 3], atol=1e-6)


def test_normals_point_outward(sphere):
    outward = sphere.vertices / 10.0
    assert np.einsum("ij,ij->i", sphere.vertex_normals, outward).min() > 0.99


def test_reflection_keeps_faces_outward(sphere):
    plane = Plane(np.array([4.0, 0.0, 0.0]), np.array([2.0, 0.0, 0.0]))
    mirrored = plane.reflect_mesh(sphere)
    assert mirrored.volume == pytest.approx(sphere.volume)
    assert np.allclose(mirrored.centroid, [8, 0, 0], atol=1e-6)
    assert np.allclose(plane.reflect(mirrored.vertices), sphere.vertices)


def test_surface_samples_lie_on_the_surface(sphere):
    points, normals = sphere.sample_surface(500, np.random.default_rng(1))
    assert np.abs(np.linalg.norm(points, axis=1) - 10).max() < 0.05  # mm, sagitta of a facet
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)


def test_signed_distance_agrees_with_the_sphere(sphere):
    rng = np.random.default_rng(2)
    points = rng.uniform(-16, 16, (2000, 3))
    truth = np.linalg.norm(points, axis=1) - 10
    assert np.abs(exact_signed_distance(sphere, points) - truth).max() < 0.05
    grid = SignedDistanceGrid.from_mesh(sphere, spacing=1.0, margin=8.0)
    distance, gradient = grid.distance_and_gradient(points)
    off_centre = np.linalg.norm(points, axis=1) > 3.0  # the field has a kink at the centre
    assert np.abs(distance - truth)[off_centre].max() < 0.12  # mm, trilinear at a 1 mm step
    direction = points / np.linalg.norm(points, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", gradient, direction)[off_centre].min() > 0.85  # 3 mm from the kink


def test_distance_gradient_is_the_derivative(sphere):
    grid = SignedDistanceGrid.from_mesh(sphere, spacing=2.0, margin=6.0)
    points = np.random.default_rng(3).uniform(-12, 12, (50, 3)) + 0.013
    _, gradient = grid.distance_and_gradient(points)
    step = 1e-6
    for axis in range(3):
        offset = np.eye(3)[axis] * step
        numeric = (grid.distance(points + offset) - grid.distance(points - offset)) / (2 * step)
        assert np.allclose(numeric, gradient[:, axis], atol=1e-4)


def test_far_outside_the_grid_the_distance_still_grows(sphere):
    grid = SignedDistanceGrid.from_mesh(sphere, spacing=1.0, margin=2.0)
    near, far = grid.distance(np.array([[20.0, 0, 0], [60.0, 0, 0]]))
    assert 0 < near < far <= 50.0


def test_meshes_merge_and_survive_files(sphere, tmp_path):
    both = merge_meshes([sphere, sphere.transformed(RigidTransform.from_translation([30.0, 0, 0]))])
    assert both.volume == pytest.approx(2 * sphere.volume)
    write_mesh(tmp_path / "a.ply", both)
    assert read_mesh(tmp_path / "a.ply").volume == pytest.approx(both.volume, rel=1e-5)


@pytest.mark.parametrize(
    ("vertices", "faces"),
    [(np.zeros((3, 2)), np.zeros((1, 3))), (np.full((3, 3), np.nan), [[0, 1, 2]]), (np.eye(3), [[0, 1, 9]])],
    ids=["not 3-D", "nan", "dangling face"],
)
def test_broken_meshes_are_refused(vertices, faces):
    with pytest.raises(RafrError):
        TriangleMesh(np.asarray(vertices, dtype=float), np.asarray(faces))
