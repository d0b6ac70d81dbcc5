"""CSV files with a known header."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from rafr.errors import InputError


def read_table(path: Path, header: Sequence[str]) -> list[tuple[int, list[str]]]:
    """The lines under the header that are not empty, with their numbers in the file.

    Raises:
        InputError: the file cannot be read, is no text table or has another header.
    """
    expected = f"a CSV file with the columns {', '.join(header)}"
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"is no text table ({error})", expected) from None
    if not lines or [cell.strip() for cell in lines[0]] != list(header):
        raise InputError(path, f"its first line is {','.join(lines[0]) if lines else 'missing'!r}", expected)
    return [(number, line) for number, line in enumerate(lines[1:], 2) if line]
