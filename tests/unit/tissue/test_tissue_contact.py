"""Contact against closed forms and the exact signed distance."""

import numpy as np
import pytest

from rafr.geometry import RigidTransform, SignedDistanceGrid, TriangleMesh, exact_signed_distance
from rafr.tissue.contact import (
    ContactModel,
    ContactParams,
    build_contact,
    local_distance_grid,
    surface_points,
)


def sphere(radius, centre=(0.0, 0.0, 0.0)):
    import trimesh

    mesh = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    return TriangleMesh(np.asarray(mesh.vertices) + centre, np.asarray(mesh.faces))


def box(size, centre=(0.0, 0.0, 0.0)):
    import trimesh

    mesh = trimesh.creation.box(size)
    return TriangleMesh(np.asarray(mesh.vertices) + centre, np.asarray(mesh.faces))


@pytest.fixture(scope="module")
def ball_on_slab():
    """A ball of 30 mm (at the origin) above a slab whose top is 30 mm below its centre."""
    params = ContactParams(tolerance=0.0, friction=0.3, point_spacing=1.0e-3)
    return build_contact(sphere(30.0), box((120.0, 120.0, 40.0), (0.0, 0.0, -50.0)), params)


@pytest.mark.parametrize("depth", [0.5e-3, 1.0e-3, 2.0e-3])
def test_sphere_on_plane_is_the_winkler_foundation(ball_on_slab, depth):
    wrench = ball_on_slab.wrench(RigidTransform.from_translation([0.0, 0.0, -depth]))
    # pressure k (d - r^2 / 2R) integrates to pi k R d^2 (small depths); 1 mm points: within 8 %
    expected = np.pi * ball_on_slab.params.foundation * 0.030 * depth**2
    assert wrench[2] == pytest.approx(expected, rel=0.08)
    assert np.abs(wrench[:2]).max() < 0.02 * expected
    assert np.abs(wrench[3:]).max() < 0.002 * expected  # N m; the force passes through the centre


def test_penetration_is_the_depth(ball_on_slab):
    assert ball_on_slab.penetration(RigidTransform.from_translation([0, 0, -1.5e-3])) == pytest.approx(
        1.5e-3, abs=5e-5
    )
    assert ball_on_slab.penetration(RigidTransform.from_translation([0, 0, 1e-3])) == 0.0


def test_bodies_apart_do_not_touch(ball_on_slab):
    assert np.all(ball_on_slab.wrench(RigidTransform.from_translation([0, 0, 5e-4])) == 0.0)


def test_friction_opposes_sliding_up_to_coulombs_limit(ball_on_slab):
    pose = RigidTransform.from_translation([0.0, 0.0, -1e-3])
    normal = ball_on_slab.wrench(pose)[2]
    sliding = ball_on_slab.wrench(pose, np.array([0.05, 0.0, 0.0, 0.0, 0.0, 0.0]))
    assert sliding[0] == pytest.approx(-0.3 * normal, rel=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_motion_in_contact_loses_energy(ball_on_slab, seed):
    pose = RigidTransform.from_translation([0.0, 0.0, -1e-3])
    twist = np.random.default_rng(seed).normal(size=6) * 0.01
    dissipative = ball_on_slab.wrench(pose, twist) - ball_on_slab.wrench(pose)
    assert dissipative @ twist <= 1e-9


def test_a_bounce_gives_back_less_than_it_took(ball_on_slab):
    mass, dt, z, v = 5.0, 1e-4, 0.0, -0.05
    for _ in range(2000):
        force = ball_on_slab.wrench(RigidTransform.from_translation([0, 0, z]), np.array([0, 0, v, 0, 0, 0]))[
            2
        ]
        v += dt * force / mass
        z += dt * v
        if z > 0 and v > 0:
            break
    assert 0 < v < 0.05  # m/s


def test_stiffness_matrix_is_the_derivative_of_the_force(ball_on_slab):
    h, depth = 1e-5, 1.5e-3
    force = [ball_on_slab.wrench(RigidTransform.from_translation([0, 0, -depth + s]))[2] for s in (h, -h)]
    stiffness = ball_on_slab.evaluate(RigidTransform.from_translation([0, 0, -depth]), np.zeros(6))[1]
    assert stiffness[2, 2] == pytest.approx((force[1] - force[0]) / (2 * h), rel=0.05)


def test_overlap_there_from_the_start_does_not_press_but_more_does():
    params = ContactParams(tolerance=0.0)
    contact = build_contact(sphere(30.0), box((120.0, 120.0, 40.0), (0.0, 0.0, -49.0)), params)  # 1 mm in
    identity = RigidTransform.identity()
    assert contact.wrench(identity)[2] > 100.0
    contact.accept_overlap(identity)
    assert contact.wrench(identity)[2] == pytest.approx(0.0, abs=1e-6)
    assert contact.wrench(RigidTransform.from_translation([0, 0, -5e-4]))[2] > 50.0
    contact.wrench(RigidTransform.from_translation([0, 0, 5e-3]))  # apart: what was allowed is spent
    assert contact.wrench(identity)[2] > 100.0


def test_surface_points_carry_the_whole_area():
    mesh = sphere(30.0)
    points, areas = surface_points(mesh, 3.0)
    assert areas.sum() == pytest.approx(mesh.face_areas.sum(), rel=1e-9)
    assert np.abs(np.linalg.norm(points, axis=1) - 30.0).max() < 0.1  # mm, of the facets


def test_local_grid_agrees_with_the_exact_distance():
    mesh = sphere(30.0)
    grid = local_distance_grid(mesh, np.array([0.0, -20, -20]), np.array([50.0, 20, 20]), 1.0)
    points = np.random.default_rng(0).uniform([5, -15, -15], [45, 15, 15], (2000, 3))
    exact = exact_signed_distance(mesh, points)
    near = np.abs(exact) < 3.0
    assert np.abs(grid.distance(points) - exact)[near].max() < 0.05  # mm, trilinear at 1 mm
    assert np.abs(grid.distance(points) - exact).max() < 1.0  # mm, far away: from the 4 mm grid


def test_no_points_no_contact():
    grid = SignedDistanceGrid(np.zeros(3), 1.0, np.full((2, 2, 2), 1.0))
    contact = ContactModel(np.empty((0, 3)), np.empty(0), grid, np.zeros(3))
    assert np.all(contact.wrench(RigidTransform.identity()) == 0.0)
