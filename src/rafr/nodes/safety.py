"""The safety supervisor's node: hears everything, publishes `safety/state`; stop and reset as services."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import WrenchStamped
from nav_msgs.msg import Odometry
from rafr_msgs.msg import ArmState, Heartbeat, Risk, SafetyState, ToolPoses
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from rafr.config import option
from rafr.control.safety import SafetyConfig, SafetyDecision, SafetyLevel, SafetySupervisor
from rafr.control.signals import ArmMode
from rafr.errors import InputError
from rafr.nodes.convert import wrench_array
from rafr.nodes.ends import Ends
from rafr.nodes.runtime import ERROR, LATCHED, OK, RELIABLE, SENSOR, WARN, RafrNode, run_node

_PERIOD = 0.1  # s, wall time
_LEVELS = {SafetyLevel.OK: OK, SafetyLevel.WARNING: WARN, SafetyLevel.STOPPED: ERROR}


@dataclass(frozen=True, slots=True)
class SafetyNodeConfig:
    required_nodes: str = option("arm_controller", "nodes whose heartbeat is needed, comma separated")


class SafetyNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("safety")
        names = [n.strip() for n in self.config(SafetyNodeConfig).required_nodes.split(",")]
        if not any(names):
            raise InputError("node safety", "required_nodes is empty", "at least one node to watch")
        required = tuple(n for n in names if n)
        self._core = SafetySupervisor(required, self.config(SafetyConfig), time.monotonic())
        self._decision: SafetyDecision | None = None
        self._publisher = self.create_publisher(SafetyState, "safety/state", LATCHED)
        self.create_service(Trigger, "safety/stop", self._stop)
        self.create_service(Trigger, "safety/reset", self._reset)
        self.create_subscription(Bool, "emergency_stop", self._take_emergency_stop, RELIABLE)
        self._ends = Ends(self, (), self._take_end, self._take_heartbeat)
        self.create_subscription(WrenchStamped, "wrench", self._take_wrench, SENSOR)
        self.create_subscription(ToolPoses, "tracker/tools", self._take_tools, SENSOR)
        self.create_subscription(ArmState, "arm/state", self._take_arm, RELIABLE)
        self.create_subscription(Odometry, "odom", self._take_odometry, SENSOR)
        self.create_subscription(DiagnosticStatus, "traction/state", self._take_traction, RELIABLE)
        self.create_subscription(Risk, "risk", self._take_risk, RELIABLE)
        self.create_wall_timer(_PERIOD, self._judge)
        self.set_ready()

    def _take_heartbeat(self, message: Heartbeat) -> None:
        self._core.heard_heartbeat(message.node, time.monotonic(), message.ready)

    def _take_end(self, node: str) -> None:
        if self._core.heard_end(node):
            self._judge()

    def _take_wrench(self, message: WrenchStamped) -> None:
        wrench = wrench_array(message.wrench)
        stopped = self._decision is not None and not self._decision.motion_allowed
        if np.isfinite(wrench).all() and self._core.heard_wrench(wrench) and not stopped:
            self._judge()

    def _take_tools(self, message: ToolPoses) -> None:
        errors = {t.name: float(t.error) for t in message.tools if t.valid}
        if errors:
            self._core.heard_tools(errors, time.monotonic())

    def _take_arm(self, message: ArmState) -> None:
        known = message.state in tuple(ArmMode)
        mode = ArmMode(message.state) if known else ArmMode.HOLDING
        self._core.heard_arm(mode, message.reason, message.path_error, time.monotonic())

    def _take_odometry(self, message: Odometry) -> None:
        place = message.pose.pose.position
        if np.isfinite((place.x, place.y)).all():
            self._core.heard_base(np.array([place.x, place.y]))

    def _take_traction(self, message: DiagnosticStatus) -> None:
        self._core.heard_traction("" if message.level == OK else message.message)

    def _take_risk(self, message: Risk) -> None:
        self._core.heard_risk(message.source, message.probability, message.reason, time.monotonic())

    def _judge(self) -> None:
        decision = self._core.update(time.monotonic())
        if decision != self._decision:
            self.diagnose(_LEVELS[decision.level], "; ".join(decision.reasons) or "nothing wrong")
        self._decision = decision
        message = SafetyState(
            state=int(decision.level),
            reasons=list(decision.reasons),
            compliant=decision.compliant,
            slowing=decision.slowing,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _take_emergency_stop(self, message: Bool) -> None:
        """A switch: pressed it stops, let go it changes nothing (a person resets)."""
        if message.data:
            self._core.stop("emergency stop pressed")
            self._judge()

    def _stop(self, _: Any, response: Any) -> Any:
        self._core.stop("stop requested")
        self._judge()
        response.success, response.message = True, "stopped"
        return response

    def _reset(self, _: Any, response: Any) -> Any:
        answer = self._core.reset(time.monotonic())
        self._judge()
        response.success, response.message = answer.accepted, "; ".join(answer.reasons)
        return response


def main() -> None:
    sys.exit(run_node(SafetyNode))


if __name__ == "__main__":
    main()
