"""Arm controller, base controller and safety as real processes: they answer, survive garbage, refuse."""

import math
import subprocess
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
        from rosgraph_msgs.msg import Clock
        from sensor_msgs.msg import JointState
        from trajectory_msgs.msg import JointTrajectory

        from rafr.nodes.runtime import LATCHED, SENSOR
        from rafr.robot.arm import ArmModel

        self.lab = lab
        self.t = 1.0
        self.names = list(ArmModel.named().joint_names)
        self.q = list(HOME)
        self.clock = lab.node.create_publisher(Clock, "/clock", 10)
        self.joints = lab.node.create_publisher(JointState, "joint_states", SENSOR)
        self.wrench = lab.node.create_publisher(WrenchStamped, "wrench", SENSOR)
        self.safety = lab.node.create_publisher(SafetyState, "safety/state", LATCHED)
        self.allowed = None
        lab.node.create_timer(0.1, self._say_safety)
        lab.listen(JointTrajectory, "joint_trajectory_controller/joint_trajectory")
        lab.listen(ArmState, "arm/state")

    @property
    def commands(self):
        return self.lab.received["joint_trajectory_controller/joint_trajectory"]

    @property
    def state(self):
        return self.lab.received["arm/state"][-1]

    def allow(self, allowed=True):
        """From now on say so at 10 Hz, as the safety node does; before the first call nothing is said."""
        self.allowed = allowed
        self._say_safety()

    def _say_safety(self):
        from rafr_msgs.msg import SafetyState

        if self.allowed is not None:
            self.safety.publish(SafetyState(state=SafetyState.OK if self.allowed else SafetyState.STOPPED))

    def tick(self, q=None, names=None, follow=True, seconds=30.0, off=0.0):
        """Publish one tick, its joint state stamped `off` s wrongly; the command that answers it, or None."""
        from geometry_msgs.msg import WrenchStamped
        from rosgraph_msgs.msg import Clock
        from sensor_msgs.msg import JointState

        self.t += 0.01
        self.clock.publish(Clock(clock=stamp(self.t)))
        force = WrenchStamped()
        force.header.stamp = stamp(self.t)
        self.wrench.publish(force)
        message = JointState(name=names or self.names, position=list(self.q if q is None else q))
        message.header.stamp = stamp(self.t + off)
        before = len(self.commands)
        self.joints.publish(message)
        self.lab.wait(lambda: len(self.commands) > before, seconds)
        if len(self.commands) == before:
            return None
        if follow:
            self.q = list(self.commands[-1].points[0].positions)
        return self.commands[-1]


@pytest.fixture
def driver(lab):
    driver = Driver(lab)
    # on a clock of its own the test does not depend on the machine's load
    lab.start("arm_controller", realtime_priority=0, safety_age=10.0, use_sim_time=True)
    lab.wait_ready("arm_controller")
    assert lab.wait(lambda: driver.clock.get_subscription_count() > 0)
    assert lab.wait(lambda: driver.joints.get_subscription_count() > 0)
    assert lab.wait(lambda: driver.safety.get_subscription_count() > 0)
    # best-effort joint states may be lost while the processes still find each other
    assert lab.wait(lambda: driver.tick(seconds=1.0) is not None), lab.log("arm_controller")
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
    assert driver.lab.wait(client.server_is_ready)
    sent = client.send_goal_async(goal)
    assert driver.lab.wait(sent.done)
    result = sent.result().get_result_async()
    for _ in range(ticks):
        driver.tick()
        if result.done():
            return result.result().result
    pytest.fail("the goal did not end")


@pytest.mark.slow
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
        command = driver.tick(q, names, follow=False, seconds=1.0)
        assert command is None or list(command.points[0].positions) == pytest.approx(HOME, abs=1e-12)
    driver.lab.received["heartbeat"].clear()
    driver.lab.wait_ready("arm_controller")
    assert list(driver.tick().points[0].positions) == pytest.approx(HOME, abs=1e-12)


@pytest.mark.slow
def test_free_motion_arrives_where_its_trajectory_ends(driver):
    driver.allow()
    for _ in range(40):
        driver.tick()
    goal_q = [q + 0.1 for q in HOME]
    result = move(driver, move_goal(driver, "approach", goal_q=goal_q))
    assert result.success, result.message
    for _ in range(20):  # the smoothed command still closes on the last of it
        driver.tick()
    assert driver.q == pytest.approx(goal_q, abs=1e-6)


