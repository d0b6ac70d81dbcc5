"""One fragment of the plant: what pulls, presses and holds it, summed into a wrench that is stable to apply.

Frame: the reference body's CT frame, m. Stiff forces (contact, pins) are made linearly implicit: the
wrench applied is the one the linearised force will have at the end of the step (Rosenbrock-Euler), so no
stiffness can make the explicit integrator outside explode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rafr.cases.case import SchantzPin
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.bushing import Bushing, Load
from rafr.simulation.world import BodyInertia
from rafr.tissue.model import TissueModel
from rafr.tissue.traction import TractionDevice


@dataclass(frozen=True, slots=True, eq=False)
class Pins:
    """Schantz pins as they really are in the bone.

    Attributes:
        pins: true pins, LPS mm in the body's CT.   T_ct_clamp: m; the frame in which they are gripped.
    """

    pins: tuple[SchantzPin, ...]
    T_ct_clamp: RigidTransform
    bushing: Bushing


@dataclass(slots=True, eq=False)
class Fragment:
    """State of one moving body beside what MuJoCo keeps."""

    name: str
    body_id: int
    inertia: BodyInertia
    tissue: TissueModel
    traction: TractionDevice | None = None
    pins: Pins | None = None
    fixed_at: RigidTransform | None = None
    """Frame at the centroid (reference frame) where the body was fixed to the reference."""
    loads: list[tuple[Load, FloatArray]] = field(default_factory=list)
    """This step's linearised loads and the twist (6,) each of them feels."""
    pin_load: tuple[Load, FloatArray] | None = None
    """The one of them by which the clamp holds it."""


@dataclass(frozen=True, slots=True, eq=False)
class PairLoad:
    """Contact of two fragments.

    Attributes:
        first, second: their names.
        load: on the first, about its centroid; the second feels the opposite.
        twist: (6,) of the first relative to the second, at the first's centroid.
        shift: (6, 6) carries the second's twist there.
    """

    first: str
    second: str
    load: Load
    twist: FloatArray
    shift: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """One fragment before a step: mass matrix (6, 6), soft forces (6,), stiff loads with their twists."""

    mass: FloatArray
    wrench: FloatArray
    loads: list[tuple[Load, FloatArray]]


def implicit_step(
    bodies: Mapping[str, Loaded], pairs: Sequence[PairLoad], dt: float
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """By name: the wrench (6,) to apply during a step, and the change of twist (6,) it will cause.

    Solves (M + dt D + dt^2 K) dv = dt (w - dt K v) for all fragments that touch each other at once: each
    on its own would push as if the other stood still, which between two light ones diverges.
    """
    result = {}
    touching = {name for pair in pairs for name in (pair.first, pair.second)}
    for name, body in bodies.items():
        if name not in touching:
            matrix, right = _own_equations(body, dt)
            change: FloatArray = np.asarray(np.linalg.solve(matrix, right), dtype=float)
            # without a stiff load the equations would only return the wrench, rounded
            result[name] = (body.mass @ change / dt if body.loads else body.wrench, change)
    if touching:
        result |= _coupled_step({n: bodies[n] for n in bodies if n in touching}, pairs, dt)
    return result


def _own_equations(body: Loaded, dt: float) -> tuple[FloatArray, FloatArray]:
    matrix, right = body.mass.copy(), body.wrench.copy()
    for load, twist in body.loads:
        matrix += dt * load.damping + dt * dt * load.stiffness
        right += load.wrench - dt * (load.stiffness @ twist)
    return matrix, dt * right


def _coupled_step(
    bodies: Mapping[str, Loaded], pairs: Sequence[PairLoad], dt: float
) -> dict[str, tuple[FloatArray, FloatArray]]:
    rows = {name: slice(6 * i, 6 * i + 6) for i, name in enumerate(bodies)}
    matrix, right = np.zeros((6 * len(bodies), 6 * len(bodies))), np.zeros(6 * len(bodies))
    for name, body in bodies.items():
        matrix[rows[name], rows[name]], right[rows[name]] = _own_equations(body, dt)
    for pair in pairs:
        a, b, S = rows[pair.first], rows[pair.second], pair.shift
        C = dt * pair.load.damping + dt * dt * pair.load.stiffness
        push = dt * (pair.load.wrench - dt * (pair.load.stiffness @ pair.twist))
        matrix[a, a] += C
        matrix[a, b] -= C @ S
        matrix[b, a] -= S.T @ C
        matrix[b, b] += S.T @ C @ S
        right[a] += push
        right[b] -= S.T @ push
    change: FloatArray = np.asarray(np.linalg.solve(matrix, right), dtype=float)
    return {n: (body.mass @ change[rows[n]] / dt, change[rows[n]]) for n, body in bodies.items()}


def mass_matrix(inertia: BodyInertia, rotation: FloatArray) -> FloatArray:
    """(6, 6) about the centroid, in the axes that `rotation` leads to."""
    mass = np.zeros((6, 6))
    mass[range(3), range(3)] = inertia.mass
    mass[3:, 3:] = rotation @ inertia.inertia @ rotation.T
    return mass


def end_of_step(load: Load, twist: FloatArray, change: FloatArray, dt: float) -> FloatArray:
    """The wrench (6,) of one load at the end of the step: what its other side feels."""
    wrench: FloatArray = load.wrench - dt * (load.stiffness @ (twist + change)) - load.damping @ change
    return wrench
