"""A tracked probe held to bone: an independent look at a registration.

Touching says nothing about a shift along the surface touched: the normals where the touches lie must face
three ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.assessment import Assessment
from rafr.config import option
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface
from rafr.units import METRES_PER_MM

_FACING = 0.1  # mean square of the normals along a direction, 1/3 where they face all ways alike


@dataclass(frozen=True, slots=True)
class ProbeConfig:
    """Tunables of the check."""

    tip_x: float = option(0.0, "of the tip in the probe's marker frame", unit="m", lower=-0.5, upper=0.5)
    tip_y: float = option(0.0, "likewise", unit="m", lower=-0.5, upper=0.5)
    tip_z: float = option(0.0, "likewise", unit="m", lower=-0.5, upper=0.5)
    max_distance: float = option(
        2.0e-3, "largest distance of a touch from the registered bone", unit="m", lower=1e-4, upper=0.02
    )
    max_mean: float = option(1.0e-3, "largest mean distance", unit="m", lower=1e-4, upper=0.02)
    touches: int = option(4, "that are needed for a verdict", lower=1, upper=100)

    @property
    def tip(self) -> FloatArray:
        """(3,) m."""
        return np.array([self.tip_x, self.tip_y, self.tip_z])


@dataclass(frozen=True, slots=True)
class Touch:
    """A place touched: its distance (m, positive outside) from the registered bone, the normal (3,) there."""

    distance: float
    normal: tuple[float, float, float]


def tip_in_bone(
    T_marker_ct: RigidTransform,
    T_tracker_marker: RigidTransform,
    T_tracker_probe: RigidTransform,
    tip: FloatArray,
) -> FloatArray:
    """(3,) the probe's tip in a body's CT coordinates; all in m.

    Args:
        T_marker_ct: the body's registration to its own tool.
        T_tracker_marker, T_tracker_probe: that tool and the probe, seen at the same time.
    """
    T_ct_probe = T_marker_ct.inverse() @ T_tracker_marker.inverse() @ T_tracker_probe
    return np.asarray(T_ct_probe.apply(tip))


def touch(mesh: TriangleMesh, point: FloatArray) -> Touch:
    """Args: mesh: the body in its CT, LPS mm; point (3,): what the tip touches, m in the same frame."""
    at = (point / METRES_PER_MM)[None]
    nearest = Surface.of(mesh).closest(at)
    normal = nearest.normals[0]
    off = float((at[0] - nearest.points[0]) @ normal)
    distance = float(np.copysign(nearest.distance[0], off)) * METRES_PER_MM
    return Touch(distance, (float(normal[0]), float(normal[1]), float(normal[2])))


def judge_touches(touches: Sequence[Touch], config: ProbeConfig) -> Assessment:
    """Whether what was touched agrees with the registration; refused also where too little was touched."""
    reasons = contradictions(touches, config)
    if not reasons and len(touches) < config.touches:
        reasons = (f"{len(touches)} places touched, {config.touches} needed",)
    elif not reasons and not _face_three_ways(touches):
        reasons = ("the places touched face alike: touch others, a shift along them is not seen",)
    return Assessment(not reasons, reasons)


def contradictions(touches: Sequence[Touch], config: ProbeConfig) -> tuple[str, ...]:
    """What shows that the registration, or the probe's tip, is wrong."""
    distances = [abs(t.distance) for t in touches]
    reasons = []
    if max(distances, default=0.0) > config.max_distance:
        limit = 1e3 * config.max_distance
        reasons.append(
            f"a touch lies {1e3 * max(distances):.1f} mm off the registered bone (limit {limit:.1f} mm)"
        )
    if len(distances) >= config.touches and np.mean(distances) > config.max_mean:
        limit, mean = 1e3 * config.max_mean, 1e3 * float(np.mean(distances))
        reasons.append(f"{len(distances)} touches lie {mean:.1f} mm off in the mean (limit {limit:.1f} mm)")
    return tuple(reasons)


def _face_three_ways(touches: Sequence[Touch]) -> bool:
    normals = np.array([t.normal for t in touches])
    return bool(np.linalg.eigvalsh(normals.T @ normals / len(normals))[0] > _FACING)
