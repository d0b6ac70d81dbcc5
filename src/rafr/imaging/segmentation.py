"""What the label values of a segmented pelvis mean (the PENGWIN challenge's scheme).

Every bone has ten values, the first of which is its main fragment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafr.errors import RafrError

SACRUM = range(1, 11)
LEFT_HIP = range(11, 21)
RIGHT_HIP = range(21, 31)
BONES: dict[str, range] = {"sacrum": SACRUM, "left_hip": LEFT_HIP, "right_hip": RIGHT_HIP}
LARGEST_LABEL = 30


def bone_of(label: int) -> str:
    """The bone a label value belongs to: sacrum, left_hip or right_hip.

    Raises:
        RafrError: the value is outside 1..30.
    """
    for bone, values in BONES.items():
        if label in values:
            return bone
    raise RafrError(f"label {label} belongs to no bone (1-10 sacrum, 11-20 left hip, 21-30 right hip)")


def label_counts(array: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(256,) voxels of every value of a label image (3-D); background to one part in 2²⁴."""
    import cv2

    rows = np.ascontiguousarray(array).reshape(len(array), -1)
    counts = cv2.calcHist([rows], [0], None, [256], [0, 256])  # a tenth of NumPy's time
    return np.asarray(counts, dtype=np.int64).ravel()
