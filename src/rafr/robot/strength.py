"""What an arm can hold: the torques of its joints, its own weight included, against their limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """What the surroundings do to the arm; of force and torque only the sizes are known.

    Attributes:
        force: N.   torque: N m, about `place`.
        place: (3,) where the force acts, in the clamp frame, m.
    """

    force: float
    torque: float
    place: FloatArray


def needed_torque(arm: ArmModel, q: FloatArray, load: Load) -> FloatArray:
    """(dof,) N m that every joint may need, standing at q (dof,), whatever the load's directions.

    Joint i bears g_i - a_i . f - b_i . t with its columns a_i, b_i of the Jacobian at the load's place: at
    worst both point along force and torque.
    """
    linear, angular = _columns(arm, q, load.place)
    worst: FloatArray = np.abs(arm.gravity(q)) + load.force * linear + load.torque * angular
    return worst


def holdable_force(arm: ArmModel, q: FloatArray, place: FloatArray) -> float:
    """N, largest force at a place (3,) in the clamp frame that the joints hold in every direction.

    0 where the arm cannot even hold itself.
    """
    linear, _ = _columns(arm, q, place)
    spare = arm.limits.effort - np.abs(arm.gravity(q))
    felt = linear > 1e-9
    return max(0.0, float((spare[felt] / linear[felt]).min()))


def assess_strength(arm: ArmModel, q: FloatArray, load: Load) -> Assessment:
    """Whether the arm holds a load in every posture (n, dof); names the joint that is shortest of torque."""
    needed = np.array([needed_torque(arm, posture, load) for posture in q]).max(axis=0)
    joint = int(np.argmax(needed / arm.limits.effort))
    limit = arm.limits.effort[joint]
    if needed[joint] <= limit:
        return ACCEPTED
    reason = (
        f"the arm may be too weak: {arm.joint_names[joint]} gives {limit:.0f} N m and may need "
        f"{needed[joint]:.0f} N m to hold {load.force:.0f} N and {load.torque:.1f} N m"
    )
    return Assessment(False, (reason,))


def _columns(arm: ArmModel, q: FloatArray, place: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lengths (dof,) of the Jacobian's columns at a place: m per rad, and 1."""
    R, _ = arm.forward_arrays(q)
    J = arm.jacobian(q)
    linear = J[:3] + np.cross(J[3:], R @ place, axis=0)
    return np.linalg.norm(linear, axis=0), np.linalg.norm(J[3:], axis=0)
