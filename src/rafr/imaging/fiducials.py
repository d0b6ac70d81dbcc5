"""The steel spheres of the reference tool: what a CBCT sees of a tracked tool."""

from __future__ import annotations

import numpy as np

# mm in the reference tool's marker frame. Every pair of distances differs by more than 2 mm, so that the
# spheres found in a CBCT have one correspondence only.
FIDUCIAL_DIAMETER_MM = 4.0
FIDUCIALS_MM = np.array(
    [
        [0.0, 0.0, 0.0],
        [47.0, 6.0, 3.0],
        [7.0, 39.0, 5.0],
        [64.0, 46.0, -10.0],
        [31.0, 18.0, 24.0],
        [-16.0, 27.0, 11.0],
    ]
)
