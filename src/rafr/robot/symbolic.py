"""Kinematics and dynamics in CasADi, written from the URDF's chain (the `pin` wheels carry no CasADi)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry import skew
from rafr.robot.urdf import Inertia, Joint

GRAVITY = (0.0, 0.0, -9.81)  # m/s^2, in axes of an upright arm_base


def forward_function(chain: tuple[Joint, ...]) -> Any:
    """`casadi.Function` q (dof,) -> R (3, 3), p (3,): pose of the chain's last link in its first (m)."""
    import casadi as ca

    q = ca.SX.sym("q", sum(j.moves for j in chain))
    R, p = link_frames(chain, q)[chain[-1].child]
    return ca.Function("forward", [q], [R, p], ["q"], ["R", "p"])


def link_frames(chain: tuple[Joint, ...], q: Any) -> dict[str, tuple[Any, Any]]:
    """R (3, 3) and p (3,) in m of every link in the chain's first, at joint angles q (dof,): expressions."""
    import casadi as ca

    R, p = ca.SX.eye(3), ca.SX.zeros(3)
    frames = {}
    for joint, R_parent_child in zip(chain, _rotations(chain, q), strict=True):
        p = p + R @ joint.T_parent_joint.translation
        R = R @ R_parent_child
        frames[joint.child] = (R, p)
    return frames


def jacobian_function(chain: tuple[Joint, ...]) -> Any:
    """`casadi.Function` q -> J (6, dof): (linear, angular) velocity of the last link in the first's axes."""
    import casadi as ca

    forward = forward_function(chain)
    q = ca.SX.sym("q", sum(j.moves for j in chain))
    R, p = forward(q)
    angular = []
    for i in range(q.numel()):
        # R' R^T is the skew matrix of the angular velocity
        omega = ca.reshape(ca.jacobian(ca.vec(R), q[i]), 3, 3) @ R.T
        angular.append(ca.vertcat(omega[2, 1], omega[0, 2], omega[1, 0]))
    return ca.Function("jacobian", [q], [ca.vertcat(ca.jacobian(p, q), ca.horzcat(*angular))], ["q"], ["J"])


def torque_function(chain: tuple[Joint, ...], gravity: ArrayLike = GRAVITY) -> Any:
    """`casadi.Function` q, qd, qdd (dof,), wrench (6,) -> torque (dof,) N m that the motors have to give.

    Inverse dynamics M qdd + C qd + g - J^T wrench by recursive Newton-Euler (Luh, Walker and Paul, "On-line
    computational scheme for mechanical manipulators", 1980; Featherstone, "Rigid body dynamics algorithms",
    2008, chapter 5). The wrench (force, torque) is what the surroundings do to the chain's last link, at
    its origin, in axes of the chain's first link. Every link of the chain counts, those on fixed
    joints too; one that hangs beside the chain does not.

    Args:
        gravity: (3,) m/s^2 in axes of the chain's first link, which rests.
    """
    import casadi as ca

    dof = sum(j.moves for j in chain)
    q, qd, qdd = (ca.SX.sym(name, dof) for name in ("q", "qd", "qdd"))
    wrench = ca.SX.sym("wrench", 6)
    rotations = _rotations(chain, q)
    loads = _link_loads(chain, rotations, qd, qdd, -np.asarray(gravity, dtype=float))
    R = ca.SX.eye(3)
    for rotation in rotations:
        R = R @ rotation
    torque = _joint_torques(chain, rotations, loads, -R.T @ wrench[:3], -R.T @ wrench[3:])
    return ca.Function("torque", [q, qd, qdd, wrench], [torque], ["q", "qd", "qdd", "wrench"], ["torque"])


def gravity_function(chain: tuple[Joint, ...], gravity: ArrayLike = GRAVITY) -> Any:
    """`casadi.Function` q -> torque (dof,) N m that holds the arm still with its clamp empty."""
    import casadi as ca

    q = ca.SX.sym("q", sum(j.moves for j in chain))
    torque = torque_function(chain, gravity)(q, 0, 0, 0)
    return ca.Function("gravity", [q], [torque], ["q"], ["torque"])


def _rotations(chain: tuple[Joint, ...], q: Any) -> list[Any]:
    """R_parent_child of every joint."""
    index, rotations = 0, []
    for joint in chain:
        R = _constant(joint.T_parent_joint.rotation)
        if joint.moves:
            R = R @ _rotation(joint, q[index])
            index += 1
        rotations.append(R)
    return rotations


def _link_loads(
    chain: tuple[Joint, ...], rotations: Sequence[Any], qd: Any, qdd: Any, acceleration: Any
) -> list[tuple[Any, Any]]:
    """Force and torque about its origin that move every child link as it moves, in its axes: base to tip.

    Gravity enters as an upward acceleration (3,) of the base.
    """
    import casadi as ca

    omega, alpha, a = ca.SX(3, 1), ca.SX(3, 1), ca.SX(acceleration)
    index, loads = 0, []
    for joint, R in zip(chain, rotations, strict=True):
        a = R.T @ (a + _at(joint.T_parent_joint.translation, omega, alpha))
        omega, alpha = R.T @ omega, R.T @ alpha
        if joint.moves:
            spin = _constant(joint.axis) * qd[index]
            alpha = alpha + _constant(joint.axis) * qdd[index] + ca.cross(omega, spin)
            omega = omega + spin
            index += 1
        loads.append(_newton_euler(joint.inertia, omega, alpha, a))
    return loads


def _newton_euler(inertia: Inertia, omega: Any, alpha: Any, a: Any) -> tuple[Any, Any]:
    """Force and torque about the origin that give a link its motion, of which `a` is the origin's."""
    import casadi as ca

    tensor = _constant(inertia.tensor)
    force = inertia.mass * (a + _at(inertia.centre, omega, alpha))
    torque = tensor @ alpha + ca.cross(omega, tensor @ omega)
    return force, torque + ca.cross(_constant(inertia.centre), force)


def _at(place: Any, omega: Any, alpha: Any) -> Any:
    """Acceleration of a place (3,) of a turning body, less that of its origin."""
    import casadi as ca

    arm = _constant(place)
    return ca.cross(alpha, arm) + ca.cross(omega, ca.cross(omega, arm))


def _joint_torques(
    chain: tuple[Joint, ...], rotations: Sequence[Any], loads: Sequence[tuple[Any, Any]], f: Any, n: Any
) -> Any:
    """(dof,) of the moving joints, tip to base; f, n: force and torque that the last link hands on."""
    import casadi as ca

    torques = []
    for joint, R, (force, torque) in reversed(list(zip(chain, rotations, loads, strict=True))):
        f, n = f + force, n + torque
        if joint.moves:
            torques.append(ca.dot(_constant(joint.axis), n))
        f = R @ f
        n = R @ n + ca.cross(_constant(joint.T_parent_joint.translation), f)
    return ca.vertcat(*reversed(torques))


def _rotation(joint: Joint, angle: Any) -> Any:
    """Rodrigues' formula about the joint's axis."""
    import casadi as ca

    k = skew(joint.axis)
    return ca.SX.eye(3) + ca.sin(angle) * _constant(k) + (1 - ca.cos(angle)) * _constant(k @ k)


def _constant(matrix: Any) -> Any:
    import casadi as ca

    # structural zeros keep the expressions small
    return ca.SX(ca.sparsify(ca.DM(np.where(np.abs(matrix) < 1e-15, 0.0, matrix))))
