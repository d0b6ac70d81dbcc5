"""The arm controller against the emulated arm, as on a bench without one: real time, real processes."""

import numpy as np
import pytest

from rafr.robot.arm import ArmModel

pytestmark = [pytest.mark.ros, pytest.mark.slow]
ARM = ArmModel.named()
# for a loaded machine: signals may be late, and the arm behind its command (rad)
PATIENT = {"realtime_priority": 0, "safety_age": 10.0, "joint_age": 1.0, "wrench_age": 1.0}
PATIENT |= {"reach": 0.2, "follow_tolerance": 0.3}


class Bench:
    """Wrench and safety beside the emulated arm; watches what it does."""

    def __init__(self, lab):
        from geometry_msgs.msg import WrenchStamped
        from rafr_msgs.msg import ArmState, SafetyState
        from sensor_msgs.msg import JointState

        from rafr.nodes.runtime import LATCHED, SENSOR

        self.lab = lab
        self._random = np.random.default_rng(0)
        self._wrench = lab.node.create_publisher(WrenchStamped, "wrench", SENSOR)
        self._safety = lab.node.create_publisher(SafetyState, "safety/state", LATCHED)
        self._ok = SafetyState(state=SafetyState.OK)
        lab.node.create_timer(0.02, self._say)
        lab.listen(ArmState, "arm/state")
        lab.listen(JointState, "joint_states")

    def _say(self):
        from geometry_msgs.msg import WrenchStamped

        message = WrenchStamped()
        message.header.stamp = self.lab.node.get_clock().now().to_msg()
        message.wrench.force.x = self._random.normal()
        self._wrench.publish(message)
        self._safety.publish(self._ok)

    @property
    def heard(self):
        """Whether the controller listens to wrench and safety."""
        return all(p.get_subscription_count() for p in (self._wrench, self._safety))

    @property
    def q(self):
        state = self.lab.received["joint_states"][-1]
        position = dict(zip(state.name, state.position, strict=True))
        return np.array([position[name] for name in ARM.joint_names])

    @property
    def state(self):
        return self.lab.received["arm/state"][-1]

    def set_fault(self, name):
        from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
        from rcl_interfaces.srv import SetParameters

        client = self.lab.node.create_client(SetParameters, "arm_endpoint/set_parameters")
        assert self.lab.wait(client.service_is_ready)
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=name)
        request = SetParameters.Request(parameters=[Parameter(name="fault", value=value)])
        return self.lab.wait_result(client.call_async(request)).results[0]

    def moving(self, way, seconds):
        """The result to come of a motion that has begun; on a busy machine signals may not be there yet."""
        for _ in range(20):
            begin, result = self.q, self.move(way, seconds)
            assert self.lab.wait(lambda b=begin, r=result: r.done() or np.abs(self.q - b).max() > 0.1)
            if not result.done():
                return result
            said = result.result().result.message
            assert any(words in said for words in ("no wrench", "no joint state has come", "silent")), said
            if "was not reset" in said:
                _reset(self)
            self.lab.wait(lambda: False, 1.0)
        raise AssertionError(said)

    def move(self, way, seconds):
        """The goal's result, to come."""
        from rafr_msgs.action import MoveArm
        from rclpy.action import ActionClient

        from rafr.nodes.convert import joint_trajectory_message
        from rafr.trajectory.result import ArmTrajectory

        t = np.linspace(0.0, seconds, 21)
        s, ds = (t / seconds) ** 2 * (3 - 2 * t / seconds), 6 * t / seconds**2 * (1 - t / seconds)
        q, qd = self.q + s[:, None] * way, ds[:, None] * np.full(ARM.dof, way)
        zero = np.zeros_like(q)
        trajectory = ArmTrajectory(ARM.joint_names, t, q, qd, zero, zero)
        client = ActionClient(self.lab.node, MoveArm, "move_arm")
        assert self.lab.wait(client.server_is_ready)
        goal = MoveArm.Goal(kind="approach", trajectory=joint_trajectory_message(trajectory))
        handle = self.lab.wait_result(client.send_goal_async(goal))
        return handle.get_result_async()


@pytest.fixture(params=["joint_trajectory", "position"])
def bench(lab, request):
    from rafr_msgs.msg import ArmState
    from std_srvs.srv import SetBool

    bench = Bench(lab)
    lab.start("arm_endpoint")
    lab.start("arm_controller", stream=request.param, **PATIENT)
    lab.wait_ready("arm_endpoint", "arm_controller")
    forward = lab.node.create_client(SetBool, "arm_endpoint/use_forward")
    assert lab.wait(forward.service_is_ready)
    wanted = SetBool.Request(data=request.param == "position")
    assert lab.wait_result(forward.call_async(wanted)).success
    assert lab.wait(lambda: bench.heard and lab.received["joint_states"] and lab.received["arm/state"])
    assert lab.wait(lambda: not bench.state.reason)  # until then: no joint state yet
    lab.wait(lambda: False, 1.0)  # some wrench to tare
    assert bench.state.state == ArmState.IDLE
    return bench


def test_a_free_motion_arrives_through_the_emulated_controllers(bench):
    goal = bench.q + 0.2
    result = bench.lab.wait_result(bench.moving(0.2, 2.0)).result
    assert result.success, result.message
    # rad: the controller calls 2e-3 arrived; what was heard last may be older
    assert bench.lab.wait(lambda: np.abs(bench.q - goal).max() < 3e-3), bench.q - goal
    assert bench.lab.stop("arm_endpoint") == 0


def test_a_lost_connection_holds_and_so_does_an_arm_that_was_stopped(bench):
    from rafr_msgs.msg import ArmState

    for fault, words in (
        ("connection-lost", "no joint state"),
        ("emergency-stop", "stopped by its own safety"),
    ):
        result = bench.moving(-0.9, 3.0)
        assert bench.set_fault(fault).successful
        if fault == "connection-lost":
            bench.lab.wait(lambda: False, 1.5)
            assert bench.set_fault("none").successful
        answer = bench.lab.wait_result(result).result
        assert not answer.success
        assert words in answer.message
        assert bench.lab.wait(lambda: bench.state.state == ArmState.HOLDING)
        held = bench.q
        bench.set_fault("none")
        bench.lab.wait(lambda: False, 1.0)
        assert bench.q == pytest.approx(held, abs=1.1 * PATIENT["follow_tolerance"])
        assert _reset(bench)
    assert not bench.set_fault("earthquake").successful


def _reset(bench):
    from std_srvs.srv import Trigger

    client = bench.lab.node.create_client(Trigger, "arm/reset")
    assert bench.lab.wait(client.service_is_ready)
    return bench.lab.wait(lambda: bench.lab.wait_result(client.call_async(Trigger.Request())).success)


def test_an_unknown_stream_is_refused_in_one_line(lab):
    process = lab.start("arm_controller", stream="telepathy", realtime_priority=0)
    assert process.wait(timeout=90) == 2
    last = lab.log("arm_controller").strip().splitlines()[-1]
    assert "stream is 'telepathy'" in last
    assert "joint_trajectory or position" in last
