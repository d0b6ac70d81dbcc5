"""Joint placement: the base's pose and the arm's along the way as one nonlinear programme.

The variables are the base pose, the joint angles at every pose of the way, and three bounds that hold along
all of it: manipulability s, force in reserve f and room to the joints' limits m. Maximised is the merit by
which base poses are ranked, at these bounds: ln s + w_f ln f + w_m m. In place of the smallest singular value
of the Jacobian stands (trace (J J^T)^-8)^(-1/16), which is smooth, never larger, and at most 11 % smaller
(6^(-1/16)). Collisions are not in the programme, nor is the line of sight: what it finds is examined like
every other base pose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry.rigid_transform import FloatArray
from rafr.nlp import Problem
from rafr.robot.arm import TWIST_WEIGHT, ArmModel
from rafr.robot.strength import joint_margin
from rafr.robot.symbolic import forward_function, jacobian_function, torque_function
from rafr.trajectory.docking import squared_distance
from rafr.trajectory.placement.request import FloorPose, Request

_TURN = 2.5  # rad that the base may turn for each m that it may move
_SMALL = 1e-12  # m^2: keeps the root of a squared lever smooth where the lever is 0
_SPARE = 1e-3  # m more than the clearance: the solver meets it to its tolerance only
_BOUNDS = {"manipulability": (1e-3, 1.0, 0.1), "reserve": (1.0, 1e4, 50.0)}  # lower, upper, guess
_OPTIONS = {"ipopt.tol": 1e-4, "ipopt.max_iter": 60}


class JointPlacement:
    """The programme of one request: compiled once, solved from several base poses."""

    def __init__(self, request: Request) -> None:
        self._request = request
        # the first pose is the grip, which comes again as the path's first
        self._poses, self._load = request.way.poses[1:], request.way.load[1:]
        self._program = self._problem().compile("ipopt", _OPTIONS)

    def improved(self, base: FloorPose, q: FloatArray, step: float) -> FloorPose | None:
        """A better base pose at most `step` (m) away; None where the solver finds none.

        Args:
            q: (m, dof) rad, the arm along the way from `base`.
        """
        margin = float(np.clip(joint_margin(self._request.arm, q).min(), 0.0, None))
        guess: dict[str, ArrayLike] = {"base": np.array(base), "joints": q[1:].T, "margin": margin}
        solution = self._program.solve({"start": np.array(base), "step": step}, guess)
        if not solution.converged or solution.violated:
            return None
        x, y, theta = solution.values["base"].ravel()
        return float(x), float(y), float(theta)

    def _problem(self) -> Problem:
        import casadi as ca

        r, n = self._request, len(self._poses)
        limits, config = r.arm.limits, r.config
        problem = Problem(ca.MX)
        start, step = problem.parameter("start", (3, 1)), problem.parameter("step", (1, 1))
        base = problem.variable("base", (3, 1), guess=0.0)
        q = problem.variable("joints", (r.arm.dof, n), guess=0.0)
        least, reserve = (
            problem.variable(name, (1, 1), lower=lower, upper=upper, guess=guess)
            for name, (lower, upper, guess) in _BOUNDS.items()
        )
        margin = problem.variable("margin", (1, 1), lower=0.0, upper=config.joint_margin, guess=0.0)

        position, rotation, torque, lever, softest = at_pose(r.arm).map(n)(
            ca.repmat(base, 1, n), q, *self._goals(), self._load.T
        )
        allowed = config.torque_share
        share = torque / limits.effort
        needed = reserve * lever / limits.effort
        problem.constrain("clamp position", position, 0.0, 0.0)
        problem.constrain("clamp rotation", rotation, 0.0, 0.0)
        problem.constrain("manipulability", least**2 * softest, 0.0, 1.0)
        problem.constrain("torque", ca.vertcat(share + needed, needed - share), -np.inf, allowed)
        problem.constrain("lower joint limits", q - limits.lower - margin, 0.0, np.inf)
        problem.constrain("upper joint limits", limits.upper - q - margin, 0.0, np.inf)
        reach = step * ca.DM([1.0, 1.0, _TURN])
        problem.constrain("near the start", (base - start) / reach, -1.0, 1.0)
        self._keep_clear(problem, base)
        costs = {
            "manipulability": -ca.log(least),
            "force": -config.force_weight * ca.log(reserve),
            "joint limits": -config.margin_weight * margin / config.joint_margin,
        }
        for cost in costs.values():
            problem.minimise(cost)
        return problem

    def _goals(self) -> tuple[FloatArray, FloatArray]:
        """Rotations side by side (3, 3 n) and translations (3, n)."""
        return np.hstack([T.rotation for T in self._poses]), np.stack(
            [T.translation for T in self._poses], axis=1
        )

    def _keep_clear(self, problem: Problem, base: Any) -> None:
        import casadi as ca

        offsets, radius = self._request.drive.footprint()
        for obstacle in self._request.room.obstacles:
            squared = [
                squared_distance(obstacle, base[0] + o * ca.cos(base[2]), base[1] + o * ca.sin(base[2]))
                for o in offsets
            ]
            needed = radius + self._request.config.clearance + _SPARE + getattr(obstacle, "radius", 0.0)
            problem.constrain(f"clear of {obstacle.name}", ca.vertcat(*squared), needed**2, np.inf)


def at_pose(arm: ArmModel) -> Any:
    """`casadi.Function` of one pose of the way.

    base (3,), q (dof,), R (3, 3) and p (3,) of `T_world_clamp`, wrench (6,) on the clamp in `world` ->
    position error (3,) m, rotation error (3,) (sine of the angle along its axis), torque (dof,) N m, lever
    about each joint of a force on the clamp (dof,) m, (trace (J J^T)^-8)^(1/8) in 1/m^2.
    """
    import casadi as ca

    base, q, wrench = ca.SX.sym("base", 3), ca.SX.sym("q", arm.dof), ca.SX.sym("wrench", 6)
    R, p = ca.SX.sym("R", 3, 3), ca.SX.sym("p", 3)
    c, s = ca.cos(base[2]), ca.sin(base[2])
    turn = ca.vertcat(ca.horzcat(c, -s, 0), ca.horzcat(s, c, 0), ca.horzcat(0, 0, 1))
    mount = arm.T_base_armbase
    R_world_armbase = turn @ mount.rotation
    R_arm, p_arm = forward_function(arm.chain)(q)
    reached = ca.vertcat(base[:2], 0) + turn @ mount.translation + R_world_armbase @ p_arm
    E = R.T @ R_world_armbase @ R_arm
    rotation = 0.5 * ca.vertcat(E[2, 1] - E[1, 2], E[0, 2] - E[2, 0], E[1, 0] - E[0, 1])

    J = jacobian_function(arm.chain)(q)
    wrench_arm = ca.vertcat(R_world_armbase.T @ wrench[:3], R_world_armbase.T @ wrench[3:])
    torque = torque_function(arm.chain)(q, 0, 0, wrench_arm)
    lever = ca.sqrt(ca.sum1(J[:3, :] ** 2).T + _SMALL)
    weighted = ca.diag(ca.DM(TWIST_WEIGHT)) @ J
    inverse = ca.solve(ca.chol(weighted @ weighted.T).T, ca.SX.eye(6))  # of L, where J J^T = L L^T
    power = inverse.T @ inverse
    for _ in range(2):
        power = power @ power
    # trace of A^8 = sum of the squares of A^4
    softest = ca.sumsqr(power) ** (1 / 8)
    return ca.Function("at_pose", [base, q, R, p, wrench], [reached - p, rotation, torque, lever, softest])
