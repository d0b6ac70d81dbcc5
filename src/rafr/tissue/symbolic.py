"""The tissue of one body as CasADi expressions, for the optimisers: the same cables, the same laws."""

from __future__ import annotations

from typing import Any

import numpy as np

from rafr.tissue.cables import TissueModel


def tissue_wrench(model: TissueModel, rotation: Any, translation: Any) -> Any:
    """(6,) wrench on the body at rest at a pose, as `TissueModel.wrench`.

    Args:
        rotation: (3, 3) and translation: (3,) of `T_current_displaced`, m; CasADi SX, MX or DM.
    """
    import casadi as ca

    arm, line, length = _lines(model, rotation, translation)
    g = model.layout
    elongation = ca.mtimes(ca.DM(g.total), length) - g.rest
    tension = ca.mtimes(ca.DM(g.total.T), model.laws.expression(elongation))
    pull = line * ca.repmat(tension / length, 1, 3)
    force = -ca.mtimes(ca.DM(g.across.T), pull) * ca.repmat(ca.DM(g.rides), 1, 3)
    torque = ca.horzcat(
        arm[:, 1] * force[:, 2] - arm[:, 2] * force[:, 1],
        arm[:, 2] * force[:, 0] - arm[:, 0] * force[:, 2],
        arm[:, 0] * force[:, 1] - arm[:, 1] * force[:, 0],
    )
    return ca.vertcat(ca.sum1(force).T, ca.sum1(torque).T)


def tissue_energy(model: TissueModel, rotation: Any, translation: Any) -> Any:
    """Stored energy, J, at a pose: its gradient is what an optimiser of the path needs."""
    import casadi as ca

    _, _, length = _lines(model, rotation, translation)
    g = model.layout
    return ca.sum1(model.laws.energy_expression(ca.mtimes(ca.DM(g.total), length) - g.rest))


def wrench_function(model: TissueModel) -> Any:
    """CasADi Function (motion (6,)) -> (wrench (6,), stiffness (6, 6)) about the CT's pose.

    `motion`: translation of the centroid (m) and rotation vector; the stiffness is the negative Jacobian.
    """
    import casadi as ca

    motion = ca.SX.sym("motion", 6)
    rotation = rotation_of(motion[3:])
    centroid = ca.DM(model.centroid)
    translation = centroid + motion[:3] - ca.mtimes(rotation, centroid)
    wrench = tissue_wrench(model, rotation, translation)
    return ca.Function("tissue", [motion], [wrench, -ca.jacobian(wrench, motion)])


def rotation_of(vector: Any) -> Any:
    """(3, 3) of a rotation vector (3,), smooth through zero (Rodrigues' formula)."""
    import casadi as ca

    square = ca.dot(vector, vector) + 1e-16
    angle = ca.sqrt(square)
    K = ca.skew(vector)
    return ca.DM.eye(3) + ca.sin(angle) / angle * K + (1 - ca.cos(angle)) / square * ca.mtimes(K, K)


def _lines(model: TissueModel, rotation: Any, translation: Any) -> tuple[Any, Any, Any]:
    """Lever arms (p, 3), vectors along the pieces (s, 3), their lengths (s,)."""
    import casadi as ca

    g = model.layout
    arm = ca.mtimes(ca.DM(g.local), rotation.T)
    centre = ca.mtimes(rotation, ca.DM(model.centroid)) + translation
    points = ca.DM(g.offset) + arm + ca.mtimes(ca.DM(g.rides), centre.T)
    line = ca.mtimes(ca.DM(g.across), points)
    return arm, line, ca.sqrt(ca.sum2(line**2) + np.square(1e-7))
