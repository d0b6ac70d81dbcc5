"""SE(3) keeps the group's laws, also near identity and near half a turn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rafr.errors import RafrError
from rafr.geometry import RigidTransform, fit_rigid, screw_interpolate, skew

TOLERANCE = 1e-9  # relative to translations of up to 100 units


@st.composite
def transforms(draw, max_angle=3.0):
    axis = np.array(draw(st.tuples(*[st.floats(-1, 1)] * 3))) + np.array([1e-3, 0, 0])
    scale = draw(st.sampled_from([1e-12, 1e-6, 1e-2, 1.0]))
    angle = draw(st.floats(0, max_angle)) * scale
    translation = np.array(draw(st.tuples(*[st.floats(-100, 100)] * 3)))
    return RigidTransform.from_rotvec(axis / np.linalg.norm(axis) * angle, translation)


def close(a, b, tolerance=1e-8):
    return np.allclose(a.matrix, b.matrix, atol=tolerance)


@given(transforms(), transforms(), transforms())
def test_composition_is_associative_and_has_inverses(a, b, c):
    assert close((a @ b) @ c, a @ (b @ c))
    assert close(a @ a.inverse(), RigidTransform.identity())


@given(transforms(), transforms())
def test_applying_a_product_is_applying_one_after_the_other(a, b):
    points = np.arange(12.0).reshape(4, 3)
    assert np.allclose((a @ b).apply(points), a.apply(b.apply(points)), atol=1e-8)


@given(transforms())
def test_exp_and_log_are_inverse(a):
    assert close(RigidTransform.exp(a.log()), a, 1e-6)  # log loses digits near half a turn


@given(transforms())
def test_quaternion_and_matrix_forms_agree(a):
    assert close(RigidTransform.from_quaternion_xyzw(a.quaternion_xyzw, a.translation), a)
    assert close(RigidTransform.from_matrix(a.tolist()), a)


@given(transforms(2.5), transforms(0.5))
def test_a_screw_motion_starts_and_ends_exactly(a, b):
    first, middle, last = screw_interpolate(a, b @ a, [0.0, 0.5, 1.0])
    assert close(first, a)
    assert close(last, b @ a, 1e-6)
    assert middle.angle < 3.2


@given(transforms())
def test_paired_points_give_the_motion_back(a):
    points = np.random.default_rng(0).normal(size=(6, 3)) * 50
    assert close(fit_rigid(points, a.apply(points)), a, 1e-7)


def test_a_rotation_about_a_point_leaves_the_point():
    point = np.array([3.0, -2.0, 8.0])
    assert np.allclose(RigidTransform.about_point([0.3, 0.2, -1.0], point).apply(point), point)


def test_skew_is_the_cross_product():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([-2.0, 0.5, 4.0])
    assert np.allclose(skew(a) @ b, np.cross(a, b))


@pytest.mark.parametrize(
    "matrix",
    [np.diag([1.0, 1.0, -1.0, 1.0]), np.diag([2.0, 1.0, 1.0, 1.0]), np.full((4, 4), np.nan), np.eye(3)],
    ids=["reflection", "scaling", "nan", "3x3"],
)
def test_what_is_no_proper_motion_is_refused(matrix):
    with pytest.raises(RafrError):
        RigidTransform.from_matrix(matrix)
