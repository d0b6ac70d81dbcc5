"""The problem's parameters: arm, path, tissue and clearance, linearised; every limit scaled to 1."""

from __future__ import annotations

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel, smallest_singular_value
from rafr.trajectory.horizon.path import rotation_vectors
from rafr.trajectory.horizon.problem import MAX_PLANES, deviation_name
from rafr.trajectory.horizon.request import Request, fragment_poses, jacobians, shifted
from rafr.trajectory.horizon.result import Horizon

_DIFFERENCE = 1e-4  # rad, of the manipulability's gradient
_SPARE = 1e-4  # m, for what linearised motion misses between here and there
_FINE = 1e3  # mm: clearance and singular values are lengths, near 1 in mm


def local_model(arm: ArmModel, request: Request, guess: Horizon) -> dict[str, FloatArray]:
    """Values by name for `problem.build`; the guess's first state is the measured one.

    Matrices whose first column is a constant are affine in what the joints move from the measured state.
    """
    now, config = request.now, request.config
    lever = now.fragment.translation - arm.forward_arrays(now.q)[1]
    J = shifted(arm.jacobian(now.q)[None], lever[None])[0]
    inertia, bias = arm.inertia_and_bias(now.q, now.qd)
    load = np.column_stack([now.wrench, -now.stiffness @ J])
    torque = np.column_stack([bias, arm.gravity_gradient(now.q)]) - J.T @ load
    limits = np.repeat([config.force_limit, config.torque_limit], 3)
    effort = arm.limits.effort[:, None]
    return {
        "start": guess.states[0],
        "load": load / limits[:, None],
        "twist": J / np.repeat([config.return_speed, config.return_turn_rate], 3)[:, None],
        "torque": torque / effort,
        "inertia": inertia / effort,
        "room": _FINE * _room(arm, request, guess),
        "tube": request.tubes(config.step * np.arange(config.knots + 1))[None],
        **_deviations(arm, request, guess),
    }


def _deviations(arm: ArmModel, request: Request, guess: Horizon) -> dict[str, FloatArray]:
    """Per knot (6, dof + 2): position and rotation off the path, in tubes, affine in (1, q, left).

    Rotations in the fragment's axes; the path is its tangent at the guess.
    """
    config, q = request.config, guess.states[1:, : arm.dof]
    left = guess.states[1:, -2]
    s = request.path.length - left
    R, p, lever = fragment_poses(arm, q, request.now)
    R_path, p_path = request.path.at(s)
    velocity, turn = request.path.tangents(s)
    J = shifted(jacobians(arm, q), lever)
    J[:, 3:] = np.swapaxes(R, 1, 2) @ J[:, 3:]
    off = np.hstack([p - p_path, rotation_vectors(np.swapaxes(R_path, 1, 2) @ R)])
    tangent = np.hstack([velocity, turn])
    constant = off - (J @ q[:, :, None])[:, :, 0] - tangent * left[:, None]
    tubes = np.repeat([config.tube_position, config.tube_rotation], 3)[:, None]
    rows = np.concatenate([constant[:, :, None], J, tangent[:, :, None]], axis=2) / tubes
    return {deviation_name(k + 1): row for k, row in enumerate(rows)}


def _room(arm: ArmModel, request: Request, guess: Horizon) -> FloatArray:
    """(1 + MAX_PLANES, dof + 1) m: smallest singular value and distances to bone above their bounds.

    Linearised where the guess ends, for that is where they matter; unused rows are always met.
    """
    q, planes = guess.states[-1, : arm.dof], request.planes
    J = jacobians(arm, np.vstack([q, q + _DIFFERENCE * np.eye(arm.dof)]))
    smallest = smallest_singular_value(J)
    rows = np.zeros((1 + MAX_PLANES, arm.dof + 1))
    rows[:, 0] = 1.0
    rows[0, 0] = smallest[0] - request.config.min_manipulability
    rows[0, 1:] = (smallest[1:] - smallest[0]) / _DIFFERENCE
    if len(planes.points):
        R, p, lever = fragment_poses(arm, q[None], request.now)
        used = slice(1, 1 + len(planes.points))
        kept = np.minimum(request.kept_distances() + _SPARE, planes.distances)
        rows[used, 0] = request.gaps(R, p)[0] - kept
        arms = np.cross(planes.points @ R[0].T, planes.normals)
        rows[used, 1:] = np.hstack([planes.normals, arms]) @ shifted(J[:1], lever)[0]
    rows[:, 0] += rows[:, 1:] @ (request.now.q - q)
    return rows
