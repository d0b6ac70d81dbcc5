"""Messages and core types say the same thing."""

import dataclasses

import numpy as np
import pytest

from rafr.assessment import Assessment
from rafr.errors import InputError
from rafr.geometry import Plane, RigidTransform
from rafr.nodes import convert
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory


@pytest.fixture
def plan():
    target = RigidTransform.from_rotvec([0.1, -0.2, 0.05], [12.0, -3.0, 25.0])
    poses = (RigidTransform.identity(), target)
    path = tuple(PathPose(t, 1.0, 50.0, 2.0) for t in poses)
    body = BodyPlan("left_hip", (11,), target, 1.2, {"mean_mm": 20.0}, {"mean_mm": 0.0}, path)
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0, 0])), 0.8)
    return ReductionPlan("p1", "mirror", (body,), plane, ("left_hip",), Assessment(True), 3.0)


def test_a_pose_survives_the_message():
    transform = RigidTransform.from_rotvec([1.0, 2.0, -0.5], [0.1, 0.2, 0.3])
    back = convert.transform_from_pose(convert.pose_message(transform))
    assert np.allclose(back.matrix, transform.matrix, atol=1e-12)


def test_an_invalid_pose_is_none():
    assert convert.transform_from_pose(convert.invalid_pose_message()) is None
    pose = convert.pose_message(RigidTransform.identity())
    pose.orientation.w = 0.5
    assert convert.transform_from_pose(pose) is None


def test_times_keep_their_nanoseconds():
    assert convert.seconds(convert.time_message(1234.567891234)) == pytest.approx(1234.567891234, abs=1e-9)
    stamp = convert.time_message(1.9999999999)  # rounds up into the next second
    assert (stamp.sec, stamp.nanosec) == (2, 0)


def test_a_plan_survives_the_message_and_its_metres_are_metres(plan):
    message = convert.plan_message(plan, convert.time_message(1.0))
    assert convert.plan_from_message(message).hash == plan.hash
    position = message.bodies[0].reduced_from_displaced.position
    assert (position.x, position.y, position.z) == pytest.approx((0.012, -0.003, 0.025))


@pytest.mark.parametrize("field", ["json", "hash"])
def test_a_tampered_plan_message_is_refused(plan, field):
    message = convert.plan_message(plan, convert.time_message(1.0))
    if field == "json":
        message.json = message.json.replace("12.0", "13.0")
    else:
        message.hash = "0" * 64
    with pytest.raises(InputError, match="hash"):
        convert.plan_from_message(message)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"bodies": 3}', "null"])
def test_an_unusable_plan_is_refused_not_crashed_on(plan, text):
    message = convert.plan_message(plan, convert.time_message(1.0))
    message.json = text
    with pytest.raises(InputError):
        convert.plan_from_message(message)


def test_the_hash_changes_with_motion_and_with_nothing_else(plan):
    assert dataclasses.replace(plan, seconds=99.0, method="other").hash == plan.hash
    body = plan.bodies[0]
    nudge = RigidTransform.from_translation([0.001, 0, 0])
    moved = dataclasses.replace(body.path[0], T_path_displaced=nudge)
    changed = dataclasses.replace(plan, bodies=(dataclasses.replace(body, path=(moved, body.path[1])),))
    assert changed.hash != plan.hash
    assert dataclasses.replace(plan, order=()).hash != plan.hash
    assert dataclasses.replace(plan, case_id="p2").hash != plan.hash


def arm_trajectory(n=5):
    t = np.linspace(0, 1, n)
    q = np.stack([t, t**2], axis=1)
    return ArmTrajectory(("a", "b"), t, q, np.ones_like(q), np.zeros_like(q), np.zeros_like(q))


def test_an_arm_trajectory_survives_the_message():
    back = convert.arm_trajectory_from_message(convert.joint_trajectory_message(arm_trajectory()))
    assert back.joint_names == ("a", "b")
    assert np.allclose(back.q, arm_trajectory().q)
    assert np.allclose(back.t, arm_trajectory().t)


def test_unusable_trajectories_are_refused():
    message = convert.joint_trajectory_message(arm_trajectory())
    message.points[2].positions = [1.0]
    with pytest.raises(InputError, match="ragged"):
        convert.arm_trajectory_from_message(message)
    message = convert.joint_trajectory_message(arm_trajectory())
    message.points[2].velocities[0] = float("nan")
    with pytest.raises(InputError, match="NaN"):
        convert.arm_trajectory_from_message(message)
    message = convert.joint_trajectory_message(arm_trajectory())
    message.points[2].time_from_start = message.points[1].time_from_start
    with pytest.raises(InputError, match="increasing"):
        convert.arm_trajectory_from_message(message)
    message.points = []
    with pytest.raises(InputError, match="0 points"):
        convert.arm_trajectory_from_message(message)


def test_a_base_trajectory_survives_the_message():
    a = np.linspace(0, 1, 4)
    wheel = np.zeros((4, 2))
    trajectory = BaseTrajectory(a, 2 * a, 3 * a, 4 * a, 5 * a, 6 * a, wheel)
    message = convert.base_trajectory_message(trajectory)
    assert np.allclose(convert.base_trajectory_from_message(message, wheel).theta, 4 * a)
    message.x = message.x[:-1]
    with pytest.raises(InputError, match="unequal"):
        convert.base_trajectory_from_message(message, wheel)
    with pytest.raises(InputError, match="it moves sideways"):
        convert.base_trajectory_message(dataclasses.replace(trajectory, lateral=a))
