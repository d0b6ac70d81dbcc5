"""The differential drive."""

import casadi as ca
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rafr.errors import InputError
from rafr.robot.mobile import (
    DifferentialDrive,
    allowed_velocities,
    floor_pose,
    floor_transform,
    pfaffian,
)

ANGLE = st.floats(-10.0, 10.0)
RATE = st.floats(-5.0, 5.0)


def test_allowed_velocities_are_the_null_space_of_the_pfaffian_symbolically():
    theta = ca.SX.sym("theta")
    A = ca.vertcat(ca.sin(theta), -ca.cos(theta), 0)
    G = ca.vertcat(ca.horzcat(ca.cos(theta), 0), ca.horzcat(ca.sin(theta), 0), ca.horzcat(0, 1))
    assert ca.simplify(A.T @ G).is_zero() or ca.Function("f", [theta], [A.T @ G])(0.7).is_zero()
    ours = ca.Function("f", [theta], [A, G])
    for value in (-2.0, 0.0, 1.3):
        symbolic = ours(value)
        assert np.array(symbolic[0]).ravel() == pytest.approx(pfaffian(value))
        assert np.array(symbolic[1]) == pytest.approx(allowed_velocities(value))


@given(ANGLE)
def test_no_allowed_velocity_slips_sideways(theta):
    assert pfaffian(theta) @ allowed_velocities(theta) == pytest.approx([0.0, 0.0], abs=1e-15)
    assert np.linalg.matrix_rank(allowed_velocities(theta)) == 2


@given(RATE, RATE)
def test_wheel_rates_and_body_rates_are_inverse(v, omega):
    drive = DifferentialDrive.from_yaml()
    back = drive.body_rates(drive.wheel_rates(v, omega))
    assert [float(b) for b in back] == pytest.approx([v, omega], abs=1e-12)


def test_turning_left_turns_the_right_wheel_forwards():
    left, right = DifferentialDrive.from_yaml().wheel_rates(0.0, 1.0)
    assert right > 0
    assert left == -right


def test_the_footprint_covers_every_point_of_the_base():
    drive = DifferentialDrive.from_yaml()
    x = np.linspace(-drive.body.length / 2, drive.body.length / 2, 41)
    y = np.linspace(-drive.body.width / 2, drive.body.width / 2, 41)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    centres, radius = drive.footprint()
    distance = np.min([np.hypot(points[:, 0] - c, points[:, 1]) for c in centres], axis=0)
    assert distance.max() <= radius + 1e-12


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-3.1, 3.1))
def test_floor_poses_and_transforms_are_inverse(x, y, theta):
    assert floor_pose(floor_transform((x, y, theta))) == pytest.approx((x, y, theta), abs=1e-12)


def test_a_negative_wheel_radius_is_an_input_error(tmp_path):
    from rafr.resources import resource_path

    text = resource_path("config/mobile_base.yaml").read_text()
    path = tmp_path / "base.yaml"
    path.write_text(text.replace("radius: 0.10", "radius: -0.10"))
    with pytest.raises(InputError, match="wheel: wheel radius and track must be positive"):
        DifferentialDrive.from_yaml(path)
