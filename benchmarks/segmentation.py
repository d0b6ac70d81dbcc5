"""Classical segmentation against known labels: IoU per bone and fragment, time, memory; JSON and a table.

    python benchmarks/segmentation.py CASE… [--json FILE]

CASE is a case folder or the folder of a PENGWIN patient. A fragment is compared with the found piece it is
paired with (most overlap in all, each used once); `extra` are pieces found that pair with none.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rafr.cases.pengwin import is_pengwin_folder, read_pengwin
from rafr.imaging.readers import read_labels, read_volume
from rafr.imaging.segmentation import BONES
from rafr.imaging.volume import Volume
from rafr.segmentation.classical.atlas import average_atlas
from rafr.segmentation.classical.method import ClassicalSegmenter


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", metavar="CASE", nargs="+", type=Path)
    parser.add_argument("--json", metavar="FILE", type=Path)
    args = parser.parse_args()
    started = time.perf_counter()
    average_atlas()
    results: dict[str, Any] = {"atlas_seconds": round(time.perf_counter() - started, 1), "cases": {}}
    for folder in args.cases:
        ct, labels = _read(folder)
        wall, cpu = time.perf_counter(), time.process_time()
        found = ClassicalSegmenter().segment(ct, None).labels
        result = compared(found.array, labels.array, float(np.prod(ct.spacing)) / 1000.0)
        result["seconds"] = round(time.perf_counter() - wall, 1)
        result["cpu_seconds"] = round(time.process_time() - cpu, 1)
        result["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)
        results["cases"][folder.name] = result
        print(_row(folder.name, result), flush=True)
        if args.json:
            args.json.write_text(json.dumps(results, indent=1))
    return 0


def _read(folder: Path) -> tuple[Volume, Volume]:
    if is_pengwin_folder(folder):
        patient = read_pengwin(folder)
        return patient.ct, patient.labels
    return read_volume(folder / "ct.nii.gz"), read_labels(folder / "labels.nii.gz")


def compared(found: NDArray[np.uint8], truth: NDArray[np.uint8], voxel_cm3: float) -> dict[str, Any]:
    """IoU and Dice per bone, IoU per true fragment, volumes (cm³) of pieces without a partner."""
    overlap = np.bincount(found.ravel().astype(int) * 32 + truth.ravel(), minlength=1024).reshape(32, 32)
    result: dict[str, Any] = {"bones": {}, "fragments": {}, "extra": {}}
    for name, values in BONES.items():
        both = float(overlap[values.start : values.stop, values.start : values.stop].sum())
        mine = float(overlap[values.start : values.stop].sum())
        theirs = float(overlap[:, values.start : values.stop].sum())
        scores = {"iou": both / (mine + theirs - both), "dice": 2 * both / (mine + theirs)}
        result["bones"][name] = {k: round(v, 3) for k, v in scores.items()}
        here = [v for v in values if overlap[v].any()]
        wanted = [v for v in values if overlap[:, v].any()]
        union = overlap.sum(1)[here][:, None] + overlap.sum(0)[wanted][None] - overlap[np.ix_(here, wanted)]
        iou = overlap[np.ix_(here, wanted)] / np.maximum(union, 1)
        rows, columns = linear_sum_assignment(-iou)
        paired = {wanted[c]: (here[r], float(iou[r, c])) for r, c in zip(rows, columns, strict=True)}
        for value in wanted:
            volume = round(float(overlap[:, value].sum()) * voxel_cm3, 1)
            result["fragments"][value] = {"cm3": volume, "iou": round(paired.get(value, (0, 0.0))[1], 3)}
        used = {piece for piece, _ in paired.values()}
        result["extra"] |= {v: round(float(overlap[v].sum()) * voxel_cm3, 1) for v in here if v not in used}
    return result


def _row(name: str, result: dict[str, Any]) -> str:
    bones = " | ".join(f"{b['iou']:.3f}" for b in result["bones"].values())
    pieces = ", ".join(f"{v}: {f['iou']:.2f} ({f['cm3']:.0f} cm³)" for v, f in result["fragments"].items())
    extra = ", ".join(f"{v} ({c:.0f} cm³)" for v, c in result["extra"].items()) or "–"
    cost = f"{result['cpu_seconds']:.0f} s, {result['peak_gb']:.1f} GB"
    return f"| {name} | {bones} | {pieces} | {extra} | {cost} |"


if __name__ == "__main__":
    raise SystemExit(main())
