"""One fragment of the plant: what pulls, presses and holds it, summed into a wrench that is stable to apply.

Frame: the reference body's CT frame, m. Stiff forces (contact, pins) are made linearly implicit: the
wrench applied is the one the linearised force will have at the end of the step (Rosenbrock-Euler) for
all bodies together, so no stiffness can make the explicit integrator outside explode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg.lapack import dgesv

from rafr.cases.case import SchantzPin
from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.bushing import Bushing, Load
from rafr.simulation.disturbance import Disturbance
from rafr.simulation.inertia import BodyInertia
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
    """State of one moving body beside what the engine keeps."""

    name: str
    inertia: BodyInertia
    tissue: TissueModel
    traction: TractionDevice | None = None
    pins: Pins | None = None
    disturbances: list[Disturbance] = field(default_factory=list)
    fixed_at: RigidTransform | None = None
    """Frame at the centroid (reference frame) where the body was fixed to the reference."""


@dataclass(frozen=True, slots=True, eq=False)
class PairLoad:
    """A stiff force between two bodies: contact, K-wires.

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
    """One body before a step: mass matrix (6, 6), soft forces (6,), stiff loads and the twist each feels."""

    mass: FloatArray
    wrench: FloatArray
    loads: Sequence[tuple[Load, FloatArray]] = ()


def implicit_step(
    bodies: Mapping[str, Loaded], pairs: Sequence[PairLoad], dt: float
) -> dict[str, FloatArray]:
    """Every body's change of twist (6,) during a step.

    Solves (M + dt D + dt^2 K) dv = dt (w - dt K v) for all bodies at once: each on its own would push as
    if the others stood still, which between light ones, or with long levers, diverges.
    """
    rows = {name: slice(6 * i, 6 * i + 6) for i, name in enumerate(bodies)}
    matrix, right = np.zeros((6 * len(bodies), 6 * len(bodies))), np.zeros(6 * len(bodies))
    for name, body in bodies.items():
        own = rows[name]
        matrix[own, own] = body.mass
        right[own] = body.wrench
        for load, twist in body.loads:
            matrix[own, own] += dt * load.damping + dt * dt * load.stiffness
            right[own] += load.wrench - dt * (load.stiffness @ twist)
    for pair in pairs:
        a, b, S = rows[pair.first], rows[pair.second], pair.shift
        C = dt * pair.load.damping + dt * dt * pair.load.stiffness
        push = pair.load.wrench - dt * (pair.load.stiffness @ pair.twist)
        CS = C @ S
        matrix[a, a] += C
        matrix[a, b] -= CS
        matrix[b, a] -= S.T @ C
        matrix[b, b] += S.T @ CS
        right[a] += push
        right[b] -= S.T @ push
    # numpy's solve does the same with five times the overhead, which 1 kHz feels
    _, _, change, failed = dgesv(matrix, dt * right, overwrite_a=1, overwrite_b=1)
    if failed:
        raise RafrError("the forces between the bones have no solution (masses or stiffnesses are absurd)")
    return {name: change[row] for name, row in rows.items()}


def mass_matrix(inertia: BodyInertia, rotation: FloatArray) -> FloatArray:
    """(6, 6) about the centroid, in the axes that `rotation` leads to."""
    mass = np.zeros((6, 6))
    mass[0, 0] = mass[1, 1] = mass[2, 2] = inertia.mass
    mass[3:, 3:] = rotation @ inertia.inertia @ rotation.T
    return mass


def end_of_step(load: Load, twist: FloatArray, change: FloatArray, dt: float) -> FloatArray:
    """The wrench (6,) of one load at the end of the step: what its other side feels."""
    wrench: FloatArray = load.wrench - dt * (load.stiffness @ (twist + change)) - load.damping @ change
    return wrench
