"""Six-dimensional elastic connections between a fragment and what holds it: Schantz pins, K-wires.

Everything in one common frame (the reference body's CT frame, m). Rotations are small: the rotation
vector is read off the skew part of the rotation matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.cases.case import SchantzPin
from rafr.geometry import RigidTransform, skew
from rafr.geometry.rigid_transform import FloatArray
from rafr.units import METRES_PER_MM

STEEL_MODULUS = 193e9  # Pa, 316L
THREAD_STIFFNESS = (
    1.0e6  # N/m per pin along its axis: threads in cancellous bone (pull-out tests 0.5–2 kN/mm)
)
GRIP_M = 0.03  # length of the pins' tails inside the clamp
_DAMPING_TIME = 2e-3


@dataclass(frozen=True, slots=True, eq=False)
class Bushing:
    """Stiffness (6,) along and about the axes of the holder's frame: N/m, then N m/rad.

    `damping_time` (s): damping is stiffness times it. `play` (m): free way along each axis, both ways.
    """

    stiffness: FloatArray
    damping_time: float = _DAMPING_TIME
    play: float = 0.0

    def loosened(self, factor: float, play: float) -> Bushing:
        """With less of its stiffness left, and play."""
        return Bushing(self.stiffness * factor, self.damping_time, play)


def pin_bushing(pins: Sequence[SchantzPin]) -> Bushing:
    """Parallel pins as beams guided at clamp and bone; axes of the clamp frame (z along, x across pins).

    Each pin of free length L has 12 E I / L^3 across, its threads' stiffness along, and bends with
    4 E I / L; the distance between the pins adds their couple (Euler-Bernoulli).
    """
    k = np.zeros(6)
    centre = np.mean([p.tail_mm for p in pins], axis=0)
    for pin in pins:
        free = max((pin.length_mm - pin.depth_mm) * METRES_PER_MM - GRIP_M, 0.03)
        area_moment = np.pi * (pin.diameter_mm * METRES_PER_MM) ** 4 / 64.0
        across = 12 * STEEL_MODULUS * area_moment / free**3
        bending = 4 * STEEL_MODULUS * area_moment / free
        offset = float(np.linalg.norm(np.cross(pin.tail_mm - centre, pin.direction))) * METRES_PER_MM
        k += [across, across, THREAD_STIFFNESS, bending, bending, 0.0]
        k[4] += THREAD_STIFFNESS * offset**2
        # turning about the pins' own axis: their couple across, and the grip of the jaws on each shaft
        k[5] += across * offset**2 + 0.25 * bending
    return Bushing(k)


def fixation_bushing() -> Bushing:
    """K-wires or screws across the fracture: practically rigid."""
    return Bushing(np.array([2e6, 2e6, 2e6, 2e4, 2e4, 2e4]), 1e-2)


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """A wrench (6,) on a body about its centroid, and how it changes: -K per motion, -D per twist."""

    wrench: FloatArray
    stiffness: FloatArray
    damping: FloatArray


def half_skew(turn: FloatArray) -> FloatArray:
    """(3,) vector of the skew part of a rotation matrix: its rotation vector where that is small."""
    (_, b, c), (d, _, f), (g, h, _) = turn.tolist()
    return np.array([0.5 * (h - f), 0.5 * (c - g), 0.5 * (d - b)])


def bushing_load(
    bushing: Bushing,
    holder: RigidTransform,
    held: RigidTransform,
    centroid: FloatArray,
    relative_twist: FloatArray,
) -> Load:
    """Load on the held body.

    Args:
        holder, held: poses of the two frames that coincided when the connection was made.
        centroid: (3,) of the held body now.
        relative_twist: (6,) of the held body (at its centroid) relative to the holder there.
    """
    R = holder.rotation
    angle = half_skew(R.T @ held.rotation)
    arm = held.translation - centroid
    # to_local: small motion about the centroid -> deviation at the held frame in the holder's axes
    to_local = np.zeros((6, 6))
    to_local[:3, :3] = to_local[3:, 3:] = R.T
    to_local[:3, 3:] = -R.T @ skew(arm)
    deviation = np.concatenate([R.T @ (held.translation - holder.translation), angle])
    along = bushing.stiffness
    if bushing.play:
        deviation[:3] -= np.clip(deviation[:3], -bushing.play, bushing.play)
        gripping = np.ones(6)
        gripping[:3] = deviation[:3] != 0.0
        along = along * gripping
    weighted = to_local.T * along
    stiffness = weighted @ to_local
    damping = stiffness * bushing.damping_time
    return Load(-weighted @ deviation - damping @ relative_twist, stiffness, damping)
