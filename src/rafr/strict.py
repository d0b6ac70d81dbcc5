"""Reads YAML into frozen dataclasses and complains about everything that does not fit."""

from __future__ import annotations

import dataclasses
import difflib
import math
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from rafr import foreign
from rafr.errors import InputError

T = TypeVar("T")


def read_yaml(path: Path | str) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        InputError: no such file, not valid YAML (`rafr.foreign`), or not a mapping.
    """
    data = foreign.read_yaml(Path(path), "a YAML mapping")
    if not isinstance(data, dict):
        raise InputError(path, f"it holds a {type(data).__name__}", "a YAML mapping")
    return data


def read_dataclass(cls: type[T], path: Path | str) -> T:
    """Read a YAML file into a dataclass; keys are exactly its fields."""
    return dataclass_from(cls, read_yaml(path), Path(path), "")


def dataclass_from(cls: type[T], value: Any, source: Path, where: str) -> T:
    """Build `cls` from a mapping: no unknown key, none missing (unless it has a default), right kinds.

    Understands float, int, bool, str, nested dataclasses, tuples and mappings of these. A ValueError raised
    by the dataclass's own `__post_init__` becomes an InputError.

    Raises:
        InputError: naming the file, the key, its value and what is expected.
    """
    label = where or "the file"
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    if not isinstance(value, dict):
        raise InputError(source, f"{label} is {value!r}", f"a mapping with {', '.join(fields)}")
    for key in value:
        if key not in fields:
            close = difflib.get_close_matches(str(key), fields, n=1) or [f"one of {', '.join(fields)}"]
            raise InputError(source, f"unknown key {_join(where, key)!r}", close[0])
    hints = get_type_hints(cls)
    arguments = {}
    for name, field in fields.items():
        if name in value:
            arguments[name] = _convert(hints[name], value[name], source, _join(where, name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise InputError(source, f"{_join(where, name)} is missing", f"keys {', '.join(fields)}")
    try:
        return cls(**arguments)
    except ValueError as error:
        raise InputError(source, f"{label}: {error}", "values in their range") from None


def _join(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def _convert(kind: Any, value: Any, source: Path, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return dataclass_from(kind, value, source, where)  # type: ignore[arg-type]
    if get_origin(kind) is tuple:
        return _convert_tuple(get_args(kind), value, source, where)
    if get_origin(kind) is dict:
        return _convert_mapping(get_args(kind), value, source, where)
    if kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(source, f"{where} is {value!r}", "a finite number")
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InputError(source, f"{where} is {value!r}", f"a {kind.__name__}")
    return value


def _convert_mapping(kinds: tuple[Any, ...], value: Any, source: Path, where: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise InputError(source, f"{where} is {value!r}", "a mapping")
    key_kind, kind = kinds
    return {
        _convert(key_kind, key, source, f"a key of {where}"): _convert(kind, item, source, _join(where, key))
        for key, item in value.items()
    }


def _convert_tuple(kinds: tuple[Any, ...], value: Any, source: Path, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise InputError(source, f"{where} is {value!r}", "a list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise InputError(source, f"{where} has {len(value)} entries", f"{len(kinds)} entries")
    return tuple(
        _convert(kind, item, source, f"{where}[{i}]")
        for i, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )
