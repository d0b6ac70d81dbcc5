"""The approved path of a fragment, and the timing a joint trajectory gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.minimum_jerk import minimum_jerk
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import BodyPlan
from rafr.units import to_metres

# Four points at this distance (m) from the pivot stand for a pose, so that path lengths and deviations
# count rotation as what it moves on a bone fragment's surface.
_LEVER = 0.05
_TETRAHEDRON = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3.0)


class ReductionPath:
    """A fragment's path `T_path_displaced(u)`, u = 0 (start) … 1 (target), in m.

    Between the plan's poses the fragment moves on a screw; u is proportional to the way of the four points.
    """

    def __init__(self, poses: Sequence[RigidTransform], pivot: FloatArray) -> None:
        """Args: poses in m; pivot (3,): the fragment's centre in its CT frame, m."""
        self.pivot = pivot
        self._poses = list(poses) if len(poses) > 1 else [poses[0], poses[0]]
        self._marks = np.array([self.signature(p) for p in self._poses])
        steps = np.linalg.norm(np.diff(self._marks, axis=0), axis=1)
        total = float(steps.sum())
        share = steps / total if total > 1e-9 else np.full(len(steps), 1.0 / len(steps))
        self._u = np.concatenate([[0.0], np.cumsum(share)])
        self._u[-1] = 1.0
        pairs = zip(self._poses[:-1], self._poses[1:], strict=True)
        self._screws = [(goal @ start.inverse()).log() for start, goal in pairs]

    @staticmethod
    def of_plan(plan: BodyPlan, pivot: FloatArray) -> ReductionPath:
        """The plan's path (its poses are mm); it ends at the plan's target."""
        poses = [to_metres(p.T_path_displaced) for p in plan.path]
        return ReductionPath(poses, pivot)

    @property
    def target(self) -> RigidTransform:
        return self._poses[-1]

    @property
    def shares(self) -> FloatArray:
        """(n,) u of the poses the path was made of."""
        return self._u

    @property
    def length(self) -> float:
        """m, what the four points travel on average."""
        return 0.5 * float(np.linalg.norm(np.diff(self._marks, axis=0), axis=1).sum())

    def signature(self, pose: RigidTransform) -> FloatArray:
        """(12,) the four points at this pose."""
        points: FloatArray = pose.apply(self.pivot + _LEVER * _TETRAHEDRON).ravel()
        return points

    def at(self, u: float) -> RigidTransform:
        u = min(max(u, 0.0), 1.0)
        i = min(int(np.searchsorted(self._u, u, side="right")) - 1, len(self._poses) - 2)
        width = self._u[i + 1] - self._u[i]
        fraction = (u - self._u[i]) / width if width > 0 else 1.0
        return RigidTransform.exp(fraction * self._screws[i]) @ self._poses[i]

    def project(self, pose: RigidTransform) -> tuple[float, float]:
        """(u of the nearest pose on the path, largest distance of a point to it in m)."""
        mark = self.signature(pose)
        start, edge = self._marks[:-1], np.diff(self._marks, axis=0)
        length = np.maximum((edge**2).sum(axis=1), 1e-18)
        fraction = np.clip(((mark - start) * edge).sum(axis=1) / length, 0.0, 1.0)
        i = int(np.argmin(np.linalg.norm(start + fraction[:, None] * edge - mark, axis=1)))
        u = float(self._u[i] + fraction[i] * (self._u[i + 1] - self._u[i]))
        return u, self.deviation(self.at(u), pose)

    def deviation(self, a: RigidTransform, b: RigidTransform) -> float:
        """Largest distance of the four points between two poses, m."""
        difference = (self.signature(a) - self.signature(b)).reshape(4, 3)
        return float(np.linalg.norm(difference, axis=1).max())


@dataclass(frozen=True, slots=True)
class PathTiming:
    """u(t) along an approved path: never decreasing towards the target, never increasing on the way back."""

    duration: float
    curve: PchipInterpolator

    def at(self, t: float) -> float:
        # rounded: the curve's last piece ends a bit short of its last point
        return round(float(np.clip(self.curve(min(max(t, 0.0), self.duration)), 0.0, 1.0)), 12)

    @property
    def end(self) -> float:
        """Share of the path at which it ends."""
        return self.at(self.duration)

    @property
    def backwards(self) -> bool:
        return self.end < self.at(0.0)


def steady_timing(path: ReductionPath, start: float, end: float, speed: float) -> PathTiming:
    """From one share of a path to another with a largest speed (m/s), smoothly begun and ended."""
    s = np.linspace(0.0, 1.0, 21)
    smooth = minimum_jerk(s)
    duration = max(1.875 * path.length * abs(end - start) / speed, 0.1)
    return PathTiming(duration, PchipInterpolator(duration * s, start + (end - start) * smooth))


def time_path(
    path: ReductionPath, t: FloatArray, fragments: Sequence[RigidTransform], tolerance: float
) -> PathTiming:
    """Take the timing, and only the timing, of a joint trajectory.

    Args:
        path: the approved path.
        t: (n,) s, increasing.
        fragments: where the trajectory would carry the fragment at `t` (m, as `path`).
        tolerance: m, how far those may lie off the path.

    Raises:
        InfeasibleError: the trajectory strays from the path, turns back on it, or ends before the target.
    """
    projected = [path.project(f) for f in fragments]
    u = np.array([p[0] for p in projected])
    off = max(p[1] for p in projected)
    at_end = path.deviation(fragments[-1], path.target)
    reasons = []
    if off > tolerance:
        reasons.append(f"the trajectory strays {1e3 * off:.1f} mm from the approved path")
    if at_end > tolerance:
        reasons.append(f"the trajectory ends {1e3 * at_end:.1f} mm from the plan's target")
    back = np.maximum.accumulate(u) - u
    if max(path.deviation(path.at(a), path.at(b)) for a, b in zip(u, u + back, strict=True)) > tolerance:
        reasons.append("the trajectory turns back on the approved path")
    if reasons:
        raise InfeasibleError(tuple(reasons))
    u = np.maximum.accumulate(u)
    # a fragment that hangs in its pins ends a little off the target: all of its way makes up for that
    way = (u - u[0]) / (u[-1] - u[0]) if u[-1] > u[0] else np.linspace(0.0, 1.0, len(u))
    u = u[0] + (1.0 - u[0]) * way
    return PathTiming(float(t[-1] - t[0]), PchipInterpolator(t - t[0], u))
