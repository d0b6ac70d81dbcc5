"""When a path keeps clear of bone: it may only touch, but for what it has to be freed from or seated into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.path.config import PathConfig

GRAIN_MM = 0.1  # to which an overlap of surfaces is known; less is no change


@dataclass(frozen=True, slots=True, eq=False)
class ClearanceRule:
    """No overlap beyond `slack`, but on the first and the last `release` mm of the way.

    Fragments interdigitate, so a start may lie in other bone: disimpaction comes first. Its overlap may only
    shrink, and must be gone within `release`. A target found from fracture faces may lie in them too, by as
    much as the target search let it: the last of the way mirrors the first.

    Attributes:
        ends: (2, 6) start and target in the chart, mm.   overlap: (2,) theirs, mm, >= 0.
        slack, release: mm.
    """

    ends: FloatArray
    overlap: FloatArray
    slack: float
    release: float

    @staticmethod
    def of(ends: FloatArray, clearance: FloatArray, config: PathConfig) -> ClearanceRule:
        """Between poses (2, 6) with clearances (2,)."""
        return ClearanceRule(ends, np.maximum(-clearance, 0.0), config.slack_mm, config.release_mm)

    def allowed(self, x: FloatArray) -> FloatArray:
        """Overlap (n,) mm allowed at poses (n, 6), by how far they are from both ends."""
        share = np.clip(1.0 - self._far(x) / self.release, 0.0, 1.0)
        return np.asarray(np.maximum(self.slack, (self.overlap * share).max(axis=1) + GRAIN_MM))

    def excess(self, x: FloatArray, clearance: FloatArray) -> FloatArray:
        """(n,) mm by which poses (n, 6) of a path, in their order, break the rule; 0 where they keep it."""
        overlap, far = np.maximum(-clearance, 0.0), self._far(x)
        excess = np.maximum(overlap - self.allowed(x), 0.0)
        # leaving the start an overlap must not grow; towards the target it must not shrink
        leaving, grown = far[:, 0] < far[:, 1], np.diff(overlap)
        # (told by where the deeper one of two poses is)
        wrong = np.where(grown > 0.0, leaving[1:], ~leaving[:-1]) * np.abs(grown)
        beyond = np.maximum(overlap[1:], overlap[:-1]) > self.slack
        excess[1:] = np.maximum(excess[1:], np.where(beyond, np.maximum(wrong - GRAIN_MM, 0.0), 0.0))
        return excess

    def keeps(self, x: FloatArray, clearance: FloatArray) -> bool:
        return bool((self.excess(x, clearance) <= 0.0).all())

    def _far(self, x: FloatArray) -> FloatArray:
        """(n, 2) mm from both ends."""
        return np.asarray(np.linalg.norm(x[:, None] - self.ends, axis=2))
