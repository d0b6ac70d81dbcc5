"""Many poses at once: a path adjusted in milliseconds has no time for one object each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """Rotations (n, 3, 3) and translations (n, 3), mm."""

    rotation: FloatArray
    translation: FloatArray

    @staticmethod
    def of(poses: Sequence[RigidTransform]) -> Poses:
        return Poses(np.array([T.rotation for T in poses]), np.array([T.translation for T in poses]))

    def __getitem__(self, index: NDArray[np.intp]) -> Poses:
        return Poses(self.rotation[index], self.translation[index])

    def apply(self, points: FloatArray) -> FloatArray:
        """(n, m, 3) of points (m, 3)."""
        moved: FloatArray = points @ self.rotation.transpose(0, 2, 1) + self.translation[:, None]
        return moved

    def displaced(self, offsets: FloatArray, pivot: FloatArray) -> Poses:
        """Each with its pivot (3,) shifted by offsets[:, :3], mm, and turned about it by offsets[:, 3:], rad.

        As `rafr.control.correction.displaced`.
        """
        rotation = Rotation.from_rotvec(offsets[:, 3:]).as_matrix() @ self.rotation
        centre = self.rotation @ pivot + self.translation
        return Poses(rotation, centre + offsets[:, :3] - rotation @ pivot)
