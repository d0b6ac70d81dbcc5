"""The one place where units change.

Image space, reports and plots use mm and degrees; everything else is SI. Transforms between
image-space frames carry mm translations and become SI with `to_metres`.
"""

from __future__ import annotations

from rafr.geometry.rigid_transform import RigidTransform

METRES_PER_MM = 1e-3


def to_metres(transform_mm: RigidTransform) -> RigidTransform:
    """The same motion with its translation in m instead of mm."""
    return transform_mm.with_scaled_translation(METRES_PER_MM)


def to_mm(transform: RigidTransform) -> RigidTransform:
    """The same motion with its translation in mm instead of m."""
    return transform.with_scaled_translation(1.0 / METRES_PER_MM)
