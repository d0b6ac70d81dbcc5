"""Forward kinematics in CasADi, written from the URDF's chain (the `pin` wheels carry no CasADi)."""

from __future__ import annotations

from typing import Any

import numpy as np

from rafr.geometry import skew
from rafr.robot.urdf import Joint


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
    index = 0
    for joint in chain:
        p = p + R @ joint.T_parent_joint.translation
        R = R @ _constant(joint.T_parent_joint.rotation)
        if joint.moves:
            R = R @ _rotation(joint, q[index])
            index += 1
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


def _rotation(joint: Joint, angle: Any) -> Any:
    """Rodrigues' formula about the joint's axis."""
    import casadi as ca

    k = skew(joint.axis)
    return ca.SX.eye(3) + ca.sin(angle) * _constant(k) + (1 - ca.cos(angle)) * _constant(k @ k)


def _constant(matrix: Any) -> Any:
    import casadi as ca

    # structural zeros keep the expressions small
    return ca.SX(ca.sparsify(ca.DM(np.where(np.abs(matrix) < 1e-15, 0.0, matrix))))
