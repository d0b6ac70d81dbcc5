"""Messages of the graph as core types, whoever decoded them: only the names of their fields matter.

The nodes hand over messages of ROS, a replay those of a recording that were decoded without it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rafr.errors import InputError, RafrError
from rafr.foreign import parse_json
from rafr.geometry import RigidTransform
from rafr.planning.plan import ReductionPlan

_FARTHEST = 1e3  # m: what is further away is in no operating room

# names of the constants of rafr_msgs
ARM_STATES = ("IDLE", "MOVING", "CLAMPED", "REDUCING", "HOLDING")
BASE_STATES = ("BRAKED", "DOCKING", "DOCKED", "HOLDING")
SAFETY_STATES = ("OK", "WARNING", "STOPPED")
PROCEDURE_STATES = ("RUNNING", "WAITING", "HELD", "DONE", "ABORTED")


def transform_from_pose(pose: Any) -> RigidTransform | None:
    """Transform (m) of a geometry_msgs/Pose; None when it is not finite, in no room, or no rotation."""
    p, q = pose.position, pose.orientation
    position = np.array([p.x, p.y, p.z])
    quaternion = np.array([q.x, q.y, q.z, q.w])
    # NaN is not within bounds, either
    if not (np.all(np.abs(position) <= _FARTHEST) and np.all(np.abs(quaternion) <= 2.0)):
        return None
    if abs(float(np.linalg.norm(quaternion)) - 1.0) > 0.01:
        return None
    return RigidTransform.from_quaternion_xyzw(quaternion, position)


def number_of(message: Any, key: str) -> float:
    """A value of a diagnostic_msgs/DiagnosticStatus as a number; NaN where there is none."""
    texts = [value.value for value in message.values if value.key == key]
    try:
        return float(texts[0])
    except (IndexError, ValueError):
        return math.nan


def plan_from_message(message: Any) -> ReductionPlan:
    """The plan as the JSON of a rafr_msgs/Plan says it, its hash computed anew.

    Raises:
        InputError: the JSON is unusable or the message's hash is not the plan's own.
    """
    expected = "a plan as rafr plan writes it"
    data = parse_json(message.json, "plan message", expected)
    try:
        plan = ReductionPlan.from_json(data)
    except RafrError as error:
        raise InputError("plan message", f"unusable plan ({error})", expected) from None
    if plan.hash != message.hash:
        raise InputError(
            "plan message", f"hash {message.hash[:12]}…", f"the plan's own hash {plan.hash[:12]}…"
        )
    return plan


def state_name(message: Any, names: tuple[str, ...], field: str = "state") -> str:
    """Which of the message's own constants this field of it is; "" for none of them."""
    return next((name for name in names if getattr(message, name) == getattr(message, field)), "")
