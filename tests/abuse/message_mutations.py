"""Damaged ROS messages: what their types allow, so that any of them could have come over the wire."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from .mutations import Rng, mutated

_FLOATS = (math.nan, math.inf, -math.inf, -1e308, 1e308, 0.0, -1.0, 1e6)
_LISTED = (math.nan, math.inf, 1e308, -1.0, 0.0)
_SHORT = 3e38  # float32
_SECONDS = (0, -1, -(2**31), 2**31 - 1)
_LATER = (-3600, -10, -1, 1, 10, 3600)  # s
_FRAMES = ("", "world", "tool0", "map", "x" * 5000)


def changed_message(message: Any, rng: Rng) -> tuple[str, Any]:
    """A copy of a message with one of its numbers, texts or lists changed to what its type allows."""
    message = copy.deepcopy(message)
    places: list[tuple[Any, str, str]] = []
    _fields(message, "", places)
    if not places:
        return "nothing to change", message
    holder, name, where = places[rng.integers(len(places))]
    new = _changed(getattr(holder, name), holder.get_fields_and_field_types()[name], rng)
    setattr(holder, name, new)
    return f"{where} = {str(new)[:30]!r}", message


def damaged_message(message: Any, rng: Rng) -> tuple[str, Any]:
    """As `changed_message`, or several changes, no number a number, nothing in it, another time or frame."""
    choice = rng.random()
    for share, damage in _DAMAGES:
        if choice < share:
            return damage(copy.deepcopy(message), rng)
        choice -= share
    return changed_message(message, rng)


def no_numbers(message: Any, _: Rng | None = None) -> tuple[str, Any]:
    """Every number with a fraction becomes NaN."""
    for holder, name in _leaves(message):
        value = getattr(holder, name)
        if isinstance(value, float):
            setattr(holder, name, math.nan)
        elif _is_list(value) and len(value) and isinstance(value[0], float):
            setattr(holder, name, [math.nan] * len(value))
    return "no number is one", message


def _emptied(message: Any, _: Rng) -> tuple[str, Any]:
    for holder, name in _leaves(message):
        value = getattr(holder, name)
        kind = holder.get_fields_and_field_types()[name]
        if isinstance(value, str):
            setattr(holder, name, "")
        elif _is_list(value) and kind.startswith("sequence"):
            setattr(holder, name, [])
    return "emptied", message


def _zeros(message: Any, _: Rng) -> tuple[str, Any]:
    return "all zero", type(message)()


def _turned(message: Any, rng: Rng) -> tuple[str, Any]:
    """A quaternion that is none."""
    found = [m for m in _inner(message) if type(m).__name__ == "Quaternion"]
    if not found:
        return changed_message(message, rng)
    turn = found[rng.integers(len(found))]
    factor = (0.0, 2.0, math.nan)[rng.integers(3)]
    turn.x, turn.y, turn.z, turn.w = (factor * v for v in (turn.x, turn.y, turn.z, turn.w))
    return f"quaternion times {factor}", message


def _another_time(message: Any, rng: Rng) -> tuple[str, Any]:
    stamps = [m for m in _inner(message) if type(m).__name__ in ("Time", "Duration")]
    if not stamps:
        return changed_message(message, rng)
    stamp = stamps[rng.integers(len(stamps))]
    if rng.random() < 0.5:
        stamp.sec = _SECONDS[rng.integers(len(_SECONDS))]
        stamp.nanosec = (0, 10**9, 2**32 - 1)[rng.integers(3)]
    else:
        stamp.sec = min(max(stamp.sec + _LATER[rng.integers(len(_LATER))], -(2**31)), 2**31 - 1)
    return f"time {stamp.sec}.{stamp.nanosec}", message


def _another_frame(message: Any, rng: Rng) -> tuple[str, Any]:
    headers = [m for m in _inner(message) if type(m).__name__ == "Header"]
    if not headers:
        return changed_message(message, rng)
    frame = _FRAMES[rng.integers(len(_FRAMES))]
    headers[rng.integers(len(headers))].frame_id = frame
    return f"frame {frame[:20]!r}", message


def _several(message: Any, rng: Rng) -> tuple[str, Any]:
    said = []
    for _ in range(int(rng.integers(2, 6))):
        what, message = changed_message(message, rng)
        said.append(what)
    return "; ".join(said), message


_DAMAGES: tuple[tuple[float, Callable[[Any, Rng], tuple[str, Any]]], ...] = (
    (0.08, no_numbers),
    (0.05, _emptied),
    (0.04, _zeros),
    (0.10, _turned),
    (0.12, _another_time),
    (0.06, _another_frame),
    (0.12, _several),
)


def _changed(old: Any, kind: str, rng: Rng) -> Any:
    if isinstance(old, bool):
        return not old
    if isinstance(old, float):
        new = _FLOATS[rng.integers(len(_FLOATS))]
        return math.copysign(_SHORT, new) if kind == "float" and 1e300 < abs(new) < math.inf else new
    if isinstance(old, int):
        return _whole(kind, rng)
    if isinstance(old, bytes):
        return bytes([int(rng.integers(256))])
    if isinstance(old, str):
        return _text(old, rng)
    return _changed_list(list(old), kind, rng)


def _whole(kind: str, rng: Rng) -> int:
    signed, bits = not kind.startswith("u"), int("".join(c for c in kind if c.isdigit()) or 8)
    most = 2 ** (bits - signed) - 1
    values = (0, 1, 2, 100, most, -1 if signed else most - 1, -most - 1 if signed else 7)
    return values[rng.integers(len(values))]


def _text(old: str, rng: Rng) -> str:
    texts = (
        "",
        "x" * 10_000,
        "a\nb\x1b[31mc",
        "nan",
        f"/{'y' * 5000}/z",
        "../../x",
        old[: len(old) // 2],
        mutated(old.encode(), "text", rng)[1].decode(errors="replace"),
    )
    return texts[rng.integers(len(texts))].replace("\0", "")  # a text ends there, on the wire


def _changed_list(values: list[Any], kind: str, rng: Rng) -> list[Any]:
    if "[" in kind:  # of a fixed length
        if values and isinstance(values[0], float):
            values[rng.integers(len(values))] = _LISTED[rng.integers(len(_LISTED))]
        return values
    if not values or rng.random() < 0.2:
        return []
    at, choice = int(rng.integers(len(values))), rng.random()
    if isinstance(values[0], float | str) and choice < 0.5:
        inner = kind.partition("<")[2].partition(">")[0].partition(",")[0]
        values[at] = _changed(values[at], inner, rng)
    elif choice < 0.65:
        del values[at]
    elif choice < 0.8:
        values.insert(at, copy.deepcopy(values[at]))
    elif choice < 0.9:
        values.reverse()
    else:
        values = [copy.deepcopy(v) for v in values * 50]
    return values


def _is_list(value: Any) -> bool:
    return not isinstance(value, str | bytes | bool | int | float) and hasattr(value, "__len__")


def _fields(message: Any, where: str, found: list[tuple[Any, str, str]]) -> None:
    """(holder, name, path) of every field; of long lists of messages the first eight."""
    for name in message.get_fields_and_field_types():
        value, path = getattr(message, name), f"{where}.{name}"
        if hasattr(value, "get_fields_and_field_types"):
            _fields(value, path, found)
            continue
        found.append((message, name, path))
        for k, inner in enumerate(list(value)[:8] if _is_list(value) else ()):
            if hasattr(inner, "get_fields_and_field_types"):
                _fields(inner, f"{path}[{k}]", found)


def _inner(message: Any) -> list[Any]:
    """The message and all messages in it."""
    found: dict[int, Any] = {id(message): message}
    places: list[tuple[Any, str, str]] = []
    _fields(message, "", places)
    for holder, _, _ in places:
        found[id(holder)] = holder
    for name in message.get_fields_and_field_types():
        value = getattr(message, name)
        if hasattr(value, "get_fields_and_field_types"):
            found |= {id(m): m for m in _inner(value)}
    return list(found.values())


def _leaves(message: Any) -> list[tuple[Any, str]]:
    places: list[tuple[Any, str, str]] = []
    _fields(message, "", places)
    return [(holder, name) for holder, name, _ in places]
