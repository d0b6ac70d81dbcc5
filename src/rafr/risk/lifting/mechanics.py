"""What a lift asks of shoulder and elbow: inverse dynamics of one arm in the plane it moves in, and where
its sensors are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import savgol_filter

from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.lifting.movement import Movement
from rafr.risk.lifting.person import Person
from rafr.risk.physiology import GRAVITY

_SMOOTH = 9  # samples of the parabola that differentiates angles
SENSOR_AT = {"biceps": 0.6, "deltoid": 0.12}  # share of the upper arm, from the shoulder
_STANDING = 0.53  # share of height at which the hips are


@dataclass(frozen=True, slots=True)
class Moments:
    """(n,) N m each, flexion positive; one arm."""

    elbow: FloatArray
    shoulder: FloatArray


def joint_moments(person: Person, movement: Movement, load: float, rate: float) -> Moments:
    """Newton and Euler for forearm and upper arm, the box as a mass in the hand.

    Args:
        load: kg that this arm carries while the box is held.   rate: Hz of the movement.
    """
    fore = movement.arm + movement.elbow
    shoulder = shoulder_path(person, movement)
    along_arm, along_fore = _direction(movement.arm), _direction(fore)
    elbow_at = shoulder + person.upper_arm * along_arm
    hand_at = elbow_at + person.hand_reach * along_fore
    arm_at = shoulder + 0.436 * person.upper_arm * along_arm
    fore_at = elbow_at + 0.682 * person.forearm * along_fore
    # what each mass needs to be held up and moved as it is
    loads = [
        (fore_at, person.forearm_mass * _supported(fore_at, rate)),
        (hand_at, (load * movement.held)[:, None] * _supported(hand_at, rate)),
    ]
    fore_inertia = person.forearm_mass * (0.468 * person.forearm) ** 2
    arm_inertia = person.upper_arm_mass * (0.322 * person.upper_arm) ** 2
    turning_fore = fore_inertia * _second(fore, rate)
    elbow = turning_fore + sum(_cross(at - elbow_at, force) for at, force in loads)
    loads.append((arm_at, person.upper_arm_mass * _supported(arm_at, rate)))
    turning = turning_fore + arm_inertia * _second(movement.arm, rate)
    return Moments(elbow, turning + sum(_cross(at - shoulder, force) for at, force in loads))


def shoulder_path(person: Person, movement: Movement) -> FloatArray:
    """(n, 2) m, forward and up."""
    hips = np.stack([-0.3 * movement.sink, _STANDING * person.height - movement.sink], axis=1)
    return hips + person.trunk * np.stack([np.sin(movement.trunk), np.cos(movement.trunk)], axis=1)


def sensor_poses(person: Person, movement: Movement, muscle: str, side: str) -> tuple[FloatArray, FloatArray]:
    """Position (n, 3) m and `R_world_imu` (n, 3, 3) of a sensor on the upper arm; x along the arm, z
    outwards.
    """
    sign = 1.0 if side == "left" else -1.0
    plane = shoulder_path(person, movement)
    n = len(plane)
    down = _direction(movement.arm)
    out = np.zeros((n, 3))
    out[:, 1] = sign * np.sin(movement.out)
    along = np.stack([down[:, 0], np.zeros(n), down[:, 1]], axis=1) * np.cos(movement.out)[:, None] + out
    width = np.stack([plane[:, 0], np.full(n, sign * 0.129 * person.height), plane[:, 1]], axis=1)
    position = width + SENSOR_AT[muscle] * person.upper_arm * along
    sideways = np.array([0.0, sign, 0.0])
    z = sideways - (along @ sideways)[:, None] * along
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    y = np.cross(z, along)
    # the biceps' sensor looks forward, the deltoid's outward; both are never put on quite straight
    angle = person.mounting + (0.5 * np.pi if muscle == "biceps" else 0.0)
    turned = np.cos(angle) * y + np.sin(angle) * z, np.cos(angle) * z - np.sin(angle) * y
    rotation = np.stack([along, turned[0], turned[1]], axis=2)
    c, s = np.cos(movement.yaw), np.sin(movement.yaw)
    yaw = np.zeros((n, 3, 3))
    yaw[:, 0, 0], yaw[:, 0, 1], yaw[:, 1, 0], yaw[:, 1, 1], yaw[:, 2, 2] = c, -s, s, c, 1.0
    return np.einsum("nij,nj->ni", yaw, position), yaw @ rotation


def _direction(angle: FloatArray) -> FloatArray:
    return np.stack([np.sin(angle), -np.cos(angle)], axis=1)


def _second(path: FloatArray, rate: float) -> FloatArray:
    derivative: FloatArray = savgol_filter(path, _SMOOTH, 3, deriv=2, delta=1.0 / rate, axis=0)
    return derivative


def _supported(path: FloatArray, rate: float) -> FloatArray:
    supported: FloatArray = _second(path, rate) + np.array([0.0, GRAVITY])
    return supported


def _cross(arm: FloatArray, force: FloatArray) -> FloatArray:
    moment: FloatArray = arm[:, 0] * force[:, 1] - arm[:, 1] * force[:, 0]
    return moment
