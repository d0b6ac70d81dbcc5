"""What another tool's label values mean: tables from its values to rafr's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rafr.errors import InputError
from rafr.imaging.segmentation import LARGEST_LABEL, LEFT_HIP, RIGHT_HIP, SACRUM
from rafr.imaging.volume import Volume
from rafr.strict import read_yaml

NAMES = {"sacrum": SACRUM.start, "left_hip": LEFT_HIP.start, "right_hip": RIGHT_HIP.start}
PENGWIN: dict[int, int] = {value: value for value in range(1, LARGEST_LABEL + 1)}
# value -> rafr's, of TotalSegmentator's `total` task: github.com/wasserth/TotalSegmentator, map_to_binary.py
TOTALSEGMENTATOR: dict[int, int] = {25: SACRUM.start, 77: LEFT_HIP.start, 78: RIGHT_HIP.start}
TOTALSEGMENTATOR_V1: dict[int, int] = {92: SACRUM.start, 90: LEFT_HIP.start, 91: RIGHT_HIP.start}
TABLES: dict[str, dict[int, int]] = {
    "pengwin": PENGWIN,
    "totalsegmentator": TOTALSEGMENTATOR,
    "totalsegmentator-v1": TOTALSEGMENTATOR_V1,
}
_EXPECTED = (
    f"{', '.join(TABLES)}, or a YAML or JSON file of `value: label`, "
    f"labels 1..{LARGEST_LABEL} or {', '.join(NAMES)}"
)


def read_table(name: str) -> dict[int, int]:
    """A table by its name, or from a file that maps values to labels or bones.

    Raises:
        InputError: neither a known name nor a usable file.
    """
    if name in TABLES:
        return TABLES[name]
    if not Path(name).is_file():
        raise InputError("--table", f"{name!r} is no table", _EXPECTED)
    return {_integer(name, k): _label(name, v) for k, v in read_yaml(name).items()}


def translated(labels: Volume, table: Mapping[int, int], source: str | Path) -> Volume:
    """rafr's labels (uint8); values the table does not name become background.

    PENGWIN's table names all values there are: any other says that the image follows another table.

    Raises:
        InputError: values that are no integers, none of the table's values in the image, or others than
            PENGWIN's where its table is used.
    """
    array = labels.array
    if array.dtype.kind == "f" and not np.equal(np.mod(array, 1), 0).all():
        raise InputError(source, "holds values that are no integers", "a label image")
    if table == PENGWIN and (array.min() < 0 or array.max() > LARGEST_LABEL):
        worst = array.min() if array.min() < 0 else array.max()
        raise InputError(
            source, f"holds the value {worst:g}", f"0..{LARGEST_LABEL}, or the table it follows (--table)"
        )
    result = np.zeros(array.shape, np.uint8)
    for value, label in table.items():
        result[array == value] = label
    if not result.any():
        present = ", ".join(f"{v:g}" for v in np.unique(array)[:8])
        raise InputError(
            source,
            f"holds none of the table's values (it holds {present} …)",
            "a table for this image (--table)",
        )
    return labels.with_array(result)


def _integer(name: str, key: object) -> int:
    try:
        return int(str(key))
    except ValueError:
        raise InputError(name, f"the value {key!r} is no integer", _EXPECTED) from None


def _label(name: str, value: object) -> int:
    if isinstance(value, str) and value in NAMES:
        return NAMES[value]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_LABEL:
        raise InputError(name, f"the label {value!r} is unknown", _EXPECTED)
    return value
