"""Slices of a CT with its labels laid over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafr.files import written_whole
from rafr.imaging.segmentation import BONES
from rafr.imaging.volume import Volume
from rafr.segmentation.classical.working_grid import lps_grid, onto, true_corners

_COLUMNS = 5
_PIXEL_MM = 1.0
_WINDOW_HU = (-150.0, 900.0)
# one hue per bone, lighter from fragment to fragment; Okabe & Ito 2008
_COLOURS = {
    "sacrum": ("#0072B2", "#56B4E9", "#A6DCF7"),
    "left_hip": ("#D55E00", "#F0E442", "#F7B58A"),
    "right_hip": ("#009E73", "#CC79A7", "#8FE0C6"),
}
# name, axis of the array that is cut, labels on the picture's left and right
_CUTS = (("axial", 0, "R", "L"), ("coronal", 1, "R", "L"), ("sagittal", 2, "A", "P"))


def save_overlay(path: Path, ct: Volume, labels: Volume, title: str = "") -> None:
    """Write a PNG: axial, coronal and sagittal slices, radiological (the patient's right on the left).

    Args:
        labels: on the CT's grid, with at least one label.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    grid = lps_grid(true_corners(labels.with_array(labels.array > 0), 12.0), _PIXEL_MM)
    grey, marks = onto(ct, grid, outside=_WINDOW_HU[0]), onto(labels, grid, nearest=True)
    figure, axes = plt.subplots(3, _COLUMNS, figsize=(3.4 * _COLUMNS, 9.0), facecolor="#14161a")
    for row, (name, axis, left, right) in zip(axes, _CUTS, strict=True):
        used = np.flatnonzero(marks.any(axis=tuple(a for a in range(3) if a != axis)))
        places = np.quantile(used, np.linspace(0.1, 0.9, _COLUMNS)).astype(int)
        for panel, place in zip(row, places, strict=True):
            image = _tinted(np.take(grey, place, axis), np.take(marks, place, axis))
            # rows run backwards (axial, LPS y) or upwards (LPS z)
            panel.imshow(image, origin="upper" if axis == 0 else "lower", interpolation="nearest")
            panel.set_title(f"{name} {_position(grid, axis, place):.0f} mm", color="w", fontsize=9)
            panel.set_axis_off()
            for x, letter in ((0.03, left), (0.97, right)):
                panel.text(x, 0.5, letter, color="w", transform=panel.transAxes, ha="center", fontsize=8)
    _legend(figure, marks, title)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=90, facecolor=figure.get_facecolor(), format="png")
    plt.close(figure)


def _position(grid: Volume, axis: int, place: int) -> float:
    return float(grid.origin[2 - axis] + place * grid.spacing[2 - axis])


def _tinted(grey: NDArray[np.float32], marks: NDArray[np.uint8]) -> NDArray[np.float64]:
    low, high = _WINDOW_HU
    image = np.repeat(np.clip((grey.astype(float) - low) / (high - low), 0, 1)[..., None], 3, axis=-1)
    for value in np.unique(marks[marks > 0]):
        here = marks == value
        image[here] = 0.55 * image[here] + 0.45 * np.array(_colour(int(value)))
    return image


def _colour(label: int) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    name, values = next((n, v) for n, v in BONES.items() if label in v)
    r, g, b = to_rgb(_COLOURS[name][(label - values.start) % 3])
    return r, g, b


def _legend(figure: Any, marks: NDArray[np.uint8], title: str) -> None:
    from matplotlib.patches import Patch

    present = [int(v) for v in np.unique(marks[marks > 0])]
    handles = [Patch(color=_colour(v), label=str(v)) for v in present]
    figure.suptitle(title, color="w", fontsize=11, x=0.02, ha="left")
    figure.legend(handles=handles, loc="upper right", ncols=len(present), labelcolor="w", frameon=False)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.92, bottom=0.01, wspace=0.03, hspace=0.10)
