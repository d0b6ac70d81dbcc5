"""The mobile base as its YAML describes it, for both kinds of drive."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rafr.errors import InputError
from rafr.resources import resource_path
from rafr.robot.mobile import DifferentialDrive, floor_pose, floor_transform, named_drive, read_drive
from rafr.robot.mobile.drive import KINDS

RATE = st.floats(-5.0, 5.0)
DRIVES = {kind: named_drive(kind) for kind in KINDS}


@given(RATE, RATE)
def test_wheel_rates_and_body_rates_are_inverse(v, omega):
    drive = DRIVES["differential"]
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
    text = resource_path("config/mobile_base.yaml").read_text(encoding="utf-8")
    path = tmp_path / "base.yaml"
    path.write_text(text.replace("radius: 0.10", "radius: -0.10"))
    with pytest.raises(InputError, match="wheel: wheel radius and track must be positive"):
        DifferentialDrive.from_yaml(path)


MECANUM = resource_path("config/mecanum_base.yaml").read_text(encoding="utf-8")


@given(RATE, RATE, RATE)
def test_four_mecanum_wheels_and_the_bodys_velocity_are_inverse(v, lateral, omega):
    drive = DRIVES["mecanum"]
    rates = drive.wheel_rates(v, lateral, omega)
    assert [float(b) for b in drive.body_rates(rates)] == pytest.approx([v, lateral, omega], abs=1e-12)
    # four wheels, three velocities: what the wheels may not do without slipping
    assert rates @ [1, 1, -1, -1] == pytest.approx(0.0, abs=1e-9)


def test_a_mecanum_base_goes_left_by_turning_its_diagonals_against_each_other():
    front_left, front_right, rear_right, rear_left = named_drive("mecanum").wheel_rates(0.0, 1.0, 0.0)
    assert front_left == rear_right == pytest.approx(-10.0)  # rad/s: 1 m/s on wheels of 0.1 m
    assert front_right == rear_left == pytest.approx(10.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_speeds_bring_a_wheel_to_its_limit_and_none_beyond(kind):
    drive = named_drive(kind)
    for k, largest in enumerate(drive.speeds.values()):
        velocity = np.zeros(len(drive.speeds))
        velocity[k] = largest
        assert np.abs(drive.wheel_rates(*velocity)).max() == pytest.approx(drive.limits.wheel_rate)


def test_both_bases_carry_the_same_arm_on_the_same_body():
    differential, mecanum = (named_drive(kind) for kind in KINDS)
    # the robot's description, with which arm motions are planned, is that of the differential drive
    assert mecanum.body == differential.body
    assert mecanum.column == differential.column


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: mecanum", "kind: tracked", "kind is 'tracked'; expected one of differential, mecanum"),
        ("kind: mecanum", "", "kind is None; expected one of differential, mecanum"),
        ("kind: mecanum", "kind: differential", "unknown key 'wheel.wheelbase'"),
        ("wheelbase: 0.56", "wheelbase: 0.0", "wheel: wheel radius, wheelbase and track must be positive"),
        ("wheelbase: 0.56, ", "", "wheel.wheelbase is missing"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path, old, new, message):
    assert old in MECANUM
    path = tmp_path / "base.yaml"
    path.write_text(MECANUM.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        read_drive(path)
    assert str(path) in str(caught.value)


def test_whoever_needs_a_differential_drive_refuses_another():
    with pytest.raises(InputError, match="no differential drive; expected kind: differential"):
        DifferentialDrive.from_yaml(resource_path("config/mecanum_base.yaml"))
