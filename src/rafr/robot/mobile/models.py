"""The textbook models: rolling disc, unicycle, omnidirectional base, and both on their wheels.

Siciliano et al. 2009, section 11.2 (disc, unicycle, differential drive); Lynch and Park 2017, section 13.2
(omnidirectional bases and their wheels). theta is the heading, phi a wheel's angle, phi_dot > 0 forward.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.mobile.model import MobileModel, columns
from rafr.robot.mobile.wheels import differential_wheels, mecanum_wheels, wheel_matrix

POSE = ("x", "y", "theta")
BODY_VELOCITY = ("v", "lateral", "omega")


def rolling_disc(radius: float) -> MobileModel:
    """An upright wheel on the plane: it neither slips sideways nor along its way."""

    def A(xi: Any) -> Any:
        c, s = _heading(xi)
        return columns([s, -c, 0, 0], [c, s, 0, -radius])

    def G(xi: Any) -> Any:
        c, s = _heading(xi)
        return columns([radius * c, radius * s, 0, 1], [0, 0, 1, 0])

    return MobileModel("rolling disc", (*POSE, "phi"), ("phi_dot", "omega"), A, G)


def unicycle() -> MobileModel:
    """The disc without its angle: forward speed v and yaw rate omega, no sideways slip."""

    def A(xi: Any) -> Any:
        c, s = _heading(xi)
        return columns([s, -c, 0])

    def G(xi: Any) -> Any:
        c, s = _heading(xi)
        return columns([c, s, 0], [0, 0, 1])

    return MobileModel("unicycle", POSE, ("v", "omega"), A, G)


def omnidirectional() -> MobileModel:
    """Moves every way: its pose is under no constraint, G turns the body's velocity into the room."""

    def A(xi: Any) -> Any:
        return type(xi).zeros(3, 0)

    def G(xi: Any) -> Any:
        c, s = _heading(xi)
        return columns([c, s, 0], [-s, c, 0], [0, 0, 1])

    return MobileModel("omnidirectional", POSE, BODY_VELOCITY, A, G)


def differential_drive(radius: float, track: float) -> MobileModel:
    """A unicycle on a left and a right wheel, their angles as coordinates (m)."""
    wheels = wheel_matrix(differential_wheels(track), radius)
    return on_wheels("differential drive", unicycle(), wheels)


def mecanum(radius: float, wheelbase: float, track: float) -> MobileModel:
    """An omnidirectional base on four mecanum wheels, their angles as coordinates (m)."""
    wheels = wheel_matrix(mecanum_wheels(wheelbase, track), radius)
    return on_wheels("mecanum", omnidirectional(), wheels)


def on_wheels(name: str, base: MobileModel, wheels: FloatArray) -> MobileModel:
    """A base whose wheels roll as it moves: each wheel adds its angle and one rolling constraint.

    Args:
        base: coordinates POSE; the columns of its G are orthonormal, so that u = G^T xi_dot.
        wheels: (w, 3) of (v, lateral, omega), as `wheel_matrix` gives it.
    """
    import casadi as ca

    W = of_inputs(wheels, base)
    w, n = len(W), len(base.coordinates)

    def A(xi: Any) -> Any:
        """Below the base's own constraints: W u - phi_dot = 0."""
        pose = xi[:n]
        rolling = ca.vertcat(base.motion_matrix(pose) @ W.T, -np.eye(w))
        own = base.constraint_matrix(pose)
        return ca.horzcat(ca.vertcat(own, type(xi).zeros(w, own.shape[1])), rolling)

    def G(xi: Any) -> Any:
        return ca.vertcat(base.motion_matrix(xi[:n]), W)

    angles = tuple(f"phi_{k + 1}" for k in range(w))
    return MobileModel(name, (*base.coordinates, *angles), base.inputs, A, G)


def of_inputs(wheels: FloatArray, model: MobileModel) -> FloatArray:
    """(w, m) the columns of a wheel matrix (w, 3) that belong to the model's inputs."""
    return wheels[:, [BODY_VELOCITY.index(name) for name in model.inputs]]


def _heading(xi: Any) -> tuple[Any, Any]:
    import casadi as ca

    return ca.cos(xi[2]), ca.sin(xi[2])
