"""Arm controller, base controller and safety as real processes: they answer, survive garbage, refuse."""

import math
import time

import numpy as np
import pytest

pytestmark = pytest.mark.ros
HOME = (0.2, -1.3, 1.6, -0.9, 0.4, 0.1)


def stamp(seconds):
    from builtin_interfaces.msg import Time

    return Time(sec=int(seconds), nanosec=round((seconds % 1) * 1e9))


class Driver:
    """A stand-in for the arm's driver: joint states and wrench in, whatever the test says."""

    def __init__(self, lab):
        from geometry_msgs.msg import WrenchStamped
        from rafr_msgs.msg import ArmState, SafetyState
        from sensor_msgs.msg import JointState
        from trajectory_msgs.msg import JointTrajectory

        from rafr.nodes.runtime import LATCHED, SENSOR
        from rafr.robot.arm import ArmModel

        self.lab = lab
        self.t = 1.0
        self.names = list(ArmModel.named().joint_names)
        self.q = list(HOME)
        self.joints = lab.node.create_publisher(JointState, "joint_states", SENSOR)
        self.wrench = lab.node.create_publisher(WrenchStamped, "wrench", SENSOR)
        self.safety = lab.node.create_publisher(SafetyState, "safety/state", LATCHED)
        lab.listen(JointTrajectory, "joint_trajectory_controller/joint_trajectory")
        lab.listen(ArmState, "arm/state")

    @property
    def commands(self):
        return self.lab.received["joint_trajectory_controller/joint_trajectory"]

    @property
    def state(self):
        return self.lab.received["arm/state"][-1]

    def allow(self, allowed=True):
        from rafr_msgs.msg import SafetyState

        self.safety.publish(SafetyState(state=SafetyState.OK if allowed else SafetyState.STOPPED))

    def tick(self, q=None, names=None, follow=True):
        """Publish one tick and return the command that answers it, or None."""
        from geometry_msgs.msg import WrenchStamped
        from sensor_msgs.msg import JointState

        self.t += 0.01
        force = WrenchStamped()
        force.header.stamp = stamp(self.t)
        self.wrench.publish(force)
        message = JointState(name=names or self.names, position=list(self.q if q is None else q))
        message.header.stamp = stamp(self.t)
        before = len(self.commands)
        self.joints.publish(message)
        self.lab.wait(lambda: len(self.commands) > before, 1.0)
        if len(self.commands) == before:
            return None
        if follow:
            self.q = list(self.commands[-1].points[0].positions)
        return self.commands[-1]


@pytest.fixture
def driver(lab):
    driver = Driver(lab)
    lab.start("arm_controller", realtime_priority=0)
    lab.wait_ready("arm_controller")
    assert lab.wait(lambda: driver.joints.get_subscription_count() > 0, 10)
    assert lab.wait(lambda: driver.safety.get_subscription_count() > 0, 10)
    return driver


def move_goal(driver, kind, body="", goal_q=None, seconds=1.0):
    from rafr_msgs.action import MoveArm

    from rafr.nodes.convert import joint_trajectory_message
    from rafr.trajectory.result import ArmTrajectory

    goal = MoveArm.Goal(kind=kind, body=body)
    if goal_q is not None:
        t = np.linspace(0.0, seconds, 11)
        s = (t / seconds) ** 2 * (3 - 2 * t / seconds)
        q = np.array(driver.q) + s[:, None] * (np.array(goal_q) - np.array(driver.q))
        qd = np.gradient(q, t, axis=0)
        qd[[0, -1]] = 0.0
        zero = np.zeros_like(q)
        goal.trajectory = joint_trajectory_message(ArmTrajectory(tuple(driver.names), t, q, qd, zero, zero))
    return goal


def move(driver, goal, ticks=400):
    """Send a goal and keep ticking until its result is there."""
    from rafr_msgs.action import MoveArm
    from rclpy.action import ActionClient

    client = ActionClient(driver.lab.node, MoveArm, "move_arm")
    assert driver.lab.wait(client.server_is_ready, 10)
    sent = client.send_goal_async(goal)
    assert driver.lab.wait(sent.done, 5)
    result = sent.result().get_result_async()
    for _ in range(ticks):
        driver.allow()
        driver.tick()
        if result.done():
            return result.result().result
    pytest.fail("the goal did not end")


def test_every_joint_state_is_answered_by_a_command_with_its_stamp_that_keeps_the_arm_still(driver):
    for _ in range(10):
        command = driver.tick()
        assert command is not None
        assert (command.header.stamp.sec, command.header.stamp.nanosec) == (
            stamp(driver.t).sec,
            stamp(driver.t).nanosec,
        )
        assert list(command.points[0].positions) == pytest.approx(HOME, abs=1e-12)


