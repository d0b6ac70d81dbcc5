"""The tracked tools: their names and the geometry of the reference tool's fiducial frame."""

from __future__ import annotations

import numpy as np

REFERENCE_TOOL = "reference"
BASE_TOOL = "base"
PROBE_TOOL = "probe"

# Steel spheres (diameter 4 mm) of the fiducial frame, mm in the reference tool's marker frame. Every pair
# of distances differs by more than 2 mm, so that the spheres found in a CBCT have one correspondence only.
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


def fragment_tool(body: str) -> str:
    """The name of the tool fixed to a moving body."""
    return f"fragment_{body}"
