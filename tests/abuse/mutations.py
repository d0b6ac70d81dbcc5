"""Damaged inputs: bytes, texts and structured values, each from a generator of its own."""

from __future__ import annotations

import copy
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import yaml

Rng = np.random.Generator

HOSTILE: tuple[Any, ...] = (
    float("nan"),
    float("inf"),
    -float("inf"),
    1e308,
    -1e308,
    5e-324,
    10**400,
    2**63,
    2**31,
    -1,
    0,
    0.5,
    -0.0,
    True,
    False,
    None,
    "",
    "nan",
    "text",
    "1e999",
    "a\nb\x1b[31mc",
    "9" * 5000,
    [],
    {},
    [[]],
    [None],
    [float("nan")] * 3,
    [1, 2],
    {"x": 1},
    "2001-99-99",
    "\u0000",
    "é" * 300,
)
_TEXTS = (
    "nan",
    "inf",
    "-inf",
    "1e308",
    "-1e308",
    "1e999",
    "-1",
    "0",
    "99999999999999999999",
    "9" * 5000,
    "",
    "x",
    "0x7f",
    "1,5",
    "-0",
    "1e-320",
    "\x00",
    "2147483648",
    "\n",
    '"',
    "{}",
    "[",
    "!!float",
    "&a *a",
    "2001-99-99",
)
_WORDS = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff" * 4,
    b"\x00" * 4,
    b"\xff" * 8,
    b"\x00\x00\xc0\x7f",
    b"\x7f\xf8" * 4,
)
_NUMBER = re.compile(rb"-?\d+\.?\d*(?:[eE][-+]?\d+)?")
_LAUGHS = "a0: &a0 [0, 0, 0, 0, 0, 0, 0, 0, 0]\n" + "".join(
    f"a{k + 1}: &a{k + 1} [{', '.join([f'*a{k}'] * 9)}]\n" for k in range(12)
)


def mutated(content: bytes, kind: str, rng: Rng) -> tuple[str, bytes]:
    """What was done, and what became of a file's content.

    Args:
        kind: binary, text, csv, json, yaml, gzip or zip.
    """
    inner = {
        "gzip": _in_gzip,
        "zip": _in_zip,
        "json": _in_json,
        "yaml": _in_yaml,
        "csv": _in_csv,
        "text": _in_text,
    }
    if kind in inner and rng.random() < 0.7:
        return inner[kind](content, rng)
    return _of_bytes(content, rng)


def _of_bytes(content: bytes, rng: Rng) -> tuple[str, bytes]:
    names = tuple(_BYTES)
    name = names[rng.integers(len(names))]
    return name, _BYTES[name](content, rng)


def _place(content: bytes, rng: Rng) -> int:
    """Anywhere, as often as not near the beginning: headers are there."""
    n = len(content)
    return int(rng.integers(min(n, 400) if rng.random() < 0.5 else n)) if n else 0


def _flip(content: bytes, rng: Rng) -> bytes:
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        if data:
            data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _overwrite(content: bytes, rng: Rng) -> bytes:
    at, word = _place(content, rng), _WORDS[rng.integers(len(_WORDS))]
    return content[:at] + word + content[at + len(word) :]


def _cut(content: bytes, rng: Rng) -> bytes:
    return content[: int(rng.integers(len(content)))] if content else b""


def _insert(content: bytes, rng: Rng) -> bytes:
    at = _place(content, rng)
    return content[:at] + rng.bytes(int(rng.integers(1, 40))) + content[at:]


def _remove(content: bytes, rng: Rng) -> bytes:
    at = _place(content, rng)
    return content[:at] + content[at + int(rng.integers(1, 60)) :]


def _repeat(content: bytes, rng: Rng) -> bytes:
    at, size = _place(content, rng), int(rng.integers(1, 200))
    return content[: at + size] * 1 + content[at : at + size] * int(rng.integers(1, 4)) + content[at + size :]


def _number(content: bytes, rng: Rng) -> bytes:
    found = list(_NUMBER.finditer(content[:20000]))
    if not found:
        return _flip(content, rng)
    match = found[rng.integers(len(found))]
    return content[: match.start()] + _TEXTS[rng.integers(len(_TEXTS))].encode() + content[match.end() :]


