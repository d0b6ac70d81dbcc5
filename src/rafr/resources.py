"""Finds the files that travel beside the code: urdf/, config/, sim/, launch/."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rafr.errors import InputError


def resource_path(name: str) -> Path:
    """Path of a resource such as `urdf/rafr.urdf.xacro`.

    Looked for in the source tree first, then in every installed `share/rafr` (AMENT_PREFIX_PATH,
    then the Python prefix).

    Raises:
        InputError: it is in none of them.
    """
    folders = list(_folders())
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    raise InputError(name, "no such resource", f"it in one of {', '.join(map(str, folders))}")


def _folders() -> Iterator[Path]:
    source_tree = Path(__file__).resolve().parents[2]
    if (source_tree / "package.xml").is_file():
        yield source_tree
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    for prefix in [*filter(None, prefixes), sys.prefix]:
        yield Path(prefix) / "share" / "rafr"
