"""Where the base stands: wheels and tracker together.

Wheels slip and drift, the tracker's view is interrupted. The tracker's own place in the room is learnt while
the base stands where the wheels still know it; from then on an extended Kalman filter moves with the wheels
and is corrected by the marker on the base (Thrun, Burgard and Fox 2005, sections 3.3 and 7.5). A tracker that
is moved is not believed until its new place is learnt, again while the base stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.control.base import body_error, wrap
from rafr.geometry import RigidTransform, mean_transform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.mobile import floor_pose, floor_transform

_STANDS = 1e-3  # m, rad per odometry message: wheels that stand report noise
_TRACK = 0.1  # m: turning slips as driving so far per rad does


@dataclass(frozen=True, slots=True)
class BasePoseConfig:
    """How far wheels and tracker are to be believed."""

    slip: float = option(0.05, "error of the wheels, share of their way", lower=1e-3, upper=0.5)
    turn_slip: float = option(0.05, "error of their turn, share of it", lower=1e-3, upper=0.5)
    tracker_position: float = option(
        3e-3, "error of the base as tracked, per axis", unit="m", lower=1e-4, upper=0.05
    )
    tracker_angle: float = option(4e-3, "error of its heading", unit="rad", lower=1e-4, upper=0.1)
    learning_frames: int = option(60, "frames in which the tracker's place is learnt", lower=5, upper=1000)
    gate: float = option(
        5.0, "standard deviations beyond which a frame is not believed", lower=2.0, upper=20.0
    )


class BasePose:
    """Filter over (x, y, theta), m and rad in `world`.

    Attributes:
        pose: (3,), or None before the first odometry.   covariance: (3, 3).
        refused: tracked frames in a row that were not believed.
    """

    def __init__(self, T_base_marker: RigidTransform, config: BasePoseConfig | None = None) -> None:
        """Args: T_base_marker: m, calibrated."""
        self._T_base_marker, self._config = T_base_marker, config or BasePoseConfig()
        self._wheels: FloatArray | None = None
        self._seen: list[RigidTransform] = []
        self._T_world_tracker: RigidTransform | None = None
        self.pose: FloatArray | None = None
        self.covariance = np.zeros((3, 3))
        self.refused = 0

    @property
    def tracked(self) -> bool:
        """Whether the tracker's place in the room is known."""
        return self._T_world_tracker is not None

    def moved(self, wheels: FloatArray) -> FloatArray:
        """Take an odometry pose (3,); the pose now."""
        if self._wheels is None or self.pose is None:
            self._wheels, self.pose = wheels, wheels
            return self.pose
        step = body_error(self._wheels, wheels)
        self._wheels = wheels
        if np.abs(step).max() > _STANDS:
            self._seen.clear()  # learnt only while the base stands
        c, s = np.cos(self.pose[2]), np.sin(self.pose[2])
        turn = np.array([[c, -s], [s, c]])
        F = np.eye(3)
        F[:2, 2] = turn @ np.array([-step[1], step[0]])
        way = float(np.linalg.norm(step[:2]) + _TRACK * abs(step[2]))
        noise = np.diag(np.square([self._config.slip * way] * 2 + [self._config.turn_slip * abs(step[2])]))
        self.covariance = F @ self.covariance @ F.T + noise
        self.pose = np.array([*(self.pose[:2] + turn @ step[:2]), wrap(self.pose[2] + step[2])])
        return self.pose

    def tracked_at(self, T_tracker_marker: RigidTransform) -> float | None:
        """Take the marker on the base as the tracker sees it (m).

        Returns:
            m by which the tracker was moved, where its new place has been learnt with this frame.
        """
        if self.pose is None:
            return None
        before = self._T_world_tracker
        if before is not None:
            seen = before @ T_tracker_marker @ self._T_base_marker.inverse()
            if self._correct(np.array(floor_pose(seen))):
                self._seen.clear()
                return None
        learnt = self._learnt(T_tracker_marker)
        if learnt is None:
            return None
        self._T_world_tracker, self.refused = learnt, 0
        self._seen.clear()
        return None if before is None else float(np.linalg.norm(learnt.translation - before.translation))

    def _learnt(self, T_tracker_marker: RigidTransform) -> RigidTransform | None:
        """The tracker's place, once the base has stood for as many frames that agree about it."""
        assert self.pose is not None
        T_world_marker = floor_transform(self.pose) @ self._T_base_marker
        self._seen.append(T_world_marker @ T_tracker_marker.inverse())
        if len(self._seen) < self._config.learning_frames:
            return None
        mean = mean_transform(self._seen)
        off = max(float(np.linalg.norm(T.translation - mean.translation)) for T in self._seen)
        if off > self._config.gate * self._config.tracker_position:
            del self._seen[0]  # it is being moved still
            return None
        return mean

    def _correct(self, seen: FloatArray) -> bool:
        """Take the base's pose (3,) as tracked; False where it is not believed."""
        assert self.pose is not None
        config = self._config
        off = seen - self.pose
        off[2] = wrap(off[2])
        R = np.diag(np.square([config.tracker_position] * 2 + [config.tracker_angle]))
        S = self.covariance + R
        if off @ np.linalg.solve(S, off) > config.gate**2:
            self.refused += 1
            return False
        self.refused = 0
        gain = np.linalg.solve(S, self.covariance).T
        self.pose = self.pose + gain @ off
        self.pose[2] = wrap(self.pose[2])
        self.covariance = (np.eye(3) - gain) @ self.covariance
        return True
