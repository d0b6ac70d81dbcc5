"""Registration, planner and trajectory nodes say why they cannot, and never act on half the facts."""

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.ros


def run_goal(lab, action, name, goal, seconds=60.0):
    from rclpy.action import ActionClient

    client = ActionClient(lab.node, action, name)
    assert lab.wait(client.server_is_ready)
    handle = lab.wait_result(client.send_goal_async(goal))
    assert handle.accepted
    return lab.wait_result(handle.get_result_async(), seconds).result


def registration_message(accepted=True):
    from rafr_msgs.msg import BodyRegistration, Registration

    from rafr.geometry import RigidTransform
    from rafr.nodes.convert import pose_message

    poses = {
        "reference": RigidTransform.from_translation((0.1, 0.0, 0.0)),
        "wing": RigidTransform.from_translation((0.1, 0.02, 0.0)),
    }
    bodies = [
        BodyRegistration(name=n, cbct_from_ct=pose_message(T), marker_from_ct=pose_message(T.inverse()))
        for n, T in poses.items()
    ]
    return Registration(case_id="box", bodies=bodies, accepted=accepted)


def test_a_patient_who_was_not_tracked_during_the_cbct_is_not_registered(lab, box_case):
    from rafr_msgs.action import RegisterPatient

    lab.start("registration", case=str(box_case))
    lab.wait_ready("registration")
    result = run_goal(lab, RegisterPatient, "register_patient", RegisterPatient.Goal(cbct="/tmp/none.nii.gz"))
    assert not result.success
    assert "reference was tracked in 0 frames" in result.message
    assert "fragment_wing was tracked in 0 frames" in result.message


@pytest.mark.slow
def test_a_missing_cbct_ends_the_goal_with_the_reason(lab, box_case):
    from geometry_msgs.msg import Pose, Quaternion
    from rafr_msgs.action import RegisterPatient
    from rafr_msgs.msg import ToolPose, ToolPoses

    from rafr.nodes.convert import time_message
    from rafr.nodes.runtime import SENSOR

    lab.start("registration", case=str(box_case))
    lab.wait_ready("registration")
    publisher = lab.node.create_publisher(ToolPoses, "tracker/tools", SENSOR)
    assert lab.wait(lambda: publisher.get_subscription_count() > 0)
    still = Pose(orientation=Quaternion(w=1.0))
    for k in range(30):
        message = ToolPoses(frame_number=k)
        message.header.stamp = time_message(5.0 + k / 60)
        message.tools = [ToolPose(name=n, valid=True, pose=still) for n in ("reference", "fragment_wing")]
        publisher.publish(message)
        lab.wait(lambda: False, 0.02)
    goal = RegisterPatient.Goal(cbct="/nowhere/cbct.nii.gz", stamp=time_message(5.2))
    result = run_goal(lab, RegisterPatient, "register_patient", goal)
    assert not result.success
    assert "/nowhere/cbct.nii.gz" in result.message


@pytest.mark.slow
def test_a_probe_that_does_not_touch_the_registered_bone_withdraws_the_registration(lab, box_case):
    from rafr_msgs.msg import Registration, ToolPose, ToolPoses
    from rafr_msgs.srv import TouchBone

    from rafr.geometry import RigidTransform
    from rafr.nodes.convert import pose_message, time_message
    from rafr.nodes.runtime import LATCHED, SENSOR

    lab.listen(Registration, "registration", LATCHED)
    lab.start("registration", Path(__file__).with_name("registered_node.py"), case=str(box_case), tip_z=0.1)
    lab.wait_ready("registration")
    frames = lab.node.create_publisher(ToolPoses, "tracker/tools", SENSOR)
    client = lab.node.create_client(TouchBone, "touch_bone")
    assert lab.wait(lambda: client.service_is_ready() and frames.get_subscription_count() > 0)
    clock = iter(np.arange(5.0, 500.0, 1 / 60))

    def touch(tip, body=""):
        """The tip, 0.1 m along the probe's z, held there for a third of a second."""
        shaft = RigidTransform.from_translation(np.array(tip) - [0.0, 0.0, 0.1])
        poses = {"probe": shaft, "reference": RigidTransform.identity()}
        for k in range(70):  # the first frames belong to the way there
            message = ToolPoses(frame_number=k)
            message.header.stamp = time_message(float(next(clock)))
            message.tools = [ToolPose(name=n, valid=True, pose=pose_message(T)) for n, T in poses.items()]
            frames.publish(message)
            lab.wait(lambda: False, 0.01)
        return lab.wait_result(client.call_async(TouchBone.Request(body=body)))

    # m; a block of the reference: x -10.5 to 7.5, y -19.5 to 16.5, z 16.5 to 52.5 mm
    assert "fragment_wing was tracked in 0 frames" in touch([0, 0, 0], "wing").message
    assert "tail is not registered" in touch([0, 0, 0], "tail").message
    first = touch([0.0075, 0.0, 0.03])
    assert abs(first.distance) < 1e-3
    assert "1 places touched, 4 needed" in first.message
    touch([0.0, 0.0165, 0.03])
    touch([0.0, -0.0195, 0.03])
    assert touch([0.0, 0.0, 0.0525]).success
    assert lab.received["registration"][-1].accepted
    off = touch([0.0, 0.0, 0.0585])
    assert not off.success
    assert off.distance == pytest.approx(0.006, abs=1e-3)
    assert lab.wait(lambda: not lab.received["registration"][-1].accepted)
    assert "a touch lies" in lab.received["registration"][-1].reasons[0]


