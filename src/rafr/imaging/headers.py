"""Headers of MetaImage and NRRD files that end ITK's readers instead of being refused by them."""

from __future__ import annotations

import re
from pathlib import Path

from rafr.errors import InputError

_HEADER_BYTES = 1 << 20
_MOST_DIMENSIONS = 10  # places that MetaIO keeps for them; it counts on the header to know
_LONGEST_WORD = 80  # characters: more than any number, and less than NrrdIO's buffers
_PLACES = ("Offset", "Position", "Origin", "CenterOfRotation")
_PER_DIMENSION = ("DimSize", "ElementSpacing", "ElementSize", *_PLACES)
_AXES = ("TransformMatrix", "Rotation", "Orientation")
_FIELD = re.compile(rb"^[ \t]*(\w+)[ \t]*[=:][ \t]*([^\r\n]*)", re.MULTILINE)
_WORDS_END = re.compile(rb"[\s,()]+")


def check_header(path: Path) -> None:
    """Look at the header of a `.mha`, `.mhd`, `.nrrd` or `.nhdr` file before ITK does; pass over others.

    Raises:
        InputError: it is one that would end the process.
    """
    name = path.name.lower()
    if name.endswith((".mha", ".mhd")):
        _check_metaimage(path, _head(path, b"ElementDataFile"))
    elif name.endswith((".nrrd", ".nhdr")):
        _check_nrrd(path, _head(path, b"\n\n"))


def _head(path: Path, end: bytes) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEADER_BYTES).split(end, 1)[0]
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "an image file") from None


def _check_metaimage(path: Path, head: bytes) -> None:
    """The number of dimensions is one that can be, and as many values are listed for them."""
    expected = "an undamaged MetaImage (.mha, .mhd)"
    fields = {m[1].decode(): m[2].split() for m in _FIELD.finditer(head)}
    dimensions = fields.get("NDims", [])
    plain = len(dimensions) == 1 and dimensions[0].isdigit() and len(dimensions[0]) < 3
    count = int(dimensions[0]) if plain else 0
    if not 1 <= count <= _MOST_DIMENSIONS:
        shown = b" ".join(dimensions).decode("ascii", "replace")[:40]
        raise InputError(path, f"its NDims is {shown!r}", expected)
    for name in _PER_DIMENSION:
        if name in fields and len(fields[name]) != count:
            raise InputError(path, f"its {name} has {len(fields[name])} values", f"{count}, as NDims says")
    for name in _AXES:
        if not all(map(_of_axes, fields.get(name, []))):
            shown = b" ".join(fields[name]).decode("ascii", "replace")[:80]
            raise InputError(path, f"its {name} is {shown!r}", "three unit vectors at right angles")


def _of_axes(word: bytes) -> bool:
    """Whether it is a number that unit vectors may have: ITK turns axes without end for others."""
    try:
        return abs(float(word)) <= 2.0  # NaN is not, either
    except ValueError:
        return False


def _check_nrrd(path: Path, head: bytes) -> None:
    """No number of thousands of digits: NrrdIO copies them to where there is no room."""
    for line in head.split(b"\n"):
        field, colon, words = line.partition(b": ")
        free = field in (b"content", b"data file", b"datafile") or field.startswith(b"#") or b":=" in line
        if colon and not free and max(map(len, _WORDS_END.split(words))) > _LONGEST_WORD:
            name = field.decode("ascii", "replace")[:40]
            raise InputError(path, f"its {name!r} holds what is no number", "an undamaged NRRD")
