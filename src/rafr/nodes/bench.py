"""What stands around an arm that is not there: its wrist sensor, the clamp, the mobile base. For dry runs.

The wrench is what the sensor would read in the present posture with the described tool and nothing touching
it; the clamp closes on air; the base goes where `cmd_vel` leads it once its brakes are off.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import TwistStamped, WrenchStamped
from nav_msgs.msg import Odometry
from rafr_msgs.srv import SetClamp
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool

from rafr.config import option
from rafr.nodes.runtime import LATCHED, RELIABLE, SENSOR, RafrNode, run_node
from rafr.robot.arm import ArmModel
from rafr.robot.driver import wrist_of
from rafr.robot.wrist import Wrist, described_payload
from rafr.simulation.base_drive import BaseDrive, BaseDriveConfig

_PERIOD = 0.02  # s of wall time: of the base
_COMMAND_AGE = 0.2  # s: a base stops without newer commands


@dataclass(frozen=True, slots=True)
class BenchConfig:
    arm: str = option("ur16e", "robot arm of the description")
    seed: int = option(0, "of the sensor's noise", lower=0)
    force_noise: float = option(0.2, "standard deviation", unit="N", lower=0.0, upper=10.0)
    torque_noise: float = option(0.01, "standard deviation", unit="N m", lower=0.0, upper=1.0)


class BenchNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("bench")
        config = self.config(BenchConfig)
        arm, source = ArmModel.named(config.arm), wrist_of(config.arm)
        self._names = arm.joint_names
        self._wrist = Wrist(arm, source.config, described_payload(arm, source.config.frame))
        self._random = np.random.default_rng(config.seed)
        self._noise = np.repeat([config.force_noise, config.torque_noise], 3)
        self._base = BaseDrive((0.0, 0.0, 0.0), BaseDriveConfig())
        self._commanded = -math.inf
        self._raw = self.create_publisher(WrenchStamped, source.topic, SENSOR)
        self._odometry = self.create_publisher(Odometry, "odom", SENSOR)
        self.create_subscription(JointState, "joint_states", self._sense, SENSOR)
        self.create_subscription(TwistStamped, "cmd_vel", self._drive, RELIABLE)
        self._clamp_states = self.create_publisher(String, "clamp/state", LATCHED)
        self.create_service(SetClamp, "clamp", self._clamp)
        self.create_service(SetBool, "base/brakes", self._brake)
        self.create_wall_timer(_PERIOD, self._move)
        self.set_ready()

    def _sense(self, message: JointState) -> None:
        positions = dict(zip(message.name, message.position, strict=False))
        q = np.array([positions.get(name, np.nan) for name in self._names])
        if not np.isfinite(q).all():
            return
        reading = self._wrist.reading(q) + self._noise * self._random.standard_normal(6)
        raw = WrenchStamped(header=message.header)
        force, torque = raw.wrench.force, raw.wrench.torque
        force.x, force.y, force.z, torque.x, torque.y, torque.z = reading.tolist()
        self._raw.publish(raw)

    def _drive(self, message: TwistStamped) -> None:
        v, omega = message.twist.linear.x, message.twist.angular.z
        if math.isfinite(v) and math.isfinite(omega):
            self._base.command(v, omega)
            self._commanded = 1e-9 * self.steady_clock.now().nanoseconds

    def _move(self) -> None:
        if 1e-9 * self.steady_clock.now().nanoseconds - self._commanded > _COMMAND_AGE:
            self._base.command(0.0, 0.0)
        self._base.advance(_PERIOD)
        x, y, theta = self._base.pose.tolist()
        message = Odometry(child_frame_id="base")
        message.header.stamp, message.header.frame_id = self.get_clock().now().to_msg(), "world"
        message.pose.pose.position.x, message.pose.pose.position.y = x, y
        message.pose.pose.orientation.z = math.sin(0.5 * theta)
        message.pose.pose.orientation.w = math.cos(0.5 * theta)
        message.twist.twist.linear.x, message.twist.twist.angular.z = self._base.v, self._base.omega
        self._odometry.publish(message)

    def _clamp(self, request: Any, response: Any) -> Any:
        response.success, response.message = True, "closed on air" if request.closed else "open"
        self._clamp_states.publish(String(data=request.body if request.closed else ""))
        return response

    def _brake(self, request: Any, response: Any) -> Any:
        self._base.brakes = bool(request.data)
        response.success, response.message = True, "on" if request.data else "off"
        return response


def main() -> None:
    sys.exit(run_node(BenchNode))


if __name__ == "__main__":
    main()
