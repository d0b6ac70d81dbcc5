"""Poses and twists relative to the reference body, in its CT frame (m), at 1 kHz."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rafr.geometry import RigidTransform, skew
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue.cables import cross


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Where a fragment is and how it moves, relative to the reference body.

    Attributes:
        pose: `T_current_displaced`, m.   centroid: (3,) m.   twist: (6,) at the centroid.
    """

    pose: RigidTransform
    centroid: FloatArray
    twist: FloatArray


class Observer:
    """The reference body now: it sees the other bodies of the room in its own CT frame."""

    __slots__ = ("R", "_back", "_spin", "_velocity", "centre", "origin", "twist")

    def __init__(self, R: FloatArray, origin: FloatArray, centre: FloatArray, twist: FloatArray) -> None:
        """
        Args:
            R, origin: of its frame at the centroid, in the room.
            centre: (3,) its centroid in its CT.   twist: (6,) in the room.
        """
        self.R, self.origin, self.centre, self.twist = R, origin, centre, twist
        self._back = R.T
        self._velocity, self._spin = R.T @ twist[:3], R.T @ twist[3:]

    def pose_of(self, R: FloatArray, origin: FloatArray) -> RigidTransform:
        """Pose (m) of a frame that the room sees at `R`, `origin`."""
        return unchecked(self._back @ R, self._back @ (origin - self.origin) + self.centre)

    def twist_of(self, twist: FloatArray, at: FloatArray) -> FloatArray:
        """Relative twist (6,) of a body whose frame is `at` here and which the room sees moving."""
        w = self._spin
        seen = np.empty(6)
        seen[:3] = self._back @ twist[:3] - self._velocity - cross(w, at - self.centre)
        seen[3:] = self._back @ twist[3:] - w
        return seen


def unchecked(rotation: FloatArray, translation: FloatArray) -> RigidTransform:
    """A transform from the integrator's own rotation matrix, without the checks (1 kHz)."""
    transform = object.__new__(RigidTransform)
    object.__setattr__(transform, "rotation", rotation)
    object.__setattr__(transform, "translation", translation)
    return transform


def relative_pose(motions: Mapping[str, Motion], name: str, other: str) -> RigidTransform:
    """Pose of `name` in the CT frame of `other` (the reference does not move in its own frame)."""
    if other not in motions:
        return motions[name].pose
    a, b = motions[other].pose, motions[name].pose
    return unchecked(a.rotation.T @ b.rotation, a.rotation.T @ (b.translation - a.translation))


def carried(twist: FloatArray, arm: FloatArray) -> FloatArray:
    """The twist (6,) of a rigid body at a point `arm` away from where it is given."""
    vx, vy, vz, wx, wy, wz = twist.tolist()
    x, y, z = arm.tolist()
    return np.array([vx + wy * z - wz * y, vy + wz * x - wx * z, vz + wx * y - wy * x, wx, wy, wz])


def rotator(rotation: FloatArray) -> FloatArray:
    """(6, 6) that turns a twist or wrench."""
    block = np.zeros((6, 6))
    block[:3, :3] = block[3:, 3:] = rotation
    return block


def shifter(arm: FloatArray) -> FloatArray:
    """(6, 6) that carries a twist to a point `arm` away; its transpose brings a wrench back."""
    block = np.eye(6)
    block[:3, 3:] = -skew(arm)
    return block
