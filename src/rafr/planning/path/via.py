"""Poses a surgeon wants a body to pass, read from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rafr.errors import InputError, RafrError
from rafr.foreign import read_yaml
from rafr.geometry import RigidTransform

_EXPECTED = "body names, each with a list of 4x4 matrices T_path_displaced (mm)"


def read_via(path: Path) -> dict[str, tuple[RigidTransform, ...]]:
    """`T_path_displaced` (mm) by body, in order, of a YAML or JSON file.

    Raises:
        InputError: the file cannot be read, or something in it is no proper motion; names body and pose.
    """
    data = read_yaml(path, _EXPECTED)  # JSON is YAML
    if not isinstance(data, dict) or not all(isinstance(poses, list) for poses in data.values()):
        raise InputError(path, "not a mapping of lists", _EXPECTED)
    return {
        str(body): tuple(_pose(path, f"{body}, pose {k}", pose) for k, pose in enumerate(poses, 1))
        for body, poses in data.items()
    }


def _pose(path: Path, which: str, matrix: Any) -> RigidTransform:
    try:
        return RigidTransform.from_matrix(matrix)
    except (RafrError, ValueError, TypeError) as error:
        raise InputError(path, f"{which}: {error}", "a 4x4 matrix of a proper motion (mm)") from None
