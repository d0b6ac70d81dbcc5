"""TotalSegmentator (Wasserthal 2023, doi 10.1148/ryai.230024), where its user has installed it.

It finds whole bones, not fragments; its weights are fetched by the tool itself on the first call.
"""

from __future__ import annotations

import importlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rafr.errors import InputError
from rafr.imaging.readers import read_volume
from rafr.imaging.volume import Volume, write_volume
from rafr.progress import Progress, silent
from rafr.segmentation.label_import import on_grid, refuse_seeds
from rafr.segmentation.label_table import TOTALSEGMENTATOR, translated
from rafr.segmentation.seeds import Seeds
from rafr.segmentation.segmenter import Segmentation

_ROIS = ["sacrum", "hip_left", "hip_right"]


@dataclass(frozen=True, slots=True)
class TotalSegmentator:
    """Runs the tool's Python interface on a temporary copy of the CT.

    Attributes:
        fast: its 3 mm model instead of the 1.5 mm one.
        device: cpu, gpu or gpu:N.
    """

    fast: bool = False
    device: str = "cpu"

    def segment(self, ct: Volume, seeds: Seeds | None, progress: Progress = silent) -> Segmentation:
        refuse_seeds(seeds, "totalsegmentator")
        run = _interface()
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "ct.nii.gz", Path(folder) / "labels.nii.gz"
            progress(0.0, "writing the CT for TotalSegmentator")
            write_volume(source, ct)
            progress(0.1, "TotalSegmentator")
            try:
                run(
                    source,
                    target,
                    ml=True,
                    task="total",
                    roi_subset=_ROIS,
                    fast=self.fast,
                    device=self.device,
                    quiet=True,
                )
            except (Exception, SystemExit) as error:  # a foreign tool raises anything
                problem = " ".join(str(error).split())[:160] or type(error).__name__
                raise InputError(
                    "totalsegmentator", f"failed ({problem})", "a working TotalSegmentator"
                ) from None
            progress(0.9, "reading its labels")
            if not target.is_file():
                raise InputError("totalsegmentator", "wrote no labels", "a working TotalSegmentator")
            labels = translated(read_volume(target), TOTALSEGMENTATOR, "TotalSegmentator's labels")
        return Segmentation(
            on_grid(labels, ct, "TotalSegmentator's labels"), notes=("whole bones, no fragments",)
        )


def _interface() -> Any:
    try:
        return importlib.import_module("totalsegmentator.python_api").totalsegmentator
    except (ImportError, AttributeError) as error:
        problem = f"cannot be loaded ({' '.join(str(error).split())[:100]})"
        raise InputError("totalsegmentator", problem, "pip install TotalSegmentator (version 2)") from None
