"""Equilibrium of bodies with ties, springs and contact: the problem's system, and its solution.

Springs that only pull and layers that only press make the equations piecewise smooth. Inside is Newton's
method (`rafr.fixation.fem.newton`); round it the friction limit follows the pressure
(`rafr.fixation.fem.friction`).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from rafr.errors import InfeasibleError, InputError
from rafr.fixation.fem.constraints import Reduction
from rafr.fixation.fem.contact import Interface, pair_up
from rafr.fixation.fem.elasticity import Assembler
from rafr.fixation.fem.friction import ContactState
from rafr.fixation.fem.joints import Joint, limit_friction
from rafr.fixation.fem.mesh import FloatArray
from rafr.fixation.fem.newton import Count, Newton
from rafr.fixation.fem.problem import ContactResult, Problem, Settings, Solution
from rafr.fixation.fem.solvers import Hierarchy
from rafr.fixation.fem.springs import Springs
from rafr.progress import Progress, silent


def solve(
    problem: Problem, forces: FloatArray, settings: Settings | None = None, progress: Progress = silent
) -> Solution:
    """The equilibrium under nodal forces (n, 3), N.

    Raises:
        InputError: a problem that contradicts itself.
        InfeasibleError: no equilibrium found: a body moves freely, or friction has no fixed point.
    """
    return System(problem, settings, progress).solve(forces, progress)


class System:
    """A problem made ready: assembled, constrained and (where it is linear) factorised, for many loads."""

    def __init__(
        self, problem: Problem, settings: Settings | None = None, progress: Progress = silent
    ) -> None:
        self.problem = problem
        self.settings = settings or Settings()
        progress(0.0, "constraints")
        self._assembler = Assembler(problem.mesh)
        self._reduction = Reduction.of(problem.mesh, problem.fixed, problem.ties)
        if not len(self._reduction.free):
            raise InputError("constraints", "nothing is free to move", "free degrees of freedom")
        self._interfaces = tuple(
            pair if isinstance(pair, Interface) else pair_up(problem.mesh, pair) for pair in problem.contacts
        )
        K = self._assemble(problem.young, problem.poisson, progress)
        self._newton = Newton(
            K, lambda: Hierarchy.of(problem.mesh, self._reduction), self.settings, self._unilateral
        )

    def with_materials(self, young: FloatArray, poisson: FloatArray) -> System:
        """The same system of other materials, with this one's preconditioner while that is good."""
        other = copy.copy(self)
        problem = self.problem
        other.problem = Problem(
            problem.mesh, young, poisson, problem.fixed, problem.ties, problem.springs, problem.contacts
        )
        other._newton = self._newton.with_matrix(other._assemble(young, poisson, silent))
        return other

    def solve(
        self, forces: FloatArray, progress: Progress = silent, start: FloatArray | None = None
    ) -> Solution:
        """The equilibrium under nodal forces (n, 3), N. Contacts begin without slip.

        Args:
            start: (n, 3) mm, of an equilibrium like this one: fewer steps to the same place.

        Raises:
            InfeasibleError: no equilibrium found.
        """
        forces = np.asarray(forces, dtype=float)
        if forces.shape != self.problem.mesh.nodes.shape or not np.isfinite(forces).all():
            raise InputError(
                "load", f"forces of shape {forces.shape}", f"finite {self.problem.mesh.nodes.shape}"
            )
        count, x = Count(), self._begin(start)
        steps = self.settings.steps if self._unilateral else 1
        states = [ContactState(interface) for interface in self._interfaces]
        joints: list[Joint] = []
        for step in range(1, steps + 1):
            share = step / steps
            joints = self._joints(states, share)
            if start is not None and step == 1:
                limit_friction(joints, x)
            x = self._equilibrium(
                x, self._load(forces, share), joints, count, progress, (step - 1) / steps, steps
            )
            if step < steps:
                for state, joint in zip(states, joints[len(self.problem.springs) :], strict=True):
                    state.keep_slip(joint.rows @ x + joint.offset)
        progress(1.0, "equilibrium")
        return self._solution(x, forces, joints, count)

    def solve_many(self, forces: Sequence[FloatArray], progress: Progress = silent) -> list[Solution]:
        """One solution for each load, all on one factorisation."""
        solutions = []
        for k, load in enumerate(forces):
            progress(k / len(forces), f"load {k + 1} of {len(forces)}")
            solutions.append(self.solve(load))
        return solutions

    def _begin(self, start: FloatArray | None) -> FloatArray:
        if start is None:
            return np.zeros(len(self._reduction.free))
        if np.shape(start) != self.problem.mesh.nodes.shape:
            raise InputError("start", f"shape {np.shape(start)}", f"{self.problem.mesh.nodes.shape}")
        begin: FloatArray = np.asarray(start, dtype=float).ravel()[self._reduction.free]
        return begin

    @property
    def _unilateral(self) -> bool:
        return bool(self._interfaces) or any(s.tension_only.any() for s in self.problem.springs)

    def _assemble(self, young: FloatArray, poisson: FloatArray, progress: Progress) -> Any:
        """(r, r) CSR, the stiffness of the free degrees of freedom; keeps what loads and reactions need."""
        progress(0.05, "stiffness")
        reduction = self._reduction
        K = self._assembler.stiffness(young, poisson)
        self._prescribed = reduction.T.T @ (K @ reduction.offset)
        self._held = np.concatenate([reduction.fixed, reduction.slaves])
        self._K_held = K[self._held]
        progress(0.2, "stiffness")
        return reduction.matrix(K)

    def _load(self, forces: FloatArray, share: float) -> FloatArray:
        load: FloatArray = share * (self._reduction.T.T @ forces.ravel() - self._prescribed)
        return load

    def _joints(self, states: list[ContactState], share: float) -> list[Joint]:
        dofs = self.problem.mesh.nodes.size
        laws: list[Springs | ContactState] = [*self.problem.springs, *states]
        rows = [s.rows(dofs) for s in self.problem.springs] + [s.interface.rows for s in states]
        T, offset = self._reduction.T, share * self._reduction.offset
        return [
            Joint(law, full, (full @ T).tocsr(), full @ offset) for law, full in zip(laws, rows, strict=True)
        ]

    def _equilibrium(
        self,
        x: FloatArray,
        load: FloatArray,
        joints: list[Joint],
        count: Count,
        progress: Progress,
        done: float,
        steps: int,
    ) -> FloatArray:
        """Rounds of a friction limit that stands still."""
        frictional = any(isinstance(j.law, ContactState) and j.law.interface.friction for j in joints)
        settings = self.settings
        exact = settings.contact_tolerance if self._unilateral else settings.tolerance
        loose = 0.03 if frictional else exact
        for k in range(settings.most_limits):
            x = self._newton.minimise(x, load, joints, loose, count, frictional)
            limit_friction(joints, x)
            count.residual = self._newton.imbalance(x, load, joints)
            text = f"{count.newton} steps, {count.residual:.1e} of the load out of balance"
            progress(min(0.95, done + (1 - 0.8**k) / steps), text)
            if count.residual <= exact:
                return x
            loose = max(0.5 * exact, min(loose, 0.05 * count.residual))
        raise InfeasibleError(
            (
                f"no equilibrium with friction in {settings.most_limits} rounds: {count.residual:.1e} of "
                f"the load out of balance, wanted {exact:.0e}; a body slides away, or friction is too high",
            )
        )

    def _solution(self, x: FloatArray, forces: FloatArray, joints: list[Joint], count: Count) -> Solution:
        reduction = self._reduction
        u = reduction.T @ x + reduction.offset
        values = [j.full @ u for j in joints]
        unbalanced = np.zeros_like(u)
        unbalanced[self._held] = self._K_held @ u
        outside = -forces.ravel()
        for joint, value in zip(joints, values, strict=True):
            outside = outside + joint.full.T @ joint.law.force(value)
        unbalanced[self._held] += outside[self._held]
        reaction = np.zeros_like(u)
        reaction[reduction.fixed] = (reduction.follow.T @ unbalanced)[reduction.fixed]
        springs = tuple(
            j.law.force(v) for j, v in zip(joints, values, strict=True) if isinstance(j.law, Springs)
        )
        contacts = tuple(
            ContactResult.of(j.law, v)
            for j, v in zip(joints, values, strict=True)
            if isinstance(j.law, ContactState)
        )
        return Solution(
            u.reshape(-1, 3),
            reaction.reshape(-1, 3),
            springs,
            contacts,
            count.newton,
            count.iterations,
            count.residual,
        )
