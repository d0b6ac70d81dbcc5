"""One fragment of the plant: what pulls, presses and holds it, summed into a wrench that is stable to apply.

Frame: the reference body's CT frame, m. Stiff forces (contact, pins) are made linearly implicit: the
wrench applied is the one the linearised force will have at the end of the step (Rosenbrock-Euler), so no
stiffness can make the explicit integrator outside explode.
"""

from __future__ import annotations

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


def implicit_step(
    inertia: BodyInertia,
    rotation: FloatArray,
    wrench: FloatArray,
    loads: list[tuple[Load, FloatArray]],
    dt: float,
) -> tuple[FloatArray, FloatArray]:
    """The wrench (6,) to apply during a step, and the change of twist (6,) it will cause.

    Solves (M + dt D + dt^2 K) dv = dt (w - dt K v).
    """
    if not loads:
        return wrench, np.zeros(6)
    mass = np.zeros((6, 6))
    mass[range(3), range(3)] = inertia.mass
    mass[3:, 3:] = rotation @ inertia.inertia @ rotation.T
    matrix, right = mass.copy(), wrench.copy()
    for load, twist in loads:
        matrix += dt * load.damping + dt * dt * load.stiffness
        right += load.wrench - dt * (load.stiffness @ twist)
    change: FloatArray = np.asarray(np.linalg.solve(matrix, dt * right), dtype=float)
    return mass @ change / dt, change


def end_of_step(load: Load, twist: FloatArray, change: FloatArray, dt: float) -> FloatArray:
    """The wrench (6,) of one load at the end of the step: what its other side feels."""
    wrench: FloatArray = load.wrench - dt * (load.stiffness @ (twist + change)) - load.damping @ change
    return wrench
