"""Labels another tool has made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rafr.errors import InputError
from rafr.imaging.readers import read_volume
from rafr.imaging.volume import Volume
from rafr.progress import Progress, silent
from rafr.segmentation.label_table import PENGWIN, translated
from rafr.segmentation.seeds import Seeds
from rafr.segmentation.segmenter import Segmentation


@dataclass(frozen=True, slots=True)
class LabelImport:
    """Reads a label image and translates its values.

    Attributes:
        path: the label image, on the CT's grid or any other (then carried to the CT's, nearest neighbour).
        table: its values to rafr's.
    """

    path: Path
    table: dict[int, int]

    def segment(self, ct: Volume, seeds: Seeds | None, progress: Progress = silent) -> Segmentation:
        refuse_seeds(seeds, "import")
        progress(0.0, "reading the labels")
        foreign = read_volume(self.path)
        progress(0.6, "translating")
        return Segmentation(on_grid(translated(foreign, self.table, self.path), ct, self.path))


def import_labels(labels: str | None = None, table: dict[int, int] | None = None) -> LabelImport:
    """The importer for the options of the command line.

    Raises:
        InputError: no label image is named.
    """
    if labels is None:
        raise InputError("--labels", "is missing", "the label image that is to be imported")
    return LabelImport(Path(labels), table or PENGWIN)


def on_grid(labels: Volume, ct: Volume, source: str | Path) -> Volume:
    """Labels on the CT's grid.

    Raises:
        InputError: the two do not overlap.
    """
    if labels.same_grid(ct):
        return labels
    from rafr.geometry import RigidTransform
    from rafr.imaging.resample import resample

    moved = resample(labels, ct, RigidTransform.identity(), outside=0.0, nearest=True)
    if not moved.array.any():
        raise InputError(source, "does not overlap with the CT", "labels in the CT's physical space")
    return moved.with_array(moved.array.astype(np.uint8))


def refuse_seeds(seeds: Seeds | None, method: str) -> None:
    """Raise InputError where seeds are given to a method that has no use for them."""
    if seeds is not None:
        raise InputError("--seeds", f"the method {method} takes no seeds", "--method classical")
