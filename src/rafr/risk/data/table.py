"""Wide CSV tables whose columns end at different rows (slow signals beside fast ones)."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray

_HEADER_WITHIN = 1000  # lines: exports may begin with a description of the sensors


def read_wide_table(path: Path, is_header: Callable[[list[str]], bool]) -> tuple[list[str], FloatArray]:
    """Header cells, and the (rows, columns) numbers under them, NaN where a cell is empty.

    Semicolons with decimal commas (European exports) are read too.

    Raises:
        InputError: the file cannot be read, has no such header, or a cell holds no number.
    """
    expected = "a CSV table of numbers under one line of column names"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # older exports: the degree sign
    lines = text.splitlines()
    split = [_cells(line) for line in lines[:_HEADER_WITHIN]]
    found = [number for number, cells in enumerate(split) if is_header(cells)]
    if not found:
        raise InputError(path, "no line with the names of the columns", expected)
    cells, european = split[found[0]], ";" in lines[found[0]]
    body = "\n".join(line for line in lines[found[0] + 1 :] if line.strip(",; \t"))
    if european:
        body = body.replace(",", ".").replace(";", ",")
    if not body:
        raise InputError(path, "no rows under the header", expected)
    try:
        values = np.loadtxt(io.StringIO(_empty_as_nan(body)), delimiter=",", ndmin=2)
    except ValueError as error:
        raise InputError(path, f"{str(error).split(';')[0]} (rows under the header)", expected) from None
    if values.shape[1] != len(cells):
        raise InputError(path, f"rows of {values.shape[1]} cells under {len(cells)} names", expected)
    return cells, values


def _cells(line: str) -> list[str]:
    return [c.strip().strip('"') for c in line.split(";" if ";" in line else ",")]


def _empty_as_nan(body: str) -> str:
    body = f"\n{body.replace(' ', '').replace(chr(9), '')}\n"
    for _ in range(2):  # neighbouring empty cells share a comma
        body = body.replace(",,", ",nan,")
    return body.replace("\n,", "\nnan,").replace(",\n", ",nan\n").strip("\n")
