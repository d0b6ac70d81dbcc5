"""How targets are searched and judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rafr.planning.target.search import SearchConfig


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """How a target is searched and judged.

    Attributes:
        search: how it is searched.
        shape_model: file of a statistical shape model (`rafr.planning.target.shape_model`), used for bodies
            without an intact counterpart; None for none.
        fewest_face_patches: independent patches of face from which their fit is judged.
        fitting_faces_share, unfit_faces_share: share of the patches that has to be explained to be accepted
            without a remark, and at all (34 fits of 3 pelves: 0.9 to 1.0; fragments of others: 0.48 to 0.6;
            a real, comminuted break: 0.63).
        largest_expected_mm: a target expected to be worse than this is not accepted.
        locked_factor, loose_factor: what the computed uncertainty is multiplied with where broken faces lock
            the body, and where they do not; locking_face_mm2: area from which on they do.
        push_share: how much of the way out of overlap counts as error. With these the 90 % bound holds for
            89 % of 192 targets on the 18 pelves of the VSD set.
        max_overlap_mm, overlap_voxels: overlap with bone in place that a target may keep at single points, mm
            and in voxels, whichever is more: surfaces meshed from voxels overlap by up to 0.78 of one
            where bones truly belong (14 fractures, voxels of 0.9 and 1.2 mm).
    """

    search: SearchConfig = field(default_factory=SearchConfig)
    shape_model: Path | None = None
    fewest_face_patches: float = 6.0
    fitting_faces_share: float = 0.85
    unfit_faces_share: float = 0.55
    locked_factor: float = 0.89
    loose_factor: float = 1.15
    locking_face_mm2: float = 600.0
    push_share: float = 0.6
    largest_expected_mm: float = 4.0
    max_overlap_mm: float = 0.4
    overlap_voxels: float = 0.8

    def allowed_overlap_mm(self, voxel_mm: float) -> float:
        """Of surfaces that were meshed from such voxels."""
        return max(self.max_overlap_mm, self.overlap_voxels * voxel_mm)
