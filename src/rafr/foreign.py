"""Text from outside as plain data: YAML and JSON that surprise no reader.

What both formats allow and no file of rafr needs is refused here, once for all readers: numbers beyond every
measurement, keys given twice, NaN and infinity in JSON (which has no such words), nesting that exhausts the
stack, and YAML whose aliases unfold to more than memory holds.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import yaml

from rafr.errors import InputError

_LARGEST = 1e15  # of a number with a fraction: beyond every measurement, and its square is finite
_LARGEST_WHOLE = 2**63  # nanoseconds since 1970 fit
_DEEPEST = 100  # of YAML
_MOST_BYTES = 200_000_000
_MOST_VALUES = 2_000_000  # of YAML, aliases unfolded


def read_yaml(path: Path, expected: str) -> Any:
    """What a YAML (or JSON) file holds.

    Raises:
        InputError: it cannot be read, is no YAML, or holds what is refused above.
    """
    return parse_yaml(_text(path, expected), path, expected)


def parse_yaml(text: str, source: Path | str, expected: str) -> Any:
    """What YAML from `source` says.

    Raises:
        InputError: as `read_yaml`.
    """
    try:
        return _Loader(text).get_single_data()
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        # beside its own errors, its constructors raise what they stumble over: `!!int ''`, 2001-99-99
        raise InputError(source, f"not valid YAML ({error})", expected) from None


def read_json(path: Path, expected: str) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: it cannot be read, is no JSON, or holds what is refused above.
    """
    return parse_json(_text(path, expected), path, expected)


def parse_json(text: str, source: Path | str, expected: str) -> Any:
    """What JSON from `source` says.

    Raises:
        InputError: as `read_json`.
    """
    try:
        return json.loads(
            text, parse_constant=_refused, parse_float=_fraction, parse_int=_whole, object_pairs_hook=_object
        )
    except RecursionError:
        raise InputError(source, "its values are nested too deep", expected) from None
    except ValueError as error:
        raise InputError(source, f"not valid JSON ({error})", expected) from None


def _text(path: Path, expected: str) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(path, f"is larger than {_MOST_BYTES // 1_000_000} MB", expected)
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected) from None
    except UnicodeDecodeError as error:
        raise InputError(path, f"is no text in UTF-8 ({error.reason})", expected) from None


def _refused(text: str) -> float:
    raise ValueError(f"{text} is no finite number")


def _fraction(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise ValueError(f"the number {text[:30]} is beyond every measurement")
    return value


def _whole(text: str) -> int:
    if len(text) > 20 or abs(value := int(text)) >= _LARGEST_WHOLE:
        raise ValueError(f"the number {text[:30]} is beyond every measurement")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} is there twice")
    return found


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that counts before it builds."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError("its values are nested too deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None:
            _count(node, {}, set())
        return node

    def construct_yaml_int(self, node: Any) -> int:
        value = int(super().construct_yaml_int(node))
        if abs(value) >= _LARGEST_WHOLE:
            raise _too_large(node)
        return value

    def construct_yaml_float(self, node: Any) -> float:
        """NaN and infinity are handed on: YAML has words for them, and readers know which value it is."""
        value = float(super().construct_yaml_float(node))
        if math.isfinite(value) and abs(value) > _LARGEST:
            raise _too_large(node)
        return value


def _too_large(node: Any) -> yaml.YAMLError:
    problem = f"the number {node.value[:30]} is beyond every measurement"
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


def _count(node: Any, known: dict[int, int], above: set[int]) -> int:
    """Values in a node with its aliases unfolded; ValueError where there are too many, or no end of them."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in above:
        raise ValueError("a value holds itself")
    if id(node) in known:
        return known[id(node)]
    above.add(id(node))
    if isinstance(node, yaml.MappingNode):
        _refuse_repeated(node)
        inner = [part for pair in node.value for part in pair]
    else:
        inner = node.value
    known[id(node)] = total = 1 + sum(_count(part, known, above) for part in inner)
    above.discard(id(node))
    if total > _MOST_VALUES:
        raise ValueError(f"its aliases unfold to more than {_MOST_VALUES} values")
    return total


def _refuse_repeated(node: Any) -> None:
    names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    if len(set(names)) < len(names):
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} is there twice")
