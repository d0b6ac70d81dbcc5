"""The base controller: action `dock_base`, `cmd_vel`, brakes. Decisions are in `rafr.control.base`."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rafr_msgs.action import DockBase
from rafr_msgs.msg import ArmState, BaseState, SafetyState, ToolPoses
from std_srvs.srv import SetBool, Trigger

from rafr.config import option
from rafr.control.base import BaseCommand, BaseControlConfig, BaseController, BaseInput, BaseMode
from rafr.control.base_pose import BasePose, BasePoseConfig
from rafr.control.bystander import BystanderConfig, base_speed, slowed_base
from rafr.errors import InputError
from rafr.nodes.convert import base_trajectory_from_message, seconds, transform_from_pose
from rafr.nodes.ends import Ends
from rafr.nodes.long_goal import LongGoal
from rafr.nodes.runtime import LATCHED, OK, RELIABLE, SENSOR, WARN, RafrNode, run_node
from rafr.robot.description import urdf_text
from rafr.robot.mobile import DifferentialDrive
from rafr.robot.urdf import description_mass
from rafr.room import OperatingRoom
from rafr.tracking.tools import BASE_TOOL

_PERIOD = 0.02  # s of the node's clock
_STATE_PERIOD = 0.1  # s, wall time


@dataclass(frozen=True, slots=True)
class BaseControllerNodeConfig:
    arm: str = option("ur16e", "robot arm that stands on the base")
    other_age: float = option(
        2.0, "age of safety/state or arm/state that stops (wall time)", unit="s", lower=0.2, upper=10.0
    )


class BaseControllerNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("base_controller")
        self._config = self.config(BaseControllerNodeConfig)
        self._bystander_limit = base_speed(
            description_mass(urdf_text(self._config.arm)), self.config(BystanderConfig)
        )
        config = self.config(BaseControlConfig)
        fastest = min(config.linear_speed, self._bystander_limit.speed)
        self._core = BaseController(replace(config, linear_speed=fastest))
        self._body = DifferentialDrive.from_yaml().body
        self._pose = BasePose(OperatingRoom.from_yaml().T_base_marker, self.config(BasePoseConfig))
        self._odometry_t = -math.inf
        self._safety = (False, -math.inf)
        self._forbidden = ""
        self._arm_idle = (False, -math.inf)
        self._brakes: bool | None = None
        self._brakes_asked = False
        self._command: BaseCommand | None = None
        self._wire()
        self._goal = LongGoal(
            self, DockBase, "dock_base", begin=self._begin, cancel=self._cancel, result=self._result
        )
        self.set_ready()

    def _wire(self) -> None:
        self._velocity = self.create_publisher(TwistStamped, "cmd_vel", RELIABLE)
        self._states = self.create_publisher(BaseState, "base/state", RELIABLE)
        self._brake_client = self.create_client(SetBool, "base/brakes")
        self.create_service(Trigger, "base/reset", self._reset)
        self.create_subscription(Odometry, "odom", self._take_odometry, SENSOR)
        self.create_subscription(ToolPoses, "tracker/tools", self._take_tools, SENSOR)
        self.create_subscription(SafetyState, "safety/state", self._take_safety, LATCHED)
        self.create_subscription(ArmState, "arm/state", self._take_arm, RELIABLE)
        self._ends = Ends(self, ("safety", "arm_controller"), self._take_end)
        self.create_timer(_PERIOD, self._tick)
        self.create_wall_timer(_STATE_PERIOD, self._publish_state)

    def _take_odometry(self, message: Odometry) -> None:
        pose = transform_from_pose(message.pose.pose)
        if pose is None:
            return  # not finite: it only grows older
        heading = math.atan2(pose.rotation[1, 0], pose.rotation[0, 0])
        self._pose.moved(np.array([pose.translation[0], pose.translation[1], heading]))
        self._odometry_t = seconds(message.header.stamp)

    def _take_tools(self, message: ToolPoses) -> None:
        seen = next((t.pose for t in message.tools if t.valid and t.name == BASE_TOOL), None)
        pose = None if seen is None else transform_from_pose(seen)
        moved = None if pose is None else self._pose.tracked_at(pose)
        if moved is not None:
            self.diagnose(WARN, f"the tracker was moved by {moved:.2f} m: its new place has been learnt")

    def _take_safety(self, message: SafetyState) -> None:
        self._safety = (message.state in (SafetyState.OK, SafetyState.WARNING), time.monotonic())
        self._forbidden = "; ".join(message.reasons)

    def _take_arm(self, message: ArmState) -> None:
        self._arm_idle = (message.state == ArmState.IDLE, time.monotonic())

    def _take_end(self, node: str) -> None:
        if node == "safety":
            self._safety, self._forbidden = (False, -math.inf), "it has ended"
        else:
            self._arm_idle = (False, -math.inf)

    def _fresh(self, heard: tuple[bool, float]) -> bool:
        return heard[0] and time.monotonic() - heard[1] < self._config.other_age

    def _tick(self) -> None:
        signals = BaseInput(
            t=1e-9 * self.get_clock().now().nanoseconds,
            pose=self._pose.pose,
            odometry_t=self._odometry_t,
            brakes_engaged=self._brakes,
            safety_ok=self._fresh(self._safety),
            arm_idle=self._fresh(self._arm_idle),
            forbidden=self._forbidden,
        )
        command = self._core.update(signals)
        self._command = command
        self._send(command)
        self._ask_brakes(command.brakes)
        if command.finished is not None:
            success, message = command.finished
            self._goal.finish(success, self._result(success, message))
            self.diagnose(OK if success else WARN, message)

    def _send(self, command: BaseCommand) -> None:
        message = TwistStamped()
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = "base"
        message.twist.linear.x, message.twist.angular.z = command.v, command.omega
        self._velocity.publish(message)

    def _ask_brakes(self, engage: bool) -> None:
        if self._brakes == engage or self._brakes_asked or not self._brake_client.service_is_ready():
            return
        self._brakes_asked = True
        future = self._brake_client.call_async(SetBool.Request(data=engage))
        future.add_done_callback(lambda done: self._brakes_answered(engage, bool(done.result().success)))

    def _brakes_answered(self, engaged: bool, success: bool) -> None:
        self._brakes_asked = False
        self._brakes = engaged if success else None

    def _begin(self, request: Any) -> str:
        """Start to follow a trajectory; the reason when it is refused."""
        try:
            # the wheels' own rates are the driver's business
            wheel = np.zeros((len(request.trajectory.t), 2))
            trajectory, said = slowed_base(
                base_trajectory_from_message(request.trajectory, wheel),
                self._bystander_limit,
                0.5 * self._body.length,
                0.5 * self._body.width,
            )
            if said:
                self.diagnose(WARN, said)
            answer = self._core.request(trajectory)
        except InputError as error:
            return str(error)
        return "" if answer.accepted else "; ".join(answer.reasons)

    def _cancel(self) -> None:
        self._core.hold("docking was cancelled")

    def _reset(self, _: Any, response: Any) -> Any:
        answer = self._core.reset()
        response.success, response.message = answer.accepted, "; ".join(answer.reasons)
        return response

    def _result(self, success: bool, message: str) -> Any:
        command = self._command
        nan = math.nan
        return DockBase.Result(
            success=success,
            message=message,
            position_error=nan if command is None else command.position_error,
            heading_error=nan if command is None else command.heading_error,
        )

    def _publish_state(self) -> None:
        command, pose = self._command, self._pose.pose
        message = BaseState(
            state=int(BaseMode.BRAKED if command is None else command.state),
            reason="" if command is None else command.reason,
            progress=0.0 if command is None else command.progress,
            tracking_error=math.nan if command is None else command.position_error,
        )
        message.x, message.y, message.theta = (math.nan,) * 3 if pose is None else (float(v) for v in pose)
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = "world"
        self._states.publish(message)
        self._goal.feedback(DockBase.Feedback(progress=message.progress))


def main() -> None:
    sys.exit(run_node(BaseControllerNode))


if __name__ == "__main__":
    main()
