"""Equilibrium of bodies with ties, springs and contact: a problem, its system, its solution.

Springs that only pull and layers that only press make the equations piecewise smooth. Newton's method on
their convex energy, with a line search along the energy's derivative; round it the friction limit follows the
pressure (`rafr.fixation.fem.contact`).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InfeasibleError, InputError
from rafr.fixation.fem.constraints import Fixed, Reduction, Ties
from rafr.fixation.fem.contact import ContactPair, ContactState, Interface, pair_up
from rafr.fixation.fem.elasticity import Assembler
from rafr.fixation.fem.mesh import FloatArray, TetMesh
from rafr.fixation.fem.solvers import (
    Direct,
    Hierarchy,
    Method,
    Preconditioner,
    conjugate_gradients,
    preconditioner,
)
from rafr.fixation.fem.springs import Springs
from rafr.progress import Progress, silent

_FORCING = 1e-3  # how exactly a Newton step of many is solved
_PATIENCE = 2  # times the iterations a preconditioner needed when it was new (or 40): then it is made again
_LEAST_PATIENCE = 40
_STEPS_PER_LIMIT = 15  # of Newton's method, when the friction limit may be what keeps it from an equilibrium
_MOST_ITERATIONS = 500
_ROUNDING, _MOST_ROUNDING = 1e-14, 1e-6
_ENOUGH = 0.1  # of the energy's slope at the start of a step that may be left at its end


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Attributes:
    mesh: all bodies.
    young: (m,) MPa.   poisson: (m,).
    fixed: what is held or prescribed.
    ties, springs, contacts: what joins the bodies.
    """

    mesh: TetMesh
    young: FloatArray
    poisson: FloatArray
    fixed: Fixed
    ties: Ties | None = None
    springs: tuple[Springs, ...] = ()
    contacts: tuple[ContactPair | Interface, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Attributes:
    method: linear solver.
    tolerance: of the forces that are out of balance, relative to those that act, where nothing is unilateral.
    contact_tolerance: the same with contact, friction or springs that only pull.
    steps: equal parts in which load and prescribed displacement are put on; friction remembers its slip
        from part to part.
    most_steps: of Newton's method where there is no friction.
    most_limits: how often the friction limit is set.
    """

    method: Method = Method.AUTO
    tolerance: float = 1e-9
    contact_tolerance: float = 1e-6
    steps: int = 1
    most_steps: int = 80
    most_limits: int = 40


@dataclass(frozen=True, slots=True, eq=False)
class ContactResult:
    """Of the q points of a pair.

    Attributes:
        interface: the points, their areas and places.
        pressure: (q,) MPa.   traction: (q, 3) MPa, friction on the slave.
        gap: (q,) mm, negative where the layer is compressed.   slipping: (q,).
    """

    interface: Interface
    pressure: FloatArray
    traction: FloatArray
    gap: FloatArray
    slipping: NDArray[np.bool_]

    @property
    def force(self) -> FloatArray:
        """(3,) N on the slave."""
        stress = self.traction - self.pressure[:, None] * self.interface.normal
        total: FloatArray = self.interface.area @ stress
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Attributes:
    displacement: (n, 3) mm.
    reaction: (n, 3) N of what holds the fixed degrees of freedom, 0 elsewhere.
    springs: (s,) N of every group, positive when it pulls.
    contacts: of every pair.
    newton, iterations: steps of Newton's method and of conjugate gradients in all.
    residual: N out of balance, relative to the forces that act.
    """

    displacement: FloatArray
    reaction: FloatArray
    springs: tuple[FloatArray, ...]
    contacts: tuple[ContactResult, ...]
    newton: int
    iterations: int
    residual: float


@dataclass(slots=True, eq=False)
class _Joint:
    """Something that joins bodies: a law on linear functions of the displacements."""

    law: Springs | ContactState
    full: Any  # (p, 3n) CSR
    rows: Any  # (p, r) CSR
    offset: FloatArray  # (p,) where the free degrees of freedom are 0

    def tangent(self, values: FloatArray) -> Any:
        """(r, r) CSR."""
        from scipy.sparse import bsr_array, diags_array

        D: Any
        if isinstance(self.law, Springs):
            D = diags_array(self.law.slope(values))
        else:
            q = len(values) // 3
            D = bsr_array((self.law.tangent(values), np.arange(q), np.arange(q + 1)), shape=(3 * q, 3 * q))
        return (self.rows.T @ (D.tocsr() @ self.rows)).tocsr()


@dataclass(slots=True)
class _Count:
    newton: int = 0
    iterations: int = 0
    residual: float = 0.0


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
        self._assemble(problem.young, problem.poisson, progress)
        self._preconditioner: Preconditioner | None = None
        self._patience = _LEAST_PATIENCE

    def with_materials(self, young: FloatArray, poisson: FloatArray) -> System:
        """The same system of other materials, with this one's preconditioner while that is good."""
        other = copy.copy(self)
        problem = self.problem
        other.problem = Problem(
            problem.mesh, young, poisson, problem.fixed, problem.ties, problem.springs, problem.contacts
        )
        other._assemble(young, poisson, silent)
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
        count, x = _Count(), self._begin(start)
        steps = self.settings.steps if self._unilateral else 1
        states = [ContactState(interface) for interface in self._interfaces]
        joints: list[_Joint] = []
        for step in range(1, steps + 1):
            share = step / steps
            joints = self._joints(states, share)
            if start is not None and step == 1:
                _limit_friction(joints, x)
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

    def _assemble(self, young: FloatArray, poisson: FloatArray, progress: Progress) -> None:
        progress(0.05, "stiffness")
        reduction = self._reduction
        K = self._assembler.stiffness(young, poisson)
        self._K = reduction.matrix(K)
        self._diagonal = self._K.diagonal()
        self._prescribed = reduction.T.T @ (K @ reduction.offset)
        self._held = np.concatenate([reduction.fixed, reduction.slaves])
        self._K_held = K[self._held]
        progress(0.2, "stiffness")

    def _load(self, forces: FloatArray, share: float) -> FloatArray:
        load: FloatArray = share * (self._reduction.T.T @ forces.ravel() - self._prescribed)
        return load

    def _joints(self, states: list[ContactState], share: float) -> list[_Joint]:
        dofs = self.problem.mesh.nodes.size
        laws: list[Springs | ContactState] = [*self.problem.springs, *states]
        rows = [s.rows(dofs) for s in self.problem.springs] + [s.interface.rows for s in states]
        T, offset = self._reduction.T, share * self._reduction.offset
        return [
            _Joint(law, full, (full @ T).tocsr(), full @ offset) for law, full in zip(laws, rows, strict=True)
        ]

    def _equilibrium(
        self,
        x: FloatArray,
        load: FloatArray,
        joints: list[_Joint],
        count: _Count,
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
            x = self._minimise(x, load, joints, loose, count, frictional)
            _limit_friction(joints, x)
            count.residual = self._imbalance(x, load, joints)
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

    def _minimise(
        self,
        x: FloatArray,
        load: FloatArray,
        joints: list[_Joint],
        tolerance: float,
        count: _Count,
        frictional: bool,
    ) -> FloatArray:
        """Newton's method with line search for the joints' present friction limits."""
        values = [j.rows @ x + j.offset for j in joints]
        for _ in range(_STEPS_PER_LIMIT if frictional else self.settings.most_steps):
            residual = load - self._K @ x - _pull(joints, values, len(x))
            size = float(np.linalg.norm(residual))
            acting = self._acting(load, joints, values)
            goal = max(tolerance * acting, self._rounding(x, acting))
            if size <= goal:
                return x
            forcing = max(_FORCING if self._unilateral else 0.0, 0.5 * goal / size)
            step = self._newton_step(residual, joints, values, forcing, count)
            along = [j.rows @ step for j in joints]
            length = self._line_search(residual, step, joints, values, along)
            x = x + length * step
            values = [v + length * a for v, a in zip(values, along, strict=True)]
            count.newton += 1
        if frictional:
            return x
        raise InfeasibleError(
            (
                f"no equilibrium in {self.settings.most_steps} steps: {size / goal * tolerance:.1e}"
                f" of the load is out of balance, wanted {tolerance:.0e}; a body moves freely, or nearly so",
            )
        )

    def _newton_step(
        self,
        residual: FloatArray,
        joints: list[_Joint],
        values: list[FloatArray],
        forcing: float,
        count: _Count,
    ) -> FloatArray:
        added = None
        for joint, value in zip(joints, values, strict=True):
            tangent = joint.tangent(value)
            added = tangent if added is None else (added + tangent).tocsr()
        K = self._K

        def times(v: FloatArray) -> FloatArray:
            product: FloatArray = K @ v
            return product if added is None else product + added @ v

        new = self._preconditioner is None
        if self._preconditioner is None:
            mesh, reduction = self.problem.mesh, self._reduction
            self._preconditioner = preconditioner(
                K, added, lambda: Hierarchy.of(mesh, reduction), self.settings.method
            )
        most = _MOST_ITERATIONS if new else self._patience
        step, iterations, left = conjugate_gradients(
            times, self._preconditioner.apply, residual, forcing, most
        )
        count.iterations += iterations
        if new:
            self._patience = max(_LEAST_PATIENCE, _PATIENCE * iterations)
        elif left > forcing:
            self._preconditioner.update(K, added)
        if new and left > forcing and self.settings.method is Method.AUTO:
            self._preconditioner = Direct(K, added)  # thin elements defeat the levels
        if left > forcing:
            more, iterations, remaining = conjugate_gradients(
                times, self._preconditioner.apply, residual - times(step), forcing / left, _MOST_ITERATIONS
            )
            count.iterations += iterations
            step, left = step + more, left * remaining
        if left > 1.01 * forcing:
            raise InfeasibleError(
                (
                    f"conjugate gradients stopped at {left:.1e} of the load, wanted {forcing:.0e}: "
                    "a body moves freely, or elements are too badly shaped",
                )
            )
        return step

    def _line_search(
        self,
        residual: FloatArray,
        step: FloatArray,
        joints: list[_Joint],
        values: list[FloatArray],
        along: list[FloatArray],
    ) -> float:
        """How far along a step the energy falls: where its derivative, which only rises, comes near 0."""
        if not self._unilateral:
            return 1.0
        present = [j.law.force(v) for j, v in zip(joints, values, strict=True)]
        curvature = float(step @ (self._K @ step))
        start = -float(residual @ step)

        def derivative(length: float) -> float:
            change = start + length * curvature
            for joint, value, direction, before in zip(joints, values, along, present, strict=True):
                change += float(direction @ (joint.law.force(value + length * direction) - before))
            return change

        low, high, at_low, at_high = 0.0, 1.0, start, derivative(1.0)
        while at_high < 0.9 * start and high < 1e6:
            low, high, at_low = high, 2 * high, at_high
            at_high = derivative(high)
        if at_high <= _ENOUGH * abs(start):
            return high
        for _ in range(40):
            share = -at_low / (at_high - at_low)
            middle = low + min(max(share, 0.1), 0.9) * (high - low)
            here = derivative(middle)
            if abs(here) <= _ENOUGH * abs(start):
                return middle
            if here < 0:
                low, at_low = middle, here
            else:
                high, at_high = middle, here
        return middle

    def _acting(self, load: FloatArray, joints: list[_Joint], values: list[FloatArray]) -> float:
        """The size of the forces that balance each other."""
        pulls = [np.linalg.norm(j.rows.T @ j.law.force(v)) for j, v in zip(joints, values, strict=True)]
        return max(float(np.linalg.norm(load)), *map(float, pulls), 1e-12)

    def _rounding(self, x: FloatArray, acting: float) -> float:
        """N that K x may be off by rounding: in slender bodies it is a difference of large numbers.

        Not more than a share of the forces that act, or a body that slid far away would be in balance.
        """
        return min(_ROUNDING * float(np.linalg.norm(self._diagonal * x)), _MOST_ROUNDING * acting)

    def _imbalance(self, x: FloatArray, load: FloatArray, joints: list[_Joint]) -> float:
        values = [j.rows @ x + j.offset for j in joints]
        residual = load - self._K @ x - _pull(joints, values, len(x))
        acting = self._acting(load, joints, values)
        return max(0.0, float(np.linalg.norm(residual)) - self._rounding(x, acting)) / acting

    def _solution(self, x: FloatArray, forces: FloatArray, joints: list[_Joint], count: _Count) -> Solution:
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
            _contact_result(j.law, v)
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


def _limit_friction(joints: list[_Joint], x: FloatArray) -> None:
    """Sets every friction limit to what the pressure at x allows."""
    for joint in joints:
        if isinstance(joint.law, ContactState):
            joint.law.follow_pressure(joint.rows @ x + joint.offset)


def _pull(joints: list[_Joint], values: list[FloatArray], dofs: int) -> FloatArray:
    """(r,) N of all joints."""
    total = np.zeros(dofs)
    for joint, value in zip(joints, values, strict=True):
        total += joint.rows.T @ joint.law.force(value)
    return total


def _contact_result(state: ContactState, moved: FloatArray) -> ContactResult:
    friction = -np.einsum("qk,qki->qi", state.traction(moved), state.interface.tangents)
    gap = state.interface.gap - moved[::3]
    return ContactResult(state.interface, state.pressure(moved), friction, gap, state.slipping(moved))