_BYTES: dict[str, Callable[[bytes, Rng], bytes]] = {
    "flip": _flip,
    "overwrite": _overwrite,
    "cut": _cut,
    "insert": _insert,
    "remove": _remove,
    "repeat": _repeat,
}


def _in_text(content: bytes, rng: Rng) -> tuple[str, bytes]:
    choice = rng.random()
    if choice < 0.6:
        return "number", _number(content, rng)
    lines = content.split(b"\n")
    at = int(rng.integers(len(lines)))
    if choice < 0.75:
        return "line removed", b"\n".join(lines[:at] + lines[at + 1 :])
    if choice < 0.9:
        return "line repeated", b"\n".join(lines[: at + 1] + lines[at:])
    return "line moved", b"\n".join(lines[:at] + lines[at + 1 :] + [lines[at]])


def _in_csv(content: bytes, rng: Rng) -> tuple[str, bytes]:
    if rng.random() < 0.3:
        return _in_text(content, rng)
    lines = content.split(b"\n")
    at = int(rng.integers(len(lines)))
    cells = lines[at].split(b",")
    cell = int(rng.integers(len(cells)))
    choice = rng.random()
    if choice < 0.7:
        cells[cell] = _TEXTS[rng.integers(len(_TEXTS))].encode()
    elif choice < 0.85:
        cells.insert(cell, b"1")
    else:
        del cells[cell]
    lines[at] = b",".join(cells)
    return "cell", b"\n".join(lines)


def _in_gzip(content: bytes, rng: Rng) -> tuple[str, bytes]:
    name, inner = _of_bytes(gzip.decompress(content), rng)
    return f"packed {name}", gzip.compress(inner, 1)


def _in_zip(content: bytes, rng: Rng) -> tuple[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = sorted(parts)[rng.integers(len(parts))]
    if rng.random() < 0.1:
        what = f"{name} removed"
        del parts[name]
    else:
        kind = "json" if name.endswith(".json") else "binary"
        what, parts[name] = mutated(parts[name], kind, rng)
        what = f"{name} {what}"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in parts.items():
            archive.writestr(member, data)
    return what, packed.getvalue()


def _in_json(content: bytes, rng: Rng) -> tuple[str, bytes]:
    if rng.random() < 0.05:
        return "deep", b"[" * 100_000
    if rng.random() < 0.1:
        return "number", _number(content, rng)
    what, value = changed(json.loads(content), rng)
    return what, json.dumps(value).encode()


def _in_yaml(content: bytes, rng: Rng) -> tuple[str, bytes]:
    choice = rng.random()
    if choice < 0.04:
        return "deep", b"a: " + b"[" * 3000
    if choice < 0.08:
        return "laughs", _LAUGHS.encode() + b"b: *a12\n" + content
    if choice < 0.1:
        return "itself", b"a: &a [*a]\n" + content
    if choice < 0.3:
        return "number", _number(content, rng)
    what, value = changed(yaml.safe_load(content), rng)
    try:
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    except (ValueError, OverflowError):  # an integer longer than Python writes
        return _of_bytes(content, rng)
    return what, text.encode("utf-8", "surrogateescape")


def changed(value: Any, rng: Rng) -> tuple[str, Any]:
    """What was done, and a copy of plain data with one thing in it changed."""
    value = copy.deepcopy(value)
    places = list(_places(value, "", []))
    if not places:
        return "hostile", _hostile(rng)
    holder, key, where = places[rng.integers(len(places))]
    choice = rng.random()
    if choice < 0.65:
        new = _hostile(rng)
        holder[key] = new
        return f"{where} = {str(new)[:30]!r}", value
    if choice < 0.8:
        del holder[key]
        return f"{where} removed", value
    if isinstance(holder, dict):
        holder[("extra", "", "id\n", 7)[rng.integers(4)]] = _hostile(rng)
    else:
        holder.insert(key, copy.deepcopy(holder[key]))
    return f"{where} added to", value


def _hostile(rng: Rng) -> Any:
    value = HOSTILE[rng.integers(len(HOSTILE))]
    return 10**300 if value == 10**400 and rng.random() < 0.5 else copy.deepcopy(value)


def _places(value: Any, where: str, found: list[Any]) -> list[Any]:
    """(holder, key, path) of everything inside; of long lists some."""
    items: Any = ()
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))[:30]
    for key, inner in items:
        path = f"{where}.{key}"
        found.append((value, key, path))
        _places(inner, path, found)
    return found
