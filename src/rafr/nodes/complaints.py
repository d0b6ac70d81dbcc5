"""What is wrong with a message as it arrives, whoever takes it: said in diagnostics by every node.

Whether a message without sound numbers is left out or counts as "not seen" is for each callback; one in a
wrong frame is never handed on.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped, WrenchStamped
from nav_msgs.msg import Odometry
from rafr_msgs.msg import ArmState, Heartbeat, Registration, Risk, SafetyState, ToolPoses
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from rafr.nodes.convert import number_of, transform_from_pose
from rafr.review.messages import ARM_STATES, SAFETY_STATES, state_name

# the frame of what is on a topic; a message that names none is taken to be in it
_FRAMES = {
    "wrench": "clamp",
    "tracker/raw": "tracker",
    "tracker/tools": "tracker",
    "registration": "pelvis",
    "plan": "pelvis",
    "path_adjustment": "pelvis",
}


def wrong_frame(topic: str, message: Any) -> str:
    """Why a message's frame is not that of its topic, or ""."""
    expected = _FRAMES.get(topic)
    if expected is None or message.header.frame_id in ("", expected):
        return ""
    return f"in frame {message.header.frame_id[:40]!r} instead of {expected!r}"


def complaint(message: Any) -> str:
    """What is wrong with a message, or ""."""
    judge = _JUDGES.get(type(message))
    return "" if judge is None else judge(message)


def _finite(*values: float) -> str:
    return "" if all(map(math.isfinite, values)) else "not finite"


def _wrench(message: Any) -> str:
    f, t = message.wrench.force, message.wrench.torque
    return _finite(f.x, f.y, f.z, t.x, t.y, t.z)


def _twist(message: Any) -> str:
    linear, angular = message.twist.linear, message.twist.angular
    return _finite(linear.x, linear.y, linear.z, angular.x, angular.y, angular.z)


def _joints(message: Any) -> str:
    if len(message.name) != len(message.position):
        return f"{len(message.name)} names, {len(message.position)} positions"
    return _twice(message.name) or _finite(*message.position)


def _odometry(message: Any) -> str:
    return "its pose is none" if transform_from_pose(message.pose.pose) is None else ""


def _tools(message: Any) -> str:
    bad = [t.name for t in message.tools if t.valid and transform_from_pose(t.pose) is None]
    if bad:
        return f"seen without a pose: {', '.join(name[:40] for name in bad[:5])}"
    return _twice([t.name for t in message.tools])


def _trajectory(message: Any) -> str:
    return _finite(*(v for point in message.points for v in point.positions))


def _safety(message: Any) -> str:
    known = state_name(message, SAFETY_STATES)
    return _finite(message.slowing) if known else f"there is no state {message.state}"


def _arm(message: Any) -> str:
    return "" if state_name(message, ARM_STATES) else f"there is no state {message.state}"


def _registration(message: Any) -> str:
    bad = [b.name for b in message.bodies if transform_from_pose(b.marker_from_ct) is None]
    if not message.accepted or (message.bodies and not bad):
        return ""
    return f"without a pose: {', '.join(name[:40] for name in bad[:5])}" if bad else "accepted without a body"


def _risk(message: Any) -> str:
    unknown = math.isnan(message.probability)
    return "" if unknown or 0.0 <= message.probability <= 1.0 else f"probability {message.probability:g}"


def _device(message: Any) -> str:
    return "no number `tension`" if math.isnan(number_of(message, "tension")) else ""


def _twice(names: Iterable[str]) -> str:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    return f"twice in it: {', '.join(name[:40] for name in repeated[:5])}" if repeated else ""


_JUDGES: dict[type, Callable[[Any], str]] = {
    ArmState: _arm,
    DiagnosticStatus: _device,
    Float64MultiArray: lambda message: _finite(*message.data),
    Heartbeat: lambda message: "" if message.node else "of no node",
    JointState: _joints,
    JointTrajectory: _trajectory,
    Odometry: _odometry,
    Registration: _registration,
    Risk: _risk,
    SafetyState: _safety,
    ToolPoses: _tools,
    TwistStamped: _twist,
    WrenchStamped: _wrench,
}
