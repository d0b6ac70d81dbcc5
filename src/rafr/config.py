"""Tunables: every component has one frozen config dataclass whose fields are made with `option`.

ROS parameters are declared from these dataclasses, so a default stands in one place only.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from rafr.errors import InputError


def option(default: Any, doc: str, *, unit: str = "", lower: Any = None, upper: Any = None) -> Any:
    """A field of a config dataclass: default, meaning, unit and bounds (see `check_config`)."""
    return dataclasses.field(
        default=default, metadata={"doc": doc, "unit": unit, "lower": lower, "upper": upper}
    )


def check_config(config: Any, source: str) -> None:
    """Raise InputError naming the first field that lies outside its bounds or is not finite."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            check_config(value, f"{source}, {field.name}")
            continue
        lower, upper = field.metadata.get("lower"), field.metadata.get("upper")
        numbers = value if isinstance(value, tuple) else (value,)
        if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
            raise InputError(source, f"parameter {field.name} is {value}", "a finite number")
        if (lower is not None and value < lower) or (upper is not None and value > upper):
            unit = field.metadata.get("unit", "")
            low = "-inf" if lower is None else lower
            high = "inf" if upper is None else upper
            raise InputError(
                source, f"parameter {field.name} is {value!r}", f"{low} to {high} {unit}".strip()
            )
