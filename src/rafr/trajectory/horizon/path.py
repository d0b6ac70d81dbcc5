"""A fragment's path in the arm's axes, parametrised by the seconds it takes at full speed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue.cables import skew_all
from rafr.trajectory.paths import ClampSpeed

_STANDING = 1e-9  # s at full speed: poses closer than this are one


class FragmentPath:
    """`T_armbase_fragment(s)`, s = 0 … `length`: screw motions from pose to pose.

    The fragment frame has its origin in the fragment's centre, so that the speed is the centre's.
    """

    def __init__(self, poses: Sequence[RigidTransform], speed: ClampSpeed) -> None:
        """Args: poses in m.

        Raises:
            InfeasibleError: fewer than two different poses.
        """
        kept = [*poses[:1]]
        for pose in poses[1:]:
            if speed.lengths([kept[-1], pose])[0] > _STANDING:
                kept.append(pose)
        if len(kept) < 2:
            raise InfeasibleError(("the path has no length",))
        seconds = speed.lengths(kept)
        self._speed = speed
        self._start = np.concatenate([[0.0], np.cumsum(seconds)])
        self._R = np.array([p.rotation for p in kept[:-1]])
        self._p = np.array([p.translation for p in kept[:-1]])
        # body twists, constant along each screw
        self._twist = np.array([(a.inverse() @ b).log() for a, b in pairwise(kept)]) / seconds[:, None]

    @property
    def length(self) -> float:
        """s of the last pose: seconds at full speed."""
        return float(self._start[-1])

    def at(self, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Rotations (n, 3, 3) and centres (n, 3), m, at s (n,)."""
        i, ds = self._segment(s)
        turn, shift = _exponential(self._twist[i] * ds[:, None])
        return self._R[i] @ turn, self._p[i] + (self._R[i] @ shift[:, :, None])[:, :, 0]

    def tangents(self, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """At s (n,): velocity of the centre (n, 3) in `arm_base` axes, turn rate (n, 3) in the fragment's."""
        i, ds = self._segment(s)
        turn, _ = _exponential(self._twist[i] * ds[:, None])
        linear = (self._R[i] @ turn @ self._twist[i, :3, None])[:, :, 0]
        return linear, self._twist[i, 3:]

    def project(self, pose: RigidTransform, near: float | None = None, reach: float = 1.0) -> float:
        """s of the path's pose nearest to a pose; `near`: only within `reach` s of there."""
        low, high = (0.0, self.length) if near is None else (near - reach, near + reach)
        for _ in range(2 if near is not None else 3):
            s = np.clip(np.linspace(low, high, 33), 0.0, self.length)
            R, p = self.at(s)
            way = np.linalg.norm(p - pose.translation, axis=1) / self._speed.linear
            turn = rotation_vectors(np.swapaxes(R, 1, 2) @ pose.rotation) / self._speed.angular
            best = int(np.argmin(way**2 + (turn**2).sum(axis=1)))
            low, high = s[max(best - 1, 0)], s[min(best + 1, len(s) - 1)]
        return float(s[best])

    def _segment(self, s: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        s = np.clip(s, 0.0, self.length)
        i = np.clip(np.searchsorted(self._start, s, side="right") - 1, 0, len(self._R) - 1)
        return i, s - self._start[i]


def rotation_vectors(R: FloatArray) -> FloatArray:
    """(n, 3) rotation vectors of (n, 3, 3), for angles below a half turn."""
    axis = 0.5 * np.stack([R[:, 2, 1] - R[:, 1, 2], R[:, 0, 2] - R[:, 2, 0], R[:, 1, 0] - R[:, 0, 1]], axis=1)
    sine = np.linalg.norm(axis, axis=1)
    angle = np.arctan2(sine, 0.5 * (np.trace(R, axis1=1, axis2=2) - 1.0))
    vectors: FloatArray = axis * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 1.0)[:, None]
    return vectors


def _exponential(twist: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rotations (n, 3, 3) and translations (n, 3) of twists (n, 6), as `RigidTransform.exp`."""
    w = twist[:, 3:]
    angle = np.linalg.norm(w, axis=1)[:, None, None]
    K, safe = skew_all(w), np.maximum(angle, 1e-8)
    K2 = K @ K
    # below 1e-8 rad the matrices vanish and any finite factor serves
    sine, cosine = np.sin(safe) / safe, (1.0 - np.cos(safe)) / safe**2
    R = np.eye(3) + sine * K + cosine * K2
    V = np.eye(3) + cosine * K + (1.0 - sine) / safe**2 * K2
    return R, (V @ twist[:, :3, None])[:, :, 0]