def test_garbage_joint_states_and_tools_move_nothing_and_do_not_end_the_node(driver):
    from rafr_msgs.msg import Plan, Registration, ToolPose, ToolPoses

    from rafr.nodes.runtime import LATCHED, SENSOR

    driver.allow()
    driver.tick()
    nan = [math.nan] * 6
    tools = driver.lab.node.create_publisher(ToolPoses, "tracker/tools", SENSOR)
    registration = driver.lab.node.create_publisher(Registration, "registration", LATCHED)
    plan = driver.lab.node.create_publisher(Plan, "plan", LATCHED)
    for q, names in ((nan, None), ([1.0], ["elbow"]), ([math.inf] * 6, None), ([], []), ([9.9] * 6, None)):
        registration.publish(Registration(accepted=True))
        plan.publish(Plan(json="{nonsense", hash="abc"))
        tools.publish(ToolPoses(tools=[ToolPose(name="reference", valid=True)]))
        command = driver.tick(q, names, follow=False)
        assert command is None or list(command.points[0].positions) == pytest.approx(HOME, abs=1e-12)
    driver.lab.received["heartbeat"].clear()
    driver.lab.wait_ready("arm_controller", seconds=5)
    assert list(driver.tick().points[0].positions) == pytest.approx(HOME, abs=1e-12)


def test_free_motion_arrives_where_its_trajectory_ends(driver):
    driver.allow()
    for _ in range(40):
        driver.tick()
    goal_q = [q + 0.1 for q in HOME]
    result = move(driver, move_goal(driver, "approach", goal_q=goal_q))
    assert result.success, result.message
    assert driver.q == pytest.approx(goal_q, abs=1e-6)


def test_motion_is_refused_without_safety_and_reduction_without_clamp_and_approval(driver):
    for _ in range(40):
        driver.tick()
    goal = move_goal(driver, "approach", goal_q=[q + 0.1 for q in HOME])
    from rafr_msgs.action import MoveArm
    from rclpy.action import ActionClient

    client = ActionClient(driver.lab.node, MoveArm, "move_arm")
    assert driver.lab.wait(client.server_is_ready, 10)
    handle = driver.lab.wait_result(client.send_goal_async(goal), 5)
    result = driver.lab.wait_result(handle.get_result_async(), 5).result
    assert not result.success
    assert "safety" in result.message
    driver.allow()
    driver.tick()
    result = move(driver, move_goal(driver, "reduction", "left", [q + 0.1 for q in HOME]))
    assert not result.success
    assert "CLAMPED" in result.message
    assert driver.q == pytest.approx(HOME, abs=1e-12)


def test_silent_safety_stops_free_motion_and_holds_until_reset(driver):
    from rafr_msgs.action import MoveArm
    from rafr_msgs.msg import ArmState
    from rclpy.action import ActionClient
    from std_srvs.srv import Trigger

    driver.allow()
    for _ in range(40):
        driver.tick()
    client = ActionClient(driver.lab.node, MoveArm, "move_arm")
    assert driver.lab.wait(client.server_is_ready, 10)
    goal = move_goal(driver, "approach", goal_q=[q + 0.2 for q in HOME], seconds=20.0)
    driver.allow()
    driver.tick()
    handle = driver.lab.wait_result(client.send_goal_async(goal), 5)
    for _ in range(5):
        driver.tick()
    driver.allow(False)
    assert driver.lab.wait(lambda: driver.tick() and driver.state.state == ArmState.HOLDING, 10)
    result = driver.lab.wait_result(handle.get_result_async(), 5).result
    assert not result.success
    held = list(driver.q)
    reset = driver.lab.node.create_client(Trigger, "arm/reset")
    assert driver.lab.wait(reset.service_is_ready, 5)
    assert not driver.lab.wait_result(reset.call_async(Trigger.Request()), 5).success
    for _ in range(5):
        driver.tick()
    assert driver.q == pytest.approx(held, abs=1e-12)
    driver.allow()
    driver.lab.wait(lambda: False, 0.2)
    driver.tick()
    assert driver.lab.wait_result(reset.call_async(Trigger.Request()), 5).success