def test_motion_is_refused_without_safety_and_reduction_without_clamp_and_approval(driver):
    for _ in range(40):
        driver.tick()
    goal = move_goal(driver, "approach", goal_q=[q + 0.1 for q in HOME])
    from rafr_msgs.action import MoveArm
    from rclpy.action import ActionClient

    client = ActionClient(driver.lab.node, MoveArm, "move_arm")
    assert driver.lab.wait(client.server_is_ready)
    handle = driver.lab.wait_result(client.send_goal_async(goal))
    result = driver.lab.wait_result(handle.get_result_async()).result
    assert not result.success
    assert "safety" in result.message
    driver.allow()
    driver.tick()
    result = move(driver, move_goal(driver, "reduction", "left", [q + 0.1 for q in HOME]))
    assert not result.success
    assert "CLAMPED" in result.message
    assert driver.q == pytest.approx(HOME, abs=1e-12)


def begin(driver, goal):
    """Send a goal that takes long; its result to come."""
    from rafr_msgs.action import MoveArm
    from rclpy.action import ActionClient

    client = ActionClient(driver.lab.node, MoveArm, "move_arm")
    assert driver.lab.wait(client.server_is_ready)
    return driver.lab.wait_result(client.send_goal_async(goal)).get_result_async()


@pytest.mark.slow
def test_a_driver_whose_clock_leaps_or_that_falls_silent_ends_the_motion_and_is_named(driver):
    from rosgraph_msgs.msg import Clock

    driver.allow()
    for _ in range(40):
        driver.tick()
    away = [q + 0.2 for q in HOME]
    result = begin(driver, move_goal(driver, "approach", goal_q=away, seconds=20.0))
    for _ in range(5):
        driver.tick()
    for _ in range(8):  # answered or not: the driver would refuse the answer
        driver.tick(off=5.0, follow=False, seconds=0.5)
    ended = driver.lab.wait_result(result).result
    assert not ended.success
    assert ended.message == "joint states are stamped 5.00 s ahead"

    reset(driver)
    result = begin(driver, move_goal(driver, "approach", goal_q=away, seconds=20.0))
    for _ in range(5):
        driver.tick()

    def time_passes_in_silence():
        driver.t += 0.05
        driver.clock.publish(Clock(clock=stamp(driver.t)))
        driver.lab.wait(lambda: False, 0.1)
        return result.done()

    assert driver.lab.wait(time_passes_in_silence)
    assert result.result().result.message.startswith("no joint state for")


def reset(driver):
    """A person frees the arm."""
    from std_srvs.srv import Trigger

    client = driver.lab.node.create_client(Trigger, "arm/reset")
    assert driver.lab.wait(client.service_is_ready)

    def released():
        driver.tick()
        return driver.lab.wait_result(client.call_async(Trigger.Request())).success

    assert driver.lab.wait(released)


def test_a_stop_from_safety_ends_free_motion_and_holds_until_reset(driver):
    from rafr_msgs.action import MoveArm
    from rafr_msgs.msg import ArmState
    from rclpy.action import ActionClient
    from std_srvs.srv import Trigger

    driver.allow()
    for _ in range(40):
        driver.tick()
    client = ActionClient(driver.lab.node, MoveArm, "move_arm")
    assert driver.lab.wait(client.server_is_ready)
    goal = move_goal(driver, "approach", goal_q=[q + 0.2 for q in HOME], seconds=20.0)
    handle = driver.lab.wait_result(client.send_goal_async(goal))
    for _ in range(5):
        driver.tick()
    driver.allow(False)
    assert driver.lab.wait(lambda: driver.tick() and driver.state.state == ArmState.HOLDING)
    result = driver.lab.wait_result(handle.get_result_async()).result
    assert not result.success
    held = list(driver.q)
    reset = driver.lab.node.create_client(Trigger, "arm/reset")
    assert driver.lab.wait(reset.service_is_ready)
    assert not driver.lab.wait_result(reset.call_async(Trigger.Request())).success
    for _ in range(5):
        driver.tick()
    assert driver.q == pytest.approx(held, abs=1e-12)
    driver.allow()

    def released():
        driver.tick()
        return driver.lab.wait_result(reset.call_async(Trigger.Request())).success

    assert driver.lab.wait(released)


