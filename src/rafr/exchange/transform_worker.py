"""Read one of ITK's transform files in a process of its own: damaged HDF5 and MATLAB files end it.

    python -m rafr.exchange.transform_worker FILE

Prints JSON: `dimension`, `linear`, `name`, and of a linear one in three dimensions `matrix` (3, 4), its
centre applied; or `problem`.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main(path: str) -> None:
    print(json.dumps(read(path)))


def read(path: str) -> dict[str, Any]:
    """What ITK finds in a file; `problem` alone where it refuses it."""
    import numpy as np
    import SimpleITK as sitk

    from rafr.imaging.readers import quiet_stderr, reason

    try:
        with quiet_stderr():
            transform: Any = sitk.ReadTransform(path)
    except (RuntimeError, MemoryError, UnicodeDecodeError) as error:  # the last: a damaged name
        return {"problem": reason(error)}
    found = {
        "dimension": transform.GetDimension(),
        "linear": transform.IsLinear(),
        "name": transform.GetName(),
    }
    if found["dimension"] != 3 or not found["linear"]:
        return found
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    axes = [np.array(transform.TransformPoint(tuple(axis))) - origin for axis in np.eye(3).tolist()]
    return found | {"matrix": np.column_stack([*axes, origin]).tolist()}


if __name__ == "__main__":
    main(sys.argv[1])
