"""Proper rigid motions of 3-space, SE(3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from rafr.errors import RafrError

FloatArray = NDArray[np.float64]

_ORTHONORMAL_TOLERANCE = 1e-6


def skew(v: ArrayLike) -> FloatArray:
    """Cross-product matrix: `skew(a) @ b == cross(a, b)`."""
    x, y, z = np.asarray(v, dtype=float)
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def _is_rotation(matrix: FloatArray) -> bool:
    """Whether a (3, 3) matrix is finite, orthonormal and no reflection.

    In plain numbers: every transform is looked at, and numpy takes four times as long for so few.
    """
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    products = (
        a * a + b * b + c * c - 1.0, d * d + e * e + f * f - 1.0, g * g + h * h + i * i - 1.0,
        a * d + b * e + c * f, a * g + b * h + c * i, d * g + e * h + f * i,
    )  # fmt: skip
    orthonormal = all(-_ORTHONORMAL_TOLERANCE < p < _ORTHONORMAL_TOLERANCE for p in products)
    return orthonormal and a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) > 0.0


@dataclass(frozen=True, slots=True, eq=False)
class RigidTransform:
    """`T_a_b`: maps b-coordinates into a, `p_a = T_a_b.apply(p_b)`.

    The unit of the translation is that of the points it is used with (m, or mm in image space).
    A reflection is refused: mirroring lives in `rafr.geometry.plane`.

    Attributes:
        rotation: (3, 3) rotation matrix, determinant +1.
        translation: (3,).
    """

    rotation: FloatArray
    translation: FloatArray

    def __post_init__(self) -> None:
        rotation = np.asarray(self.rotation, dtype=float)
        translation = np.asarray(self.translation, dtype=float)
        if rotation.shape != (3, 3) or translation.shape != (3,):
            raise RafrError(
                f"a rigid transform needs a (3, 3) rotation and a (3,) translation, "
                f"got {rotation.shape} and {translation.shape}"
            )
        if not (all(map(math.isfinite, translation.tolist())) and _is_rotation(rotation)):
            raise RafrError("not a proper rigid transform: non-finite, not orthonormal or a reflection")
        rotation.setflags(write=False)
        translation.setflags(write=False)
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(self, "translation", translation)

    @staticmethod
    def identity() -> RigidTransform:
        return RigidTransform(np.eye(3), np.zeros(3))

    @staticmethod
    def from_translation(translation: ArrayLike) -> RigidTransform:
        return RigidTransform(np.eye(3), np.array(translation, dtype=float))

    @staticmethod
    def from_matrix(matrix: ArrayLike) -> RigidTransform:
        """From a (4, 4) homogeneous matrix; raises RafrError if it is not a proper motion."""
        m = np.array(matrix, dtype=float)
        if m.shape != (4, 4) or not np.allclose(m[3], [0, 0, 0, 1], atol=1e-9):
            raise RafrError("not a homogeneous 4x4 matrix with last row [0, 0, 0, 1]")
        return RigidTransform(m[:3, :3], m[:3, 3])

    @staticmethod
    def from_rotvec(rotvec: ArrayLike, translation: ArrayLike = (0.0, 0.0, 0.0)) -> RigidTransform:
        """From a rotation vector (axis times angle in rad) and a translation."""
        rotation = Rotation.from_rotvec(np.asarray(rotvec, dtype=float)).as_matrix()
        return RigidTransform(rotation, np.array(translation, dtype=float))

    @staticmethod
    def about_point(rotvec: ArrayLike, point: ArrayLike) -> RigidTransform:
        """The rotation by `rotvec` (rad) that leaves `point` (3,) where it is."""
        rotation = Rotation.from_rotvec(np.asarray(rotvec, dtype=float)).as_matrix()
        p = np.asarray(point, dtype=float)
        return RigidTransform(rotation, p - rotation @ p)

    @staticmethod
    def from_quaternion_xyzw(quaternion: ArrayLike, translation: ArrayLike) -> RigidTransform:
        """For message conversion only; the core has no other quaternion order."""
        rotation = Rotation.from_quat(np.asarray(quaternion, dtype=float)).as_matrix()
        return RigidTransform(rotation, np.array(translation, dtype=float))

    @staticmethod
    def exp(twist: ArrayLike) -> RigidTransform:
        """Exponential map of a twist (v, w), (6,); Murray, Li, Sastry 1994, eq. 2.36."""
        v, w = np.split(np.asarray(twist, dtype=float), 2)
        angle = float(np.linalg.norm(w))
        k = skew(w)
        if angle < 1e-8:
            left_jacobian = np.eye(3) + 0.5 * k
        else:
            left_jacobian = (
                np.eye(3) + (1 - np.cos(angle)) / angle**2 * k + (angle - np.sin(angle)) / angle**3 * (k @ k)
            )
        return RigidTransform(Rotation.from_rotvec(w).as_matrix(), left_jacobian @ v)

    def log(self) -> FloatArray:
        """Inverse of `exp`: the twist (v, w), (6,), with |w| <= pi."""
        w = self.rotvec
        angle = float(np.linalg.norm(w))
        k = skew(w)
        if angle < 1e-8:
            inverse = np.eye(3) - 0.5 * k
        else:
            half = 0.5 * angle
            inverse = np.eye(3) - 0.5 * k + (1 - half / np.tan(half)) / angle**2 * (k @ k)
        return np.concatenate([inverse @ self.translation, w])

    @property
    def rotvec(self) -> FloatArray:
        """Rotation vector (3,), rad."""
        return np.asarray(Rotation.from_matrix(self.rotation).as_rotvec(), dtype=float)

    @property
    def quaternion_xyzw(self) -> FloatArray:
        return np.asarray(Rotation.from_matrix(self.rotation).as_quat(), dtype=float)

    @property
    def angle(self) -> float:
        """Rotation angle in rad, 0..pi."""
        return float(np.linalg.norm(self.rotvec))

    @property
    def matrix(self) -> FloatArray:
        """(4, 4) homogeneous matrix."""
        m = np.eye(4)
        m[:3, :3] = self.rotation
        m[:3, 3] = self.translation
        return m

    def tolist(self) -> list[list[float]]:
        """4x4 nested lists, as in every JSON file of rafr."""
        matrix: list[list[float]] = self.matrix.tolist()
        return matrix

    def inverse(self) -> RigidTransform:
        return RigidTransform(self.rotation.T.copy(), -self.rotation.T @ self.translation)

    def __matmul__(self, other: RigidTransform) -> RigidTransform:
        """`T_a_c = T_a_b @ T_b_c`."""
        rotation = self.rotation @ other.rotation
        return RigidTransform(rotation, self.rotation @ other.translation + self.translation)

    def apply(self, points: ArrayLike) -> FloatArray:
        """Move points (..., 3)."""
        return np.asarray(points, dtype=float) @ self.rotation.T + self.translation

    def rotate(self, vectors: ArrayLike) -> FloatArray:
        """Turn free vectors (..., 3)."""
        return np.asarray(vectors, dtype=float) @ self.rotation.T

    def with_scaled_translation(self, factor: float) -> RigidTransform:
        return RigidTransform(self.rotation, self.translation * factor)

    def renormalised(self) -> RigidTransform:
        """The nearest proper motion, for products of many transforms (SVD projection)."""
        u, _, vt = np.linalg.svd(self.rotation)
        return RigidTransform(u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt, self.translation)


def screw_interpolate(
    start: RigidTransform, goal: RigidTransform, fractions: ArrayLike
) -> list[RigidTransform]:
    """Poses along the constant screw motion from `start` (fraction 0) to `goal` (1)."""
    twist = (goal @ start.inverse()).log()
    return [RigidTransform.exp(float(f) * twist) @ start for f in np.atleast_1d(fractions)]


def fit_rigid(source: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None) -> RigidTransform:
    """Least-squares `T_target_source` of paired points, (n, 3) each; Arun 1987 / Umeyama 1991.

    Raises:
        RafrError: fewer than three pairs, or shapes that do not match.
    """
    a = np.asarray(source, dtype=float)
    b = np.asarray(target, dtype=float)
    if a.shape != b.shape or a.ndim != 2 or a.shape[1] != 3 or len(a) < 3:
        raise RafrError(f"paired points must be two (n >= 3, 3) arrays, got {a.shape}, {b.shape}")
    w = np.ones(len(a)) if weights is None else np.asarray(weights, dtype=float)
    w = w / w.sum()
    centre_a, centre_b = w @ a, w @ b
    u, _, vt = np.linalg.svd((b - centre_b).T @ ((a - centre_a) * w[:, None]))
    rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    return RigidTransform(rotation, centre_b - rotation @ centre_a)


def mean_transform(transforms: Sequence[RigidTransform]) -> RigidTransform:
    """Mean motion: arithmetic mean of translations, chordal mean of rotations."""
    rotation = Rotation.from_matrix([t.rotation for t in transforms]).mean().as_matrix()
    return RigidTransform(rotation, np.mean([t.translation for t in transforms], axis=0))
