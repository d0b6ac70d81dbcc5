"""What `rafr trajectory` writes: the JSON of docs and its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rafr.assessment import Assessment
from rafr.errors import Cause
from rafr.files import written_whole
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.room import Box, Disc
from rafr.trajectory.load import FragmentLoad
from rafr.trajectory.mission import BodyMission, Robot
from rafr.trajectory.motion import joined, toppra_duration
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory
from rafr.trajectory.whole_body.reach import Reach


def trajectory_json(
    robot: Robot, missions: Sequence[BodyMission], assessment: Assessment, seconds: float, cause: Cause
) -> dict[str, Any]:
    """The result as JSON: the first body's docking and arm motion, and every body's stages.

    `base` and `arm` are None when not even the first body's motions could be planned. `together` exists where
    it was asked for; base and arm then move on one clock first, and `arm` goes on from there. An assessment
    that does not accept has its `cause`, one of `Cause`, beside the reasons.
    """
    first = missions[0] if missions else None
    arm = None if first is None else _arm_motion(first)
    return {
        "base": None if first is None else first.docking.trajectory.to_json(),
        "arm": None if arm is None else arm.to_json(),
        "limits": _limits(robot),
        "duration_s": None if arm is None else arm.duration,
        "toppra_duration_s": None if first is None else _toppra(first),
        **({} if first is None or first.reach is None else {"together": _together(first.reach)}),
        "bodies": {m.body: _body(robot.arm, m) for m in missions},
        "assessment": assessment.to_json() | ({} if assessment.accepted else {"cause": cause.value}),
        "seconds": seconds,
    }


def _together(reach: Reach) -> dict[str, Any] | None:
    """None where base and arm move one after the other after all."""
    if reach.together is None:
        return None
    motion = reach.together.to_json()
    return {**motion, "sequential_duration_s": reach.sequential_duration, "brakes": False}


def _arm_motion(mission: BodyMission) -> ArmTrajectory:
    return joined([mission.approach.trajectory, mission.reduction.trajectory])


def _toppra(mission: BodyMission) -> float:
    return toppra_duration((*mission.approach.paths, *mission.reduction.paths))


def _limits(robot: Robot) -> dict[str, Any]:
    wheels = robot.drive.limits
    return {
        "arm": robot.arm.limits.to_json(),
        "base": {"wheel_rate": wheels.wheel_rate, "wheel_acceleration": wheels.wheel_acceleration},
    }


def _body(arm: ArmModel, mission: BodyMission) -> dict[str, Any]:
    motions = {
        "docking": mission.docking.trajectory.to_json(),
        "approach": mission.approach.trajectory.to_json(),
        "reduction": mission.reduction.trajectory.to_json(),
        "retreat": mission.retreat.trajectory.to_json(),
    }
    return {
        "base_pose": dict(zip(("x", "y", "theta"), mission.docking.pose, strict=True)),
        **{name: {**motions[name], "brakes": held} for name, held in mission.brakes.items()},
        **({} if mission.reach is None else {"together": _together(mission.reach)}),
        "load": None if mission.load is None else _load(arm, mission.load, mission.reduction.trajectory),
        "assessment": mission.assessment.to_json(),
    }


def _load(arm: ArmModel, load: FragmentLoad, reduction: ArmTrajectory) -> dict[str, Any]:
    """Predicted magnitudes on the fragment along the reduction's samples, with their limits."""
    force, torque = _magnitudes(arm, load, reduction)
    return {
        "force_n": force.tolist(),
        "torque_nm": torque.tolist(),
        "limits": {"force_n": load.force_limit, "torque_nm": load.torque_limit},
    }


def _magnitudes(arm: ArmModel, load: FragmentLoad, reduction: ArmTrajectory) -> tuple[FloatArray, FloatArray]:
    """(n,) N and (n,) N m about the fragment's centre."""
    wrench = np.array([load.wrench(arm.forward(q)) for q in reduction.q])
    return np.linalg.norm(wrench[:, :3], axis=1), np.linalg.norm(wrench[:, 3:], axis=1)


