"""Make a folder whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rafr.errors import InputError


def refuse_existing(out: Path) -> None:
    """Raise InputError where `out` is a file or a folder with something in it."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "exists already and is not an empty folder", "a new folder name")


@contextmanager
def new_folder(out: Path | str) -> Iterator[Path]:
    """A temporary folder to fill, renamed to `out` when the block ends well, removed otherwise.

    Raises:
        InputError: `out` exists and is not empty, or cannot be made.
    """
    out = Path(out)
    refuse_existing(out)
    made = _make_parents(out)
    try:
        temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    except OSError as error:
        _remove_empty(made)
        raise InputError(out, f"cannot be made ({error.strerror})", "a folder that can be written") from None
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        temporary.replace(out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        _remove_empty(made)
        raise


def _make_parents(out: Path) -> list[Path]:
    """Make missing parent folders; the ones made, deepest first."""
    missing = [p for p in out.parents if not p.exists()]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(out, f"cannot be made ({error.strerror})", "a folder that can be written") from None
    return missing


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
