"""Where the zero-moment point lies and where it must: inside the polygon of wheels and casters.

The zero-moment point is where gravity and the inertia of everything that moves act on the floor without
tilting (Vukobratovic and Borovac 2004): with every link a point mass m_i at its centre of mass p_i,

    x = sum m_i ((g + z_i'') x_i - z_i x_i'') / sum m_i (g + z_i'')

and the same for y. The links' own moments of inertia are left out here (under 1 N m on 330 kg); the
verification has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.links import LinkPoses
from rafr.robot.mobile import DifferentialDrive, Drive
from rafr.robot.symbolic import link_frames
from rafr.robot.urdf import link_inertia

GRAVITY = 9.81  # m/s^2


def support_polygon(drive: Drive) -> tuple[FloatArray, FloatArray]:
    """Outward normals (n, 2) and distances (n,) of the edges of the polygon of all contacts, in `base`, m."""
    points = [(w.x, w.y) for w in drive.wheels]
    if isinstance(drive, DifferentialDrive):
        points += [(drive.caster.x, 0.0), (-drive.caster.x, 0.0)]
    edges = ConvexHull(np.array(points)).equations
    normals, offsets = edges[:, :2], -edges[:, 2]
    return normals.astype(float), offsets.astype(float)


def weight(arm: ArmModel) -> float:
    """Of the whole robot, N."""
    rigid, moving = _masses(arm)
    return GRAVITY * sum([mass for mass, _ in rigid] + [mass for _, mass, _ in moving])


def moments(arm: ArmModel, velocity: Any, acceleration: Any, q: Any, qd: Any, qdd: Any) -> tuple[Any, Any]:
    """(2,) moments sum m ((g + z'') x - z x'') in `base` and the vertical force, N m and N; expressions.

    Args:
        velocity: (3,) v, lateral and yaw rate of the base; acceleration: (3,) their rates.
        q, qd, qdd: (dof,) of the arm.
    """
    import casadi as ca

    rigid, moving = _masses(arm)
    frames = link_frames(arm.chain, q)
    R0, p0 = arm.T_base_armbase.rotation, arm.T_base_armbase.translation
    points = [(mass, ca.SX(centre)) for mass, centre in rigid]
    for link, mass, centre in moving:
        R, p = frames[link]
        points.append((mass, R0 @ (R @ centre + p) + p0))
    moment, force = ca.SX.zeros(2), ca.SX(0)
    for mass, p in points:
        rate = ca.jtimes(p, q, qd)
        bend = ca.jtimes(rate, q, qd) + ca.jtimes(p, q, qdd)
        a = _acceleration(velocity, acceleration, p, rate, bend)
        moment += mass * ((GRAVITY + a[2]) * p[:2] - p[2] * a[:2])
        force += mass * (GRAVITY + a[2])
    return moment, force


def _acceleration(velocity: Any, acceleration: Any, p: Any, rate: Any, bend: Any) -> Any:
    """(3,) of a point in the room, in axes of `base`; p, rate and bend as the base sees it."""
    import casadi as ca

    v, w, omega = velocity[0], velocity[1], velocity[2]
    spin = acceleration[2]
    x = acceleration[0] - omega * w + bend[0] - 2 * omega * rate[1] - spin * p[1] - omega**2 * p[0]
    y = acceleration[1] + omega * v + bend[1] + 2 * omega * rate[0] + spin * p[0] - omega**2 * p[1]
    return ca.vertcat(x, y, bend[2])


def _masses(
    arm: ArmModel,
) -> tuple[list[tuple[float, FloatArray]], list[tuple[str, float, FloatArray]]]:
    """Mass and centre of mass of the links fixed to the base (in `base`), and of the arm's (in their own)."""
    poses = LinkPoses(arm.urdf)
    at_zero = poses.at({})
    moves = _moving_links(arm)
    rigid, moving = [], []
    for link in (poses.root, *poses.names):
        try:
            inertia = link_inertia(arm.urdf, link)
        except InputError:  # a frame without a body
            continue
        if link in moves:
            moving.append((link, inertia.mass, inertia.centre))
        else:
            centre = inertia.centre
            rigid.append((inertia.mass, at_zero[link].apply(centre) if link in at_zero else centre))
    return rigid, moving


def _moving_links(arm: ArmModel) -> Sequence[str]:
    first = next(k for k, joint in enumerate(arm.chain) if joint.moves)
    return [joint.child for joint in arm.chain[first:]]
