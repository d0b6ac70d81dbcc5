"""`follow_joint_trajectory` and `controller_state` of the emulated arm; imports control_msgs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from control_msgs.action import FollowJointTrajectory
from control_msgs.msg import JointTrajectoryControllerState
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from trajectory_msgs.msg import JointTrajectoryPoint

from rafr.nodes.convert import seconds, trajectory_request
from rafr.nodes.runtime import RELIABLE, WARN, RafrNode
from rafr.simulation.endpoint import ArmEndpoint, Goal, GoalOutcome


class TrajectoryAction:
    """The action's server: one goal at a time, a new one ends the one before."""

    def __init__(self, node: RafrNode, endpoint: ArmEndpoint, now: Callable[[], float]) -> None:
        self._node, self._endpoint, self._now = node, endpoint, now
        self._handles: list[Any] = []  # of the goals that have not ended, oldest first
        self._server = ActionServer(
            node,
            FollowJointTrajectory,
            "joint_trajectory_controller/follow_joint_trajectory",
            execute_callback=lambda handle: FollowJointTrajectory.Result(),
            goal_callback=self._consider,
            handle_accepted_callback=self._accept,
            cancel_callback=self._cancel,
        )
        topic = "joint_trajectory_controller/controller_state"
        self._states = node.create_publisher(JointTrajectoryControllerState, topic, RELIABLE)

    def tick(self) -> None:
        """Once per update: end goals, say how it stands."""
        outcomes = self._endpoint.trajectory.outcomes
        while outcomes:
            _end(self._handles.pop(0), outcomes.pop(0))
        if self._endpoint.connected and self._endpoint.trajectory.active:
            self._publish()

    def _publish(self) -> None:
        state = self._endpoint.trajectory.state
        message = JointTrajectoryControllerState(joint_names=list(self._endpoint.joints))
        message.header.stamp = self._node.get_clock().now().to_msg()
        for name in ("reference", "feedback", "error", "output"):
            setattr(message, name, JointTrajectoryPoint(positions=getattr(state, name).tolist()))
        message.speed_scaling_factor = self._endpoint.speed_scaling
        self._states.publish(message)

    def _consider(self, request: Any) -> GoalResponse:
        reason = self._endpoint.trajectory.rejection(_goal(request), self._now())
        if reason:
            self._node.diagnose(WARN, reason)
        return GoalResponse.REJECT if reason else GoalResponse.ACCEPT

    def _accept(self, handle: Any) -> None:
        self._handles.append(handle)
        self._endpoint.trajectory.take_goal(_goal(handle.request))

    def _cancel(self, handle: Any) -> CancelResponse:
        if self._handles and handle.goal_id == self._handles[-1].goal_id:
            self._endpoint.trajectory.cancel(self._endpoint.q)
        return CancelResponse.ACCEPT


def _goal(request: Any) -> Goal:
    return Goal(
        trajectory_request(request.trajectory),
        {t.name: float(t.position) for t in request.path_tolerance},
        {t.name: float(t.position) for t in request.goal_tolerance},
        seconds(request.goal_time_tolerance),
    )


def _end(handle: Any, outcome: GoalOutcome) -> None:
    """Run the goal's execution with the outcome at hand: it ends at once."""

    def execute(goal: Any) -> Any:
        if outcome.cancelled:
            goal.canceled()
        elif outcome.code == 0:
            goal.succeed()
        else:
            goal.abort()
        return FollowJointTrajectory.Result(error_code=int(outcome.code), error_string=outcome.text)

    handle.execute(execute)
