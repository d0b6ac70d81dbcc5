"""The head of an HTTP request, or why it is none that the page answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_MOST_LINES = 100
_LONGEST_TARGET = 250  # characters: names of files must not be longer than 255
_TARGET = re.compile(r"/[!-~]*")
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*")
# of two, one might be judged here and the other obeyed behind, or the server behind fails
_ONCE = ("host", "origin", "upgrade", "accept-encoding", "content-length")
_BAD = "400 Bad Request"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody is not let in, as HTTP has it."""

    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Head:
    """Target and headers of a request, names in small letters, and the `data` they were read from."""

    target: str
    headers: Mapping[str, str]
    data: bytes


def read_head(data: bytes) -> Head | Refusal:
    """Read the bytes until the empty line (RFC 9112, sections 3 and 5), whatever they are.

    The page is asked with GET alone, and its WebSocket, too: a body is never expected.
    """
    if data.count(b"\r\n") > _MOST_LINES:
        return Refusal("431 Request Header Fields Too Large", f"At most {_MOST_LINES} lines, please.")
    first, *lines = data.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or parts[2] != "HTTP/1.1":
        return Refusal(_BAD, "The page is asked by HTTP/1.1.")
    method, target, _ = parts
    if method != "GET":
        return Refusal("405 Method Not Allowed", "The page is asked with GET.")
    if len(target) > _LONGEST_TARGET:
        return Refusal("414 URI Too Long", f"Addresses have at most {_LONGEST_TARGET} characters.")
    if not _TARGET.fullmatch(target):
        return Refusal(_BAD, "The address is malformed.")
    if not all(map(_FIELD.fullmatch, lines)):
        return Refusal(_BAD, "A header is malformed.")
    pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    headers = dict(pairs)
    names = [name for name, _ in pairs]
    if any(names.count(name) > 1 for name in _ONCE):
        return Refusal(_BAD, f"These headers are told once: {', '.join(_ONCE)}.")
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        return Refusal(_BAD, "The page takes no body.")
    return Head(target, headers, data)
