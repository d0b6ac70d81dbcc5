"""Messages to core types and back; quaternions (xyzw) and mm to m change here and nowhere else.

What a replay without ROS needs, too, is in `rafr.review.messages` and handed on from here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3, Wrench
from rafr_msgs.msg import BaseTrajectory as BaseTrajectoryMsg
from rafr_msgs.msg import BodyPlan, PathAdjustment, PathPose, Plan
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from rafr.control.adjustment import Adjustment
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import ReductionPlan
from rafr.review.messages import number_of as number_of
from rafr.review.messages import plan_from_message as plan_from_message
from rafr.review.messages import transform_from_pose as transform_from_pose
from rafr.simulation.endpoint import TrajectoryRequest, Waypoint
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory
from rafr.units import METRES_PER_MM, to_metres


def seconds(time: Time | Duration) -> float:
    """Seconds of a ROS time or duration."""
    return float(time.sec) + 1e-9 * float(time.nanosec)


def time_message(t: float) -> Time:
    """ROS time of seconds (rounded to ns)."""
    nanoseconds = round(t * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def duration_message(t: float) -> Duration:
    nanoseconds = round(t * 1e9)
    return Duration(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def pose_message(transform: RigidTransform) -> Pose:
    """Pose of a transform whose translation is in m (`to_metres` first for image-space transforms)."""
    x, y, z = (float(v) for v in transform.translation)
    qx, qy, qz, qw = (float(v) for v in transform.quaternion_xyzw)
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))


def invalid_pose_message() -> Pose:
    """All NaN: what an unseen tool carries."""
    nan = float("nan")
    return Pose(position=Point(x=nan, y=nan, z=nan), orientation=Quaternion(x=nan, y=nan, z=nan, w=nan))


def wrench_array(wrench: Wrench) -> FloatArray:
    """(6,) force N, torque N m."""
    f, t = wrench.force, wrench.torque
    return np.array([f.x, f.y, f.z, t.x, t.y, t.z])


def plan_message(plan: ReductionPlan, stamp: Time) -> Plan:
    message = Plan(
        case_id=plan.case_id,
        hash=plan.hash,
        method=plan.method,
        bodies=[_body_plan_message(b) for b in plan.bodies],
        order=list(plan.order),
        accepted=plan.assessment.accepted,
        reasons=list(plan.assessment.reasons),
        json=json.dumps(plan.to_json()),
    )
    message.header.stamp = stamp
    message.header.frame_id = "pelvis"
    return message


def _body_plan_message(body: Any) -> BodyPlan:
    return BodyPlan(
        name=body.name,
        reduced_from_displaced=pose_message(to_metres(body.T_reduced_displaced)),
        expected_error=body.expected_error_mm * METRES_PER_MM,
        path=[
            PathPose(
                pose=pose_message(to_metres(p.T_path_displaced)),
                clearance=p.clearance_mm * METRES_PER_MM,
                force=p.force_n,
                torque=p.torque_nm,
            )
            for p in body.path
        ],
    )


def adjustment_from_message(message: PathAdjustment) -> Adjustment:
    """As the message says it; whether it may be taken is for the controller to judge."""
    rows = zip(message.shifts, message.turns, strict=False)
    offsets = np.array([[a.x, a.y, a.z, b.x, b.y, b.z] for a, b in rows], dtype=float).reshape(-1, 6)
    return Adjustment(np.array(message.shares, dtype=float), offsets, message.reason)


def adjustment_message(plan_hash: str, body: str, adjustment: Adjustment, stamp: Any) -> PathAdjustment:
    """The converse."""
    shifts, turns = (
        [Vector3(x=x, y=y, z=z) for x, y, z in part.tolist()] for part in np.hsplit(adjustment.offsets, 2)
    )
    message = PathAdjustment(
        plan_hash=plan_hash,
        body=body,
        shares=adjustment.shares.tolist(),
        shifts=shifts,
        turns=turns,
        reason=adjustment.reason,
    )
    message.header.stamp = stamp
    message.header.frame_id = "pelvis"
    return message


def joint_trajectory_message(trajectory: ArmTrajectory) -> JointTrajectory:
    message = JointTrajectory(joint_names=list(trajectory.joint_names))
    for t, q, qd, qdd in zip(trajectory.t, trajectory.q, trajectory.qd, trajectory.qdd, strict=True):
        message.points.append(
            JointTrajectoryPoint(
                positions=q.tolist(),
                velocities=qd.tolist(),
                accelerations=qdd.tolist(),
                time_from_start=duration_message(float(t)),
            )
        )
    return message


def arm_trajectory_from_message(message: JointTrajectory) -> ArmTrajectory:
    """Core trajectory of a message; jerk is not transported and comes back by differences.

    Raises:
        InputError: no points, ragged rows, non-finite values or times that do not increase.
    """
    points = message.points
    t = np.array([seconds(p.time_from_start) for p in points])
    dof = len(message.joint_names)
    rows = [_rows(points, name, dof) for name in ("positions", "velocities", "accelerations")]
    if len(points) < 2 or np.any(np.diff(t) <= 0):
        raise InputError("joint trajectory", f"{len(points)} points", "two or more with increasing times")
    if any(len(r) != len(points) for r in rows):
        problem = f"values that are not {dof} in each of {len(points)} points"
        raise InputError("joint trajectory", problem, "one value for every joint in every point")
    q, qd, qdd = rows
    return ArmTrajectory(tuple(message.joint_names), t, q, qd, qdd, np.gradient(qdd, t, axis=0))


def trajectory_request(message: JointTrajectory) -> TrajectoryRequest:
    """The request in a message, as it is: nothing in it is judged."""

    def array(values: Any) -> FloatArray:
        return np.array(values, dtype=float)

    points = tuple(
        Waypoint(
            seconds(p.time_from_start),
            array(p.positions),
            array(p.velocities),
            array(p.accelerations),
            array(p.effort),
        )
        for p in message.points
    )
    return TrajectoryRequest(tuple(message.joint_names), points, seconds(message.header.stamp))


def _rows(points: Iterable[Any], name: str, dof: int) -> FloatArray:
    try:
        rows = np.array([getattr(p, name) for p in points], dtype=float).reshape(-1, dof)
    except ValueError:
        raise InputError("joint trajectory", f"ragged {name}", f"{dof} values in every point") from None
    if not np.isfinite(rows).all():
        raise InputError("joint trajectory", f"{name} hold NaN or infinity", "finite values")
    return rows


def base_trajectory_message(trajectory: BaseTrajectory) -> BaseTrajectoryMsg:
    """The message, which has no sideways speed.

    Raises:
        InputError: the trajectory is one of a base that moves sideways.
    """
    if trajectory.lateral is not None:
        raise InputError("base trajectory", "it moves sideways", "one of a differential drive")
    message = BaseTrajectoryMsg(
        **{n: getattr(trajectory, n).tolist() for n in ("t", "x", "y", "theta", "v", "omega")}
    )
    message.header.frame_id = "world"
    return message


def base_trajectory_from_message(message: BaseTrajectoryMsg, wheel: FloatArray) -> BaseTrajectory:
    """Core trajectory; `wheel` (n, 2) rad/s comes from the receiver's own model of the base.

    Raises:
        InputError: arrays of different length, non-finite values or times that do not increase.
    """
    arrays = [np.array(getattr(message, n), dtype=float) for n in ("t", "x", "y", "theta", "v", "omega")]
    if len({len(a) for a in arrays}) != 1 or len(arrays[0]) < 2 or not np.isfinite(arrays).all():
        raise InputError(
            "base trajectory", "unequal or non-finite arrays", "equal, finite arrays of 2 or more"
        )
    if np.any(np.diff(arrays[0]) <= 0):
        raise InputError("base trajectory", "times do not increase", "increasing times")
    t, x, y, theta, v, omega = arrays
    return BaseTrajectory(t, x, y, theta, v, omega, wheel)
