"""The tracked tools: their names and the geometry of the reference tool's fiducial frame."""

from __future__ import annotations

from rafr.imaging.fiducials import FIDUCIAL_DIAMETER_MM, FIDUCIALS_MM

__all__ = [
    "BASE_TOOL",
    "DRILL_TOOL",
    "FIDUCIALS_MM",
    "FIDUCIAL_DIAMETER_MM",
    "PROBE_TOOL",
    "REFERENCE_TOOL",
    "fragment_tool",
]

REFERENCE_TOOL = "reference"
BASE_TOOL = "base"
PROBE_TOOL = "probe"
DRILL_TOOL = "drill"


def fragment_tool(body: str) -> str:
    """The name of the tool fixed to a moving body."""
    return f"fragment_{body}"
