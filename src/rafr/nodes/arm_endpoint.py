"""An emulated arm behind ros2_control: the topics, services and action of its controllers, no arm.

Decisions are in `rafr.simulation.endpoint`. The action and `controller_state` need control_msgs, which is not
among the wheels: without it only the topics are served. Parameters `fault` and `speed_scaling` may be set at
any time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rcl_interfaces.msg import SetParametersResult
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from rafr.config import option
from rafr.errors import InputError
from rafr.nodes.convert import time_message, trajectory_request
from rafr.nodes.runtime import OK, RELIABLE, WARN, RafrNode, run_node
from rafr.robot.arm import ArmModel
from rafr.simulation.endpoint import (
    ArmEndpoint,
    EndpointConfig,
    EndpointFault,
)

_FAULTS = ", ".join(fault.value for fault in EndpointFault)


@dataclass(frozen=True, slots=True)
class ArmEndpointNodeConfig:
    arm: str = option("ur16e", "robot arm of the description")
    stream: str = option("joint_trajectory", "active controller: joint_trajectory or position")
    fault: str = option("none", f"one of {_FAULTS}")
    joint_state_rate: float = option(100.0, "of joint_states", unit="Hz", lower=1.0, upper=1000.0)


class ArmEndpointNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("arm_endpoint")
        self._config = self.config(ArmEndpointNodeConfig, live=("fault",))
        config = self.config(EndpointConfig, live=("speed_scaling",))
        arm = ArmModel.named(self._config.arm)
        self._endpoint = ArmEndpoint(arm.joint_names, arm.parked, arm.limits, config)
        if self._config.stream not in ("joint_trajectory", "position"):
            expected = "joint_trajectory or position"
            raise InputError("node arm_endpoint", f"parameter stream is {self._config.stream!r}", expected)
        self._endpoint.use_forward(self._config.stream == "position")
        self._endpoint.set_fault(fault_named(self._config.fault))
        self._states = self.create_publisher(JointState, "joint_states", RELIABLE)
        self._next_state = -np.inf
        topic = "joint_trajectory_controller/joint_trajectory"
        self.create_subscription(JointTrajectory, topic, self._take_trajectory, RELIABLE)
        topic = "forward_position_controller/commands"
        self.create_subscription(Float64MultiArray, topic, self._take_position, RELIABLE)
        self.create_service(SetBool, "arm_endpoint/use_forward", self._use_forward)
        self.add_on_set_parameters_callback(self._set)
        self._action = self._serve_action()
        self.create_wall_timer(1.0 / config.update_rate, self._tick)
        self.set_ready()

    def _serve_action(self) -> Any:
        try:
            from rafr.nodes.endpoint_action import TrajectoryAction
        except ImportError:
            self.get_logger().info("no control_msgs: topics only, without action and controller_state")
            return None
        return TrajectoryAction(self, self._endpoint, self._now)

    def _now(self) -> float:
        return 1e-9 * float(self.get_clock().now().nanoseconds)

    def _tick(self) -> None:
        endpoint, now = self._endpoint, self._now()
        endpoint.advance(now)
        if self._action is not None:
            self._action.tick()
        if not endpoint.connected or now < self._next_state:
            return
        period = 1.0 / self._config.joint_state_rate
        self._next_state = max(self._next_state + period, now - period)
        message = JointState(name=list(endpoint.joints))
        message.position, message.velocity = endpoint.q.tolist(), endpoint.qd.tolist()
        message.header.stamp = time_message(now)
        self._states.publish(message)

    def _take_trajectory(self, message: JointTrajectory) -> None:
        if not self._endpoint.connected:
            return
        reason = self._endpoint.trajectory.take(trajectory_request(message), self._now())
        if reason:
            self.diagnose(WARN, reason)

    def _take_position(self, message: Float64MultiArray) -> None:
        if not self._endpoint.connected:
            return
        reason = self._endpoint.take_position(np.array(message.data, dtype=float))
        if reason:
            self.diagnose(WARN, reason)

    def _use_forward(self, request: Any, response: Any) -> Any:
        self._endpoint.use_forward(bool(request.data))
        response.success, response.message = True, "forward position" if request.data else "trajectory"
        return response

    def _set(self, parameters: Sequence[Any]) -> SetParametersResult:
        """Faults and speed scaling while it runs; nothing else may change."""
        for parameter in parameters:
            try:
                self._change(parameter.name, parameter.value)
            except InputError as error:
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _change(self, name: str, value: Any) -> None:
        if name == "fault":
            self._endpoint.set_fault(fault_named(value))
            self.diagnose(OK if value == "none" else WARN, f"fault: {value}")
        elif name == "speed_scaling":
            if not (isinstance(value, float) and 0.0 <= value <= 1.0):
                raise InputError("speed_scaling", repr(value), "0.0 to 1.0")
            self._endpoint.speed_scaling = value
        else:
            raise InputError(name, "it is read at start only", "fault or speed_scaling")


def fault_named(name: object) -> EndpointFault:
    """Raises InputError for an unknown name."""
    try:
        return EndpointFault(name)
    except ValueError:
        raise InputError("fault", repr(name), f"one of {_FAULTS}") from None


def main() -> None:
    sys.exit(run_node(ArmEndpointNode))


if __name__ == "__main__":
    main()
