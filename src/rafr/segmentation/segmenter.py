"""What every method of segmentation offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from rafr.imaging.volume import Volume
from rafr.progress import Progress
from rafr.segmentation.seeds import Seeds


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """What a method found.

    Attributes:
        labels: uint8 on the CT's grid; 0 background, 1-10 sacrum, 11-20 left hip, 21-30 right hip.
        seeds: points that lead to these labels again, where the method works with seeds.
        notes: one sentence per finding worth a person's look.
    """

    labels: Volume
    seeds: Seeds | None = None
    notes: tuple[str, ...] = field(default=())


class Segmenter(Protocol):
    """A method. `segment` raises InputError where the CT, the seeds or the machine will not do."""

    def segment(self, ct: Volume, seeds: Seeds | None, progress: Progress) -> Segmentation:
        """Find the bones and their fragments.

        Args:
            ct: HU, any grid.
            seeds: a person's points; None to find everything alone.
        """