def test_base_docks_on_odometry_with_released_brakes_and_brakes_again(lab):
    from geometry_msgs.msg import TwistStamped
    from nav_msgs.msg import Odometry
    from rafr_msgs.action import DockBase
    from rafr_msgs.msg import ArmState, BaseTrajectory, SafetyState
    from rclpy.action import ActionClient
    from std_srvs.srv import SetBool

    from rafr.nodes.runtime import LATCHED, SENSOR

    brakes = []

    def brake(request, response):
        brakes.append(request.data)
        response.success = True
        return response

    lab.node.create_service(SetBool, "base/brakes", brake)
    odometry = lab.node.create_publisher(Odometry, "odom", SENSOR)
    safety = lab.node.create_publisher(SafetyState, "safety/state", LATCHED)
    arm = lab.node.create_publisher(ArmState, "arm/state", 10)
    lab.listen(TwistStamped, "cmd_vel")
    lab.start("base_controller")
    lab.wait_ready("base_controller")
    pose, last = [0.0, 0.02, 0.0], [time.monotonic()]

    def drive():
        """Integrate cmd_vel while the brakes are off and publish odometry."""
        now = time.monotonic()
        dt, last[0] = now - last[0], now
        if lab.received["cmd_vel"] and brakes and not brakes[-1]:
            twist = lab.received["cmd_vel"][-1].twist
            pose[0] += dt * twist.linear.x * math.cos(pose[2])
            pose[1] += dt * twist.linear.x * math.sin(pose[2])
            pose[2] += dt * twist.angular.z
        message = Odometry()
        message.header.stamp = lab.node.get_clock().now().to_msg()
        message.pose.pose.position.x, message.pose.pose.position.y = pose[0], pose[1]
        message.pose.pose.orientation.z = math.sin(pose[2] / 2)
        message.pose.pose.orientation.w = math.cos(pose[2] / 2)
        odometry.publish(message)
        safety.publish(SafetyState(state=SafetyState.OK))
        arm.publish(ArmState(state=ArmState.IDLE))

    lab.node.create_timer(0.02, drive)
    lab.wait(lambda: False, 1.0)
    t = np.linspace(0.0, 3.0, 31)
    s = (t / 3.0) ** 2 * (3 - 2 * t / 3.0)
    v = np.gradient(0.6 * s, t)
    trajectory = BaseTrajectory(
        t=t.tolist(), x=(0.6 * s).tolist(), y=[0.0] * 31, theta=[0.0] * 31, v=v.tolist(), omega=[0.0] * 31
    )
    client = ActionClient(lab.node, DockBase, "dock_base")
    assert lab.wait(client.server_is_ready, 10)
    handle = lab.wait_result(client.send_goal_async(DockBase.Goal(trajectory=trajectory)), 5)
    result = lab.wait_result(handle.get_result_async(), 20).result
    assert result.success, result.message
    assert math.hypot(pose[0] - 0.6, pose[1]) < 0.025  # m, the docking tolerance and one period of motion
    assert lab.wait(lambda: brakes and brakes[-1], 2)
    assert False in brakes


def test_safety_waits_for_its_nodes_then_allows_and_latches_a_death_until_reset(lab):
    from rafr_msgs.msg import ArmState, SafetyState
    from std_srvs.srv import Trigger

    from rafr.nodes.runtime import LATCHED

    lab.listen(SafetyState, "safety/state", LATCHED)
    arm = lab.node.create_publisher(ArmState, "arm/state", 10)
    lab.node.create_timer(0.05, lambda: arm.publish(ArmState(state=ArmState.IDLE)))
    lab.start("safety", required_nodes="arm_controller", heartbeat_age=1.0)
    lab.wait_ready("safety")
    states = lab.received["safety/state"]
    assert lab.wait(lambda: states and "waiting for arm_controller" in states[-1].reasons, 5)
    lab.start("arm_controller", realtime_priority=0)
    assert lab.wait(lambda: states[-1].state == SafetyState.OK, 30)
    reset = lab.node.create_client(Trigger, "safety/reset")
    lab.stop("arm_controller")
    assert lab.wait(lambda: states[-1].state == SafetyState.STOPPED, 10)
    assert any("arm_controller" in r for r in states[-1].reasons)
    assert lab.wait(reset.service_is_ready, 5)
    assert not lab.wait_result(reset.call_async(Trigger.Request()), 5).success
    lab.start("arm_controller", realtime_priority=0)
    seen = len(states)
    for _ in range(60):  # the new process needs a while; the stop must stay all along
        lab.wait(lambda: False, 0.5)
        assert all(s.state == SafetyState.STOPPED for s in states[seen:])
        if lab.wait_result(reset.call_async(Trigger.Request()), 5).success:
            break
    assert lab.wait(lambda: states[-1].state == SafetyState.OK, 5)


def test_controllers_end_cleanly_on_an_interrupt_and_refuse_a_bad_parameter(lab):
    lab.start("base_controller")
    lab.start("arm_controller", realtime_priority=0)
    lab.wait_ready("base_controller", "arm_controller")
    assert lab.stop("base_controller") == 0
    assert lab.stop("arm_controller") == 0
    process = lab.start("arm_controller", force_limit=-5.0)
    assert process.wait(timeout=30) == 2
    assert "force_limit" in lab.log("arm_controller").strip().splitlines()[-1]