class Floor:
    """Stands in for the base's driver: sends clock and odometry, and the next step waits for the answer."""

    def __init__(self, lab):
        from geometry_msgs.msg import TwistStamped
        from nav_msgs.msg import Odometry
        from rafr_msgs.msg import ArmState, SafetyState
        from rosgraph_msgs.msg import Clock
        from std_srvs.srv import SetBool

        from rafr.nodes.runtime import LATCHED, SENSOR

        self.lab, self.t, self.pose, self.brakes = lab, 1.0, [0.0, 0.02, 0.0], []
        lab.node.create_service(SetBool, "base/brakes", self._brake)
        lab.listen(TwistStamped, "cmd_vel")
        self.clock = lab.node.create_publisher(Clock, "/clock", 10)
        self.odometry = lab.node.create_publisher(Odometry, "odom", SENSOR)
        safety = lab.node.create_publisher(SafetyState, "safety/state", LATCHED)
        self.arm = lab.node.create_publisher(ArmState, "arm/state", 10)
        lab.node.create_timer(0.1, lambda: safety.publish(SafetyState(state=SafetyState.OK)))
        lab.node.create_timer(0.1, lambda: self.arm.publish(ArmState(state=ArmState.IDLE)))

    def _brake(self, request, response):
        self.brakes.append(request.data)
        response.success = True
        return response

    @property
    def twists(self):
        return self.lab.received["cmd_vel"]

    def step(self):
        """Let 20 ms pass; the base moves as commanded while its brakes are off."""
        from nav_msgs.msg import Odometry
        from rosgraph_msgs.msg import Clock

        if self.twists and self.brakes and not self.brakes[-1]:
            twist = self.twists[-1].twist
            self.pose[0] += 0.02 * twist.linear.x * math.cos(self.pose[2])
            self.pose[1] += 0.02 * twist.linear.x * math.sin(self.pose[2])
            self.pose[2] += 0.02 * twist.angular.z
        self.t += 0.02
        message = Odometry()
        message.header.stamp = stamp(self.t)
        message.pose.pose.position.x, message.pose.pose.position.y = self.pose[0], self.pose[1]
        message.pose.pose.orientation.z = math.sin(self.pose[2] / 2)
        message.pose.pose.orientation.w = math.cos(self.pose[2] / 2)
        self.odometry.publish(message)
        seen = len(self.twists)
        self.clock.publish(Clock(clock=stamp(self.t)))
        assert self.lab.wait(lambda: len(self.twists) > seen), self.lab.log("base_controller")

    def step_until(self, done, steps=1000):
        for _ in range(steps):
            if done():
                return True
            self.step()
        return False


@pytest.mark.slow
def test_base_docks_on_odometry_with_released_brakes_and_brakes_again(lab):
    from rafr_msgs.action import DockBase
    from rafr_msgs.msg import BaseTrajectory
    from rclpy.action import ActionClient

    floor = Floor(lab)
    lab.start("base_controller", use_sim_time=True, other_age=10.0)
    lab.wait_ready("base_controller")
    assert lab.wait(lambda: floor.odometry.get_subscription_count() and floor.clock.get_subscription_count())
    # the arm's state is not latched: one sent before the subscription was found is lost
    assert lab.wait(floor.arm.get_subscription_count)
    heard_from = time.monotonic() + 0.5
    assert floor.step_until(lambda: time.monotonic() > heard_from)
    assert floor.step_until(lambda: floor.brakes == [True])  # it engages them before anything else
    t = np.linspace(0.0, 3.0, 31)
    s = (t / 3.0) ** 2 * (3 - 2 * t / 3.0)
    v = np.gradient(0.6 * s, t)
    trajectory = BaseTrajectory(
        t=t.tolist(), x=(0.6 * s).tolist(), y=[0.0] * 31, theta=[0.0] * 31, v=v.tolist(), omega=[0.0] * 31
    )
    client = ActionClient(lab.node, DockBase, "dock_base")
    assert lab.wait(client.server_is_ready)
    handle = lab.wait_result(client.send_goal_async(DockBase.Goal(trajectory=trajectory)))
    future = handle.get_result_async()
    assert floor.step_until(future.done)
    result = future.result().result
    assert result.success, result.message
    # m: the docking tolerance and one period of motion
    assert math.hypot(floor.pose[0] - 0.6, floor.pose[1]) < 0.025
    assert floor.step_until(lambda: floor.brakes[-1])
    assert False in floor.brakes


@pytest.mark.slow
def test_safety_waits_for_its_nodes_then_allows_and_latches_a_death_until_reset(lab):
    from rafr_msgs.msg import ArmState, SafetyState
    from std_srvs.srv import Trigger

    from rafr.nodes.runtime import LATCHED

    lab.listen(SafetyState, "safety/state", LATCHED)
    arm = lab.node.create_publisher(ArmState, "arm/state", 10)
    lab.node.create_timer(0.05, lambda: arm.publish(ArmState(state=ArmState.IDLE)))
    lab.start("safety", required_nodes="arm_controller")
    lab.wait_ready("safety")
    states = lab.received["safety/state"]
    assert lab.wait(lambda: states and "waiting for arm_controller" in states[-1].reasons)
    lab.start("arm_controller", realtime_priority=0)
    assert lab.wait(lambda: states[-1].state == SafetyState.OK)
    reset = lab.node.create_client(Trigger, "safety/reset")
    lab.stop("arm_controller")
    assert lab.wait(lambda: states[-1].state == SafetyState.STOPPED)
    assert any("arm_controller" in r for r in states[-1].reasons)
    assert lab.wait(reset.service_is_ready)
    assert not lab.wait_result(reset.call_async(Trigger.Request())).success
    lab.start("arm_controller", realtime_priority=0)
    seen = len(states)
    for _ in range(120):  # the new process needs a while; the stop must stay all along
        lab.wait(lambda: False, 0.5)
        assert all(s.state == SafetyState.STOPPED for s in states[seen:])
        if lab.wait_result(reset.call_async(Trigger.Request())).success:
            break
    assert lab.wait(lambda: states[-1].state == SafetyState.OK)