def save_load_picture(path: Path, robot: Robot, mission: BodyMission) -> None:
    """What the tissue pulls with along the reduction, and what the joints bear, as shares of their limits."""
    from matplotlib.figure import Figure

    load, motion = mission.load, mission.reduction.trajectory
    if load is None:
        return
    force, torque = _magnitudes(robot.arm, load, motion)
    joints = load.torques(robot.arm, motion) / robot.arm.limits.effort
    figure = Figure(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(motion.t, force / load.force_limit, label=f"force (limit {load.force_limit:.0f} N)")
    above.plot(motion.t, torque / load.torque_limit, label=f"torque (limit {load.torque_limit:.0f} N m)")
    above.set_ylim(0.0, 1.1)
    above.set_ylabel("tissue and traction / limit")
    above.set_title(f"{mission.body}: predicted load along the reduction")
    names = [n.removesuffix("_joint") for n in motion.joint_names]
    for name, column in zip(names, joints.T, strict=True):
        below.plot(motion.t, column, lw=1.2, label=name)
    below.set_ylim(-1.1, 1.1)
    below.set_ylabel("joint torque / limit")
    below.set_xlabel("time (s)")
    for axis in (above, below):
        for sign in (-1, 1):
            axis.axhline(sign, color="0.4", ls="--", lw=0.8)
        axis.grid(alpha=0.3)
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110)


def save_joint_picture(path: Path, robot: Robot, mission: BodyMission) -> None:
    """Position, velocity, acceleration and jerk of every joint as share of its limit, over time."""
    from matplotlib.figure import Figure

    arm, limits = _arm_motion(mission), robot.arm.limits
    rows = (
        ("position (deg)", np.degrees(arm.q), None),
        ("velocity / limit", arm.qd, limits.velocity),
        ("acceleration / limit", arm.qdd, limits.acceleration),
        ("jerk / limit", arm.qddd, limits.jerk),
    )
    figure = Figure(figsize=(9, 9), layout="constrained")
    axes = figure.subplots(len(rows), 1, sharex=True)
    for axis, (label, values, bound) in zip(axes, rows, strict=True):
        lines = axis.plot(arm.t, values if bound is None else values / bound, lw=1.2)
        if bound is not None:
            axis.set_ylim(-1.1, 1.1)
            for sign in (-1, 1):
                axis.axhline(sign, color="0.4", ls="--", lw=0.8)
        axis.axvspan(mission.approach.trajectory.duration, arm.t[-1], color="tab:green", alpha=0.08)
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
    names = [n.removesuffix("_joint") for n in arm.joint_names]
    figure.legend(lines, names, loc="outside right upper")
    axes[0].set_title(f"{mission.body}: approach, then reduction (shaded)")
    axes[-1].set_xlabel("time (s)")
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110)


def save_docking_picture(path: Path, robot: Robot, mission: BodyMission) -> None:
    """The room from above with the way of the base."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7), layout="constrained")
    axis = figure.subplots()
    draw_way(axis, robot, mission.docking.trajectory)
    T = mission.docking.T_world_base @ robot.arm.T_base_armbase
    clamp = np.array([T.apply(robot.arm.forward(q).translation) for q in mission.reduction.trajectory.q])
    axis.plot(clamp[:, 0], clamp[:, 1], color="tab:red", lw=3, label="clamp during the reduction")
    axis.plot(*T.translation[:2], "o", color="tab:orange", label="arm")
    axis.legend(loc="upper right")
    axis.set_title(f"{mission.body}: docking, seen from above")
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110)


def draw_way(axis: Any, robot: Robot, way: BaseTrajectory) -> None:
    """The room from above, and the base along its way."""
    from matplotlib.patches import Circle

    for obstacle in robot.room.obstacles:
        if isinstance(obstacle, Disc):
            axis.add_patch(Circle((obstacle.x, obstacle.y), obstacle.radius, color="0.75"))
        else:
            axis.add_patch(_rectangle(obstacle, color="0.75"))
        axis.annotate(obstacle.name.replace("_", " "), (obstacle.x, obstacle.y), ha="center", va="center")
    body = robot.drive.body
    steps = np.unique(np.linspace(0, len(way.t) - 1, 9).round().astype(int))
    for k in steps:
        axis.add_patch(_base(way.x[k], way.y[k], way.theta[k], body.length, body.width, last=k == steps[-1]))
    axis.plot(way.x, way.y, color="tab:blue", lw=1.5, label=f"base, {way.t[-1]:.1f} s")
    axis.set_aspect("equal")
    axis.autoscale_view()
    axis.set_xlabel("x of world: towards the head (m)")
    axis.set_ylabel("y of world: patient's right (m)")


def _rectangle(box: Box, **style: Any) -> Any:
    from matplotlib.patches import Rectangle

    corner = (box.x - box.length / 2, box.y - box.width / 2)
    return Rectangle(corner, box.length, box.width, angle=box.angle_deg, rotation_point="center", **style)


def _base(x: float, y: float, theta: float, length: float, width: float, *, last: bool) -> Any:
    from matplotlib.patches import Rectangle

    corner = (x - length / 2, y - width / 2)
    style = {"ec": "tab:blue", "fc": "tab:blue" if last else "none", "alpha": 0.5 if last else 0.35}
    return Rectangle(corner, length, width, angle=np.degrees(theta), rotation_point="center", **style)
