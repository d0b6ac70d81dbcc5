"""Open a case folder and its images, refusing what could not be planned on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rafr.cases.case import CASE_FILE, Body, Case, load_case
from rafr.errors import InputError
from rafr.imaging.readers import read_grid, read_labels, read_volume
from rafr.imaging.segmentation import LEFT_HIP, RIGHT_HIP, label_counts
from rafr.imaging.volume import Volume

_SMALLEST_BODY = 8  # voxels: less is a stray mark, no bone
_SAMPLES = 100  # along an axis: enough to say where a hip is


def load_ct(case: Case) -> Volume:
    """The planning CT in HU, LPS mm.

    Raises:
        InputError: unreadable, not 3-D or not finite.
    """
    return read_volume(case.ct)


def load_labels(case: Case) -> Volume:
    """The segmentation (uint8), on the CT's grid.

    Raises:
        InputError: unreadable, values outside 0..30, another grid than the CT's, or a body of the
            case without voxels.
    """
    labels = read_labels(case.labels)
    check_same_grid(case.labels, labels, case.ct, read_grid(case.ct))
    _check_bodies(case, labels)
    return labels


def open_case(folder: Path | str, *, voxels: bool = True) -> Case:
    """Read a case folder and check everything it holds; bodies are proposed where it names none.

    Args:
        voxels: of the CT are checked now, else by whoever reads them first.

    Raises:
        InputError: anything about the folder that cannot be used, in one line.
    """
    from rafr.cases.bodies import propose_bodies

    case = load_case(folder)
    labels = load_labels(case)
    check_sides(case.labels, labels)
    if voxels:
        load_ct(case)
    if case.cbct is not None:
        read_grid(case.cbct)
    if not case.bodies:
        case = case.with_bodies(propose_bodies(labels))
    if len(case.bodies) < 2:
        raise InputError(case.folder / CASE_FILE, "there is one body only", "a reference and a moving body")
    return case


def check_same_grid(path: Path, volume: Volume, other_path: Path, other: Volume) -> None:
    """Raise InputError unless both volumes sample the same points."""
    if not volume.same_grid(other):
        raise InputError(
            path,
            f"its grid ({_grid(volume)}) is not that of {other_path} ({_grid(other)})",
            "one grid for both",
        )


def check_sides(path: Path, labels: Volume) -> None:
    """Raise InputError where the left hip lies to the right of the right hip (LPS x points left)."""
    left, right = (_mean_x(labels, values) for values in (LEFT_HIP, RIGHT_HIP))
    if left is not None and right is not None and left < right:
        raise InputError(
            path,
            f"the left hip (x = {left:.0f} mm) lies to the right of the right hip (x = {right:.0f} mm)",
            "labels 11-20 on the patient's left, LPS x pointing left",
        )


def _mean_x(labels: Volume, values: range) -> float | None:
    step = max(1, min(labels.size) // _SAMPLES)
    array = labels.array[::step, ::step, ::step]
    mask = (array >= values.start) & (array < values.stop)
    if not mask.any():
        return None
    # means along the three axes are enough: the map to LPS is affine
    counts = [mask.sum(axis=tuple(a for a in range(3) if a != axis)) for axis in (2, 1, 0)]
    index = [step * float(np.arange(len(c)) @ c / c.sum()) for c in counts]
    return float(labels.index_to_lps(index)[0])


def _grid(volume: Volume) -> str:
    size = "x".join(map(str, volume.size))
    spacing = "x".join(f"{s:.4g}" for s in volume.spacing)
    origin = ", ".join(f"{o:.1f}" for o in volume.origin)
    axes = ", ".join(f"{d:.3g}" for d in volume.direction.ravel())
    return f"{size} voxels of {spacing} mm at [{origin}], axes [{axes}]"


def _check_bodies(case: Case, labels: Volume) -> None:
    counts = label_counts(labels.array)
    source = case.folder / CASE_FILE
    present = ", ".join(str(v) for v in np.flatnonzero(counts[1:]) + 1)
    for body in case.bodies:
        for value in body.labels:
            if value >= len(counts) or counts[value] == 0:
                raise InputError(
                    source,
                    f"body {body.name} names label {value}, which {case.labels.name} does not hold",
                    f"values among {present}",
                )
        _check_size(source, body, int(counts[list(body.labels)].sum()))


def _check_size(source: Path, body: Body, voxels: int) -> None:
    if voxels < _SMALLEST_BODY:
        raise InputError(source, f"body {body.name} is {voxels} voxels large", "a body with bone in it")
