"""What arrays and their names hold, as a short key: for caches."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def content_key(*parts: Any) -> str:
    """32 hexadecimal digits that change when anything in the parts does.

    Args:
        parts: arrays, sparse CSR matrices, numbers, text and None, and what is built of them: dataclasses,
            sequences, mappings.

    Raises:
        TypeError: something else, whose content is not known.
    """
    digest = hashlib.sha256()
    for part in parts:
        _add(digest, part)
    return digest.hexdigest()[:32]


def _add(digest: Any, part: Any) -> None:
    if isinstance(part, np.ndarray):
        digest.update(f"{part.dtype.str}{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data)
    elif part is None or isinstance(part, str | int | float | bytes | np.generic):
        digest.update(f"{type(part).__name__}:{part!r};".encode())
    elif dataclasses.is_dataclass(part):
        digest.update(type(part).__name__.encode())
        for field in dataclasses.fields(part):
            _add(digest, getattr(part, field.name))
    elif isinstance(part, Mapping):
        _add(digest, [[key, part[key]] for key in sorted(part)])
    elif isinstance(part, list | tuple):
        digest.update(f"[{len(part)}".encode())
        for item in part:
            _add(digest, item)
    elif hasattr(part, "indptr"):
        _add(digest, [part.shape, part.indptr, part.indices, part.data])
    else:
        raise TypeError(f"the content of a {type(part).__name__} is not known")
