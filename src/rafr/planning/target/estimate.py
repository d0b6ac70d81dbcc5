"""What is unknown of a reduction: the poses of all moving bodies, the plane of symmetry, and how far the
two hips are from being mirror images of each other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rafr.geometry import Plane, RigidTransform
from rafr.geometry.rigid_transform import FloatArray

IN_PLACE = -1  # the number of the body that does not move
POSE, PLANE, ASYMMETRY = 6, 3, 6  # unknowns of each


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Where bodies and plane are believed to be.

    A step of the unknowns is a twist (translation mm, rotation rad) per body about its present centre, two
    tilts and a shift of the plane, and a twist of the asymmetry about `pivot`.

    Attributes:
        plane: the plane of symmetry; its `point` is what tilts turn about.
        pivot: (3,) a fixed point near the hips.
        poses: of every moving body, mm, from its CT coordinates.
        centres: (3,) of every moving body as displaced.
        asymmetry: takes the mirror image of the right hip to where the left hip really is, mm.
    """

    plane: Plane
    pivot: FloatArray
    poses: tuple[RigidTransform, ...] = ()
    centres: tuple[FloatArray, ...] = ()
    asymmetry: RigidTransform = field(default_factory=RigidTransform.identity)

    @property
    def size(self) -> int:
        return POSE * len(self.poses) + PLANE + ASYMMETRY

    def pose_of(self, body: int) -> RigidTransform:
        return RigidTransform.identity() if body == IN_PLACE else self.poses[body]

    def centre_of(self, body: int) -> FloatArray:
        """(3,) of a moving body, where it is believed to be."""
        return self.poses[body].apply(self.centres[body])

    def pose_columns(self, body: int) -> slice:
        return slice(POSE * body, POSE * (body + 1))

    @property
    def plane_columns(self) -> slice:
        return slice(self.size - ASYMMETRY - PLANE, self.size - ASYMMETRY)

    @property
    def asymmetry_columns(self) -> slice:
        return slice(self.size - ASYMMETRY, self.size)

    def moved(self, step: FloatArray) -> Estimate:
        """Apply a step (size,) of the unknowns."""
        poses = []
        for k, T in enumerate(self.poses):
            twist = step[self.pose_columns(k)]
            turn = RigidTransform.about_point(twist[3:], self.centre_of(k))
            poses.append((RigidTransform.from_translation(twist[:3]) @ turn @ T).renormalised())
        tilt_u, tilt_v, shift = step[self.plane_columns]
        u, v = tangents(self.plane)
        normal = self.plane.normal + tilt_u * u + tilt_v * v
        plane = Plane(self.plane.point + shift * self.plane.normal, normal)
        twist = step[self.asymmetry_columns]
        turn = RigidTransform.about_point(twist[3:], self.asymmetry.apply(self.pivot))
        asymmetry = RigidTransform.from_translation(twist[:3]) @ turn @ self.asymmetry
        return Estimate(plane, self.pivot, tuple(poses), self.centres, asymmetry.renormalised())

    def lengths_and_angles(self, step: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Magnitudes of a step's components in mm, and of those in rad."""
        turns = np.tile([False, False, False, True, True, True], len(self.poses) + 1)
        angular = np.concatenate([turns[:-ASYMMETRY], [True, True, False], turns[-ASYMMETRY:]])
        return np.abs(step[~angular]), np.abs(step[angular])

    def with_pose(self, body: int, T: RigidTransform) -> Estimate:
        poses = (*self.poses[:body], T, *self.poses[body + 1 :])
        return Estimate(self.plane, self.pivot, poses, self.centres, self.asymmetry)

    def joined_by(self, T: RigidTransform, centre: FloatArray) -> Estimate:
        """With one more body."""
        return Estimate(self.plane, self.pivot, (*self.poses, T), (*self.centres, centre), self.asymmetry)

    def with_plane_of(self, other: Estimate) -> Estimate:
        """These poses with another estimate's plane and asymmetry."""
        return Estimate(other.plane, other.pivot, self.poses, self.centres, other.asymmetry)

    def image(self, bone: str, points: FloatArray) -> FloatArray:
        """Where the counterparts of a bone's points (n, 3) are expected on the other side."""
        if bone == "left_hip":
            return self.plane.reflect(self.asymmetry.inverse().apply(points))
        image = self.plane.reflect(points)
        return self.asymmetry.apply(image) if bone == "right_hip" else image

    def image_direction(self, bone: str, directions: FloatArray) -> FloatArray:
        if bone == "left_hip":
            return self.plane.reflect_direction(self.asymmetry.inverse().rotate(directions))
        image = self.plane.reflect_direction(directions)
        return self.asymmetry.rotate(image) if bone == "right_hip" else image


def tangents(plane: Plane) -> tuple[FloatArray, FloatArray]:
    """Two unit vectors (3,) that span the plane."""
    helper = np.eye(3)[np.argmin(np.abs(plane.normal))]
    u = np.cross(plane.normal, helper)
    u /= np.linalg.norm(u)
    return u, np.cross(plane.normal, u)


def twist_rows(n: FloatArray, x: FloatArray, centre: FloatArray) -> FloatArray:
    """d(n · x) for a twist of points (k, 3) about a centre, (k, 6)."""
    return np.hstack([n, np.cross(x - centre, n)])


def plane_rows(n: FloatArray, x: FloatArray, plane: Plane) -> FloatArray:
    """d(n · reflect(x)) for tilts and shift of the plane, (k, 3)."""
    relative = x - plane.point
    s = relative @ plane.normal
    along = n @ plane.normal
    tilts = [-2.0 * ((relative @ t) * along + s * (n @ t)) for t in tangents(plane)]
    return np.column_stack([*tilts, 2.0 * along])
