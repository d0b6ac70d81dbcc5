"""Arrays kept in the user's cache (`$XDG_CACHE_HOME/rafr/<name>`), one file for each key."""

from __future__ import annotations

import contextlib
import os
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rafr.errors import RafrError

T = TypeVar("T")

# what NumPy and zipfile raise on a damaged archive: a header may also ask for more memory than there is
UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TypeError,
    AttributeError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def cached_file(name: str, key: str) -> Path:
    """Where the arrays of a key are, or would be."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "rafr" / name / f"{key}.npz"


def read_cached(path: Path, make: Callable[[Mapping[str, NDArray[Any]]], T]) -> T | None:
    """What `make` makes of the arrays; None where there is no such file or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return make(stored)
    except (*UNREADABLE, RafrError):
        return None


def write_cached(path: Path, most_files: int, **arrays: NDArray[Any]) -> None:
    """Store under a name of its own, then rename; a cache that cannot be written is done without.

    Files beyond `most_files` in the folder are removed, the oldest first.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
        Path(temporary).replace(path)
        _forget_oldest(path.parent, most_files)
    except OSError:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink(missing_ok=True)


def _forget_oldest(folder: Path, most_files: int) -> None:
    files = sorted(folder.glob("*.npz"), key=lambda p: p.stat().st_mtime, reverse=True)
    for path in files[most_files:]:
        path.unlink(missing_ok=True)
