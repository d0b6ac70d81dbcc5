"""Pose and speed of the clamp on a moving base, as CasADi expressions."""

from __future__ import annotations

from typing import Any

from rafr.robot.arm import ArmModel
from rafr.robot.symbolic import link_frames


def clamp_in_base(arm: ArmModel, q: Any) -> tuple[Any, Any]:
    """R (3, 3) and p (3,) of the clamp in `base`, m."""
    R, p = link_frames(arm.chain, q)[arm.chain[-1].child]
    mount = arm.T_base_armbase
    return mount.rotation @ R, mount.rotation @ p + mount.translation


def clamp_in_world(arm: ArmModel, pose: Any, q: Any) -> tuple[Any, Any]:
    """R and p of the clamp in `world`, the base at (x, y, theta)."""
    import casadi as ca

    R, p = clamp_in_base(arm, q)
    c, s = ca.cos(pose[2]), ca.sin(pose[2])
    turn = ca.vertcat(ca.horzcat(c, -s, 0), ca.horzcat(s, c, 0), ca.horzcat(0, 0, 1))
    return turn @ R, turn @ p + ca.vertcat(pose[0], pose[1], 0)


def clamp_twist(arm: ArmModel, q: Any, qd: Any) -> tuple[Any, Any]:
    """Linear and angular velocity (3,) of the clamp as the base sees it, axes of `base`."""
    import casadi as ca

    frames = link_frames(arm.chain, q)
    tip = frames[arm.chain[-1].child][1]
    linear, angular, index = ca.SX.zeros(3), ca.SX.zeros(3), 0
    for joint in arm.chain:
        if joint.moves:
            R, p = frames[joint.child]
            axis = R @ joint.axis
            linear += ca.cross(axis, tip - p) * qd[index]
            angular += axis * qd[index]
            index += 1
    mount = arm.T_base_armbase.rotation
    return mount @ linear, mount @ angular


def velocity_in_room(linear: Any, p: Any, base: Any) -> Any:
    """(3,) of a point p of the moving arm in the room, axes of `base`.

    Args:
        linear: its velocity as the base sees it; base: v, lateral and yaw rate.
    """
    import casadi as ca

    return linear + ca.vertcat(base[0] - base[2] * p[1], base[1] + base[2] * p[0], 0)


def rotation_error(R: Any, goal: Any) -> Any:
    """(3,) sine of the angle about each axis from `goal` to R; also zero half a turn away."""
    import casadi as ca

    E = goal.T @ R
    return ca.vertcat(E[2, 1] - E[1, 2], E[0, 2] - E[2, 0], E[1, 0] - E[0, 1]) / 2


def planar(model_inputs: tuple[str, ...], u: Any) -> Any:
    """(3,) v, lateral and yaw rate (or their rates) of a drive's inputs."""
    import casadi as ca

    by_name = {name: u[k] for k, name in enumerate(model_inputs)}
    return ca.vertcat(*(by_name.get(name, 0) for name in ("v", "lateral", "omega")))
