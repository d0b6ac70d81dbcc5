"""Where a plane cuts a body: short segments, found in milliseconds for hundreds of thousands of triangles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray


class MeshCutter:
    """A surface prepared to be cut by many planes, wherever it has been moved."""

    def __init__(self, mesh: TriangleMesh) -> None:
        """`mesh`: LPS mm in the CT."""
        self._vertices = mesh.vertices.astype(np.float32)
        self._corners = np.ascontiguousarray(mesh.faces.T.astype(np.int32))

    def cut(self, pose: RigidTransform, normal: FloatArray, offset_mm: float) -> FloatArray:
        """(n, 2, 3) segments, mm, in which the plane `normal · x = offset_mm` meets the moved surface.

        Args:
            pose: `T_current_displaced`, mm.
        """
        # the plane moves instead of the vertices: only what it meets is moved to where it is shown
        here = (pose.rotation.T @ normal).astype(np.float32)
        height: NDArray[np.float32] = self._vertices @ here
        height += np.float32(normal @ pose.translation - offset_mm)
        above = height > 0
        a, b, c = (above.take(corner) for corner in self._corners)
        met = np.flatnonzero((a != b) | (a != c))
        # the corner that lies alone on its side; the sides from it to the two others are crossed
        alone = np.where(a[met] == b[met], 2, np.where(a[met] == c[met], 1, 0))
        lone, first, second = (self._corners[(alone + k) % 3, met] for k in range(3))
        ends = [self._crossing(height, lone, other) for other in (first, second)]
        return pose.apply(np.stack(ends, axis=1))

    def _crossing(
        self, height: NDArray[np.float32], start: NDArray[np.int32], end: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """(n, 3) where the sides from vertex `start` to `end` (n,) pass through height 0."""
        share = height[start] / (height[start] - height[end])
        low, high = self._vertices[start], self._vertices[end]
        point: NDArray[np.float32] = low + share[:, None] * (high - low)
        return point