def test_an_emergency_stop_latches_is_stiff_and_is_not_undone_by_letting_go(lab):
    from rafr_msgs.msg import ArmState, Heartbeat, SafetyState
    from std_msgs.msg import Bool

    from rafr.nodes.runtime import LATCHED

    lab.listen(SafetyState, "safety/state", LATCHED)
    arm = lab.node.create_publisher(ArmState, "arm/state", 10)
    beats = lab.node.create_publisher(Heartbeat, "heartbeat", 50)
    switch = lab.node.create_publisher(Bool, "emergency_stop", 10)
    lab.node.create_timer(0.05, lambda: arm.publish(ArmState(state=ArmState.IDLE)))
    lab.node.create_timer(0.1, lambda: beats.publish(Heartbeat(node="arm_controller", ready=True)))
    lab.start("safety", required_nodes="arm_controller")
    lab.wait_ready("safety")
    states = lab.received["safety/state"]
    assert lab.wait(lambda: states and states[-1].state == SafetyState.OK)
    assert lab.wait(lambda: switch.get_subscription_count() > 0)
    switch.publish(Bool(data=True))
    assert lab.wait(lambda: states[-1].state == SafetyState.STOPPED)
    assert "emergency stop pressed" in states[-1].reasons
    assert not states[-1].compliant
    switch.publish(Bool(data=False))
    lab.wait(lambda: False, 0.5)
    assert states[-1].state == SafetyState.STOPPED


@pytest.mark.slow
def test_the_end_of_a_node_stops_at_once_and_by_name(lab):
    from rafr_msgs.msg import ArmState, Heartbeat, SafetyState

    from rafr.nodes.runtime import LATCHED
    from rafr.processes import machine

    lab.listen(SafetyState, "safety/state", LATCHED)
    arm = lab.node.create_publisher(ArmState, "arm/state", 10)
    beats = lab.node.create_publisher(Heartbeat, "heartbeat", 50)
    nodes = {n: subprocess.Popen(["sleep", "600"]) for n in ("arm_controller", "recorder")}

    def beat():
        for name, process in nodes.items():
            beats.publish(Heartbeat(node=name, ready=True, pid=process.pid, machine=machine()))

    try:
        lab.node.create_timer(0.05, lambda: arm.publish(ArmState(state=ArmState.MOVING)))
        lab.start("safety", required_nodes="arm_controller")
        lab.wait_ready("safety")
        # a controller whose state is not heard yet would be stale with its first heartbeat
        assert lab.wait(lambda: arm.get_subscription_count() > 0)
        lab.wait(lambda: False, 0.3)
        lab.node.create_timer(0.05, beat)
        states = lab.received["safety/state"]
        ready = lab.wait(lambda: states and states[-1].state == SafetyState.OK)
        assert ready, [(s.state, s.reasons) for s in states]
        for name, process in nodes.items():
            lab.wait(lambda: False, 0.3)  # a heartbeat of every one was heard
            process.kill()
            began = time.monotonic()
            assert lab.wait(lambda name=name: f"{name} has ended" in states[-1].reasons)
            assert states[-1].state == SafetyState.STOPPED
            assert time.monotonic() - began < 2.0  # s, however busy the machine; its silence takes 3 s
    finally:
        for process in nodes.values():
            process.kill()
            process.wait()


@pytest.mark.slow
def test_controllers_end_cleanly_on_an_interrupt_and_refuse_a_bad_parameter(lab):
    lab.start("base_controller")
    lab.start("arm_controller", realtime_priority=0)
    lab.wait_ready("base_controller", "arm_controller")
    assert lab.stop("base_controller") == 0
    assert lab.stop("arm_controller") == 0
    process = lab.start("arm_controller", force_limit=-5.0)
    assert process.wait(timeout=90) == 2
    assert "force_limit" in lab.log("arm_controller").strip().splitlines()[-1]
