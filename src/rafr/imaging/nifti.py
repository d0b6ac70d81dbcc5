"""What ITK's NIfTI reader passes over in silence: files cut short, and NaN, which it turns into 0."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rafr.errors import InputError

_FLOAT_TYPES = {16: "f4", 64: "f8"}


class _Header(NamedTuple):
    """Where the voxels of a NIfTI file are, and of which type."""

    endian: str
    dims: tuple[int, ...]
    datatype: int
    bits: int
    offset: int


def check_nifti(path: Path) -> None:
    """Raise InputError where a `.nii` or `.nii.gz` file is damaged, cut short or not finite."""
    content = _content(path)
    header = _header(content)
    if header is None:
        raise InputError(path, "has no NIfTI header", "a NIfTI-1 or NIfTI-2 image")
    count = math.prod(header.dims)
    if len(content) < header.offset + count * header.bits // 8:
        raise InputError(path, "is cut short: voxels are missing", "a whole, undamaged image")
    if header.datatype in _FLOAT_TYPES:
        kind = header.endian + _FLOAT_TYPES[header.datatype]
        values = np.frombuffer(content, dtype=kind, count=count, offset=header.offset)
        bad = count - int(np.isfinite(values).sum())
        if bad:
            raise InputError(path, f"{bad} voxels are not finite (NaN or Inf)", "finite voxel values")


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        # a plain file may be named .gz and the other way round; the first bytes tell
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(path, f"cannot be read ({error})", "a whole, undamaged image") from None


def _header(content: bytes) -> _Header | None:
    """The header's fields (nifti1.h, nifti2.h), or None if these bytes are no NIfTI file."""
    for endian in "<>":
        if len(content) >= 352 and struct.unpack_from(f"{endian}i", content)[0] == 348:
            dims = struct.unpack_from(f"{endian}8h", content, 40)
            datatype, bits = struct.unpack_from(f"{endian}2h", content, 70)
            start = struct.unpack_from(f"{endian}f", content, 108)[0]
            offset = int(start) if math.isfinite(start) else len(content)
        elif len(content) >= 544 and struct.unpack_from(f"{endian}i", content)[0] == 540:
            datatype, bits = struct.unpack_from(f"{endian}2h", content, 12)
            dims = struct.unpack_from(f"{endian}8q", content, 16)
            offset = struct.unpack_from(f"{endian}q", content, 168)[0]
        else:
            continue
        if 1 <= dims[0] <= 7 and all(d >= 1 for d in dims[1 : dims[0] + 1]):
            return _Header(endian, tuple(dims[1 : dims[0] + 1]), datatype, bits, max(offset, 0))
    return None