@pytest.mark.parametrize("accepted", [None, False])
def test_nothing_is_planned_without_an_accepted_registration(lab, box_case, accepted):
    from rafr_msgs.action import PlanReduction
    from rafr_msgs.msg import Registration

    from rafr.nodes.runtime import LATCHED

    publisher = lab.node.create_publisher(Registration, "registration", LATCHED)
    lab.start("reduction_planner", case=str(box_case))
    lab.wait_ready("reduction_planner")
    if accepted is not None:
        publisher.publish(registration_message(accepted))
        lab.wait(lambda: False, 0.5)
    result = run_goal(lab, PlanReduction, "plan_reduction", PlanReduction.Goal())
    assert not result.success
    assert "no accepted registration" in result.message


def test_the_start_of_a_plan_is_the_registered_pose_in_mm():
    from rafr.errors import InputError
    from rafr.nodes.reduction_planner import starts_of

    starts = starts_of(registration_message(), "box", "reference")
    assert set(starts) == {"wing"}
    assert np.allclose(starts["wing"].translation, (0.0, 20.0, 0.0))
    with pytest.raises(InputError, match="no accepted registration"):
        starts_of(registration_message(), "another case", "reference")


def test_the_trajectory_node_says_what_it_misses(lab, box_case):
    from nav_msgs.msg import Odometry
    from rafr_msgs.action import OptimiseTrajectory
    from sensor_msgs.msg import JointState

    from rafr.nodes.runtime import SENSOR
    from rafr.robot.arm import ArmModel

    lab.start("trajectory", case=str(box_case))
    lab.wait_ready("trajectory")

    def ask(kind):
        goal = OptimiseTrajectory.Goal(kind=kind, body="wing")
        result = run_goal(lab, OptimiseTrajectory, "optimise_trajectory", goal)
        assert not result.success
        return result.message

    assert "kind 'juggling'" in ask("juggling")
    assert "no joint angles" in ask("retreat")
    joints = lab.node.create_publisher(JointState, "joint_states", SENSOR)
    odometry = lab.node.create_publisher(Odometry, "odom", SENSOR)
    assert lab.wait(lambda: joints.get_subscription_count() and odometry.get_subscription_count())
    names = list(ArmModel.named().joint_names)
    pose = Odometry()
    pose.pose.pose.orientation.w = 1.0

    def speak():  # more than once: who has been found may not have found the speaker yet
        joints.publish(JointState(name=names, position=[0.0] * len(names)))
        odometry.publish(pose)

    lab.wait(speak, 1.0)
    assert "no accepted registration, or no plan for 'wing'" in ask("approach")


def test_a_body_off_the_start_goes_on_from_where_it_stands():
    from rafr.geometry import RigidTransform
    from rafr.trajectory.measured import path_from

    path = [RigidTransform.from_translation((x, 0.0, 0.0)) for x in np.linspace(0.0, 10.0, 6)]
    now = RigidTransform.from_translation((3.1, 0.4, 0.0))
    rest = path_from(now, path, np.zeros(3))
    assert np.allclose([T.translation[0] for T in rest], [3.1, 4.0, 6.0, 8.0, 10.0])
    at_target = path_from(path[-1], path, np.zeros(3))
    assert np.allclose([T.translation[0] for T in at_target], [10.0, 10.0])
