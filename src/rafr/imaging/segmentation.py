"""What the label values of a segmented pelvis mean (the PENGWIN challenge's scheme).

Every bone has ten values, the first of which is its main fragment.
"""

from __future__ import annotations

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
