"""Headers of MetaImage files that end ITK's reader instead of being refused by it."""

from __future__ import annotations

import re
from pathlib import Path

from rafr.errors import InputError

_HEADER_BYTES = 1 << 20
_MOST_DIMENSIONS = 10  # places that MetaIO keeps for them; it counts on the header to know
_PER_DIMENSION = (
    "DimSize",
    "ElementSpacing",
    "ElementSize",
    "Offset",
    "Position",
    "Origin",
    "CenterOfRotation",
)
_FIELD = re.compile(rb"^[ \t]*(\w+)[ \t]*[=:][ \t]*([^\r\n]*)", re.MULTILINE)
_EXPECTED = "an undamaged MetaImage (.mha, .mhd)"


def check_metaimage(path: Path) -> None:
    """Raise InputError where the header counts its dimensions wrongly, or lists values for others."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES).split(b"ElementDataFile", 1)[0]
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", _EXPECTED) from None
    fields = {m[1].decode(): m[2].split() for m in _FIELD.finditer(head)}
    dimensions = fields.get("NDims", [])
    count = int(dimensions[0]) if len(dimensions) == 1 and dimensions[0].isdigit() else 0
    if not 1 <= count <= _MOST_DIMENSIONS:
        shown = b" ".join(dimensions).decode("ascii", "replace")[:40]
        raise InputError(path, f"its NDims is {shown!r}", _EXPECTED)
    for name in _PER_DIMENSION:
        if name in fields and len(fields[name]) != count:
            raise InputError(path, f"its {name} has {len(fields[name])} values", f"{count}, as NDims says")
