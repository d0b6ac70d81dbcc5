"""Files that are there whole or not at all, and folders that can be written."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rafr.errors import InputError


@contextmanager
def written_whole(path: Path | str) -> Iterator[Path]:
    """A name beside `path` to write to; it takes the place of `path` once all is written, or is removed.

    Its suffixes are those of `path`: writers that go by them do the same for both.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_folder(folder: Path) -> None:
    """Raise InputError if nothing could be written there; leaves nothing behind.

    Asked before the work: found out afterwards, a run would be lost.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise unusable(folder, error) from None
    finally:
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()


def unusable(folder: Path, error: OSError) -> InputError:
    """The error of a folder that could not be used."""
    return InputError(folder, f"cannot be used ({error.strerror})", "a folder that can be written")
