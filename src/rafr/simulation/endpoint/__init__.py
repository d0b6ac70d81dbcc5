"""An arm behind ros2_control without the arm: what its controllers answer, for tests on the bench.

Follows joint_trajectory_controller and forward_command_controller 4.42 of ros2_controllers (Jazzy), read from
their source; docs/ros_graph.md says where both were compared.
"""

from rafr.simulation.endpoint.arm_endpoint import ArmEndpoint, EndpointConfig, EndpointFault
from rafr.simulation.endpoint.controller import ErrorCode, GoalOutcome, TrajectoryController
from rafr.simulation.endpoint.request import Goal, Tolerances, TrajectoryRequest, Waypoint, refusal

__all__ = [
    "ArmEndpoint",
    "EndpointConfig",
    "EndpointFault",
    "ErrorCode",
    "Goal",
    "GoalOutcome",
    "Tolerances",
    "TrajectoryController",
    "TrajectoryRequest",
    "Waypoint",
    "refusal",
]
