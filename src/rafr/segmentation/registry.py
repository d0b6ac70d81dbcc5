"""Methods by name: rafr's own, and those other packages add through the entry point `rafr.segmenters`.

```toml
[project.entry-points."rafr.segmenters"]
mine = "my_package:make_segmenter"     # a callable that returns a Segmenter
```
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from rafr.errors import InputError
from rafr.segmentation.segmenter import Segmenter

GROUP = "rafr.segmenters"
_OWN = {
    "classical": "rafr.segmentation.classical.method:ClassicalSegmenter",
    "import": "rafr.segmentation.label_import:import_labels",
    "totalsegmentator": "rafr.segmentation.totalsegmentator:TotalSegmentator",
    "nnunet": "rafr.segmentation.nnunet:nnunet",
}


def method_names() -> tuple[str, ...]:
    """rafr's own methods first, then those of other packages."""
    others = sorted(e.name for e in entry_points(group=GROUP) if e.name not in _OWN)
    return (*_OWN, *others)


def make_segmenter(name: str, options: Mapping[str, Any] | None = None) -> Segmenter:
    """The method of that name.

    Args:
        options: keyword arguments for its maker; None values are left out.

    Raises:
        InputError: no such method, one that cannot be loaded, or an option it does not know.
    """
    maker = _maker(name)
    given = {k: v for k, v in (options or {}).items() if v is not None}
    known = inspect.signature(maker).parameters
    free = any(p.kind is p.VAR_KEYWORD for p in known.values())
    for option in given:
        if option not in known and not free:
            raise InputError(f"--{option}", f"the method {name} has no such option", _listed(name, known))
    segmenter: Segmenter = maker(**given)
    if not callable(getattr(segmenter, "segment", None)):
        raise InputError(f"--method {name}", "is no segmenter", "an object with segment(ct, seeds, progress)")
    return segmenter


def _maker(name: str) -> Callable[..., Any]:
    if name in _OWN:
        entry = EntryPoint(name, _OWN[name], GROUP)
    else:
        found = tuple(entry_points(group=GROUP, name=name))
        if not found:
            raise InputError("--method", f"{name!r} is no method", f"one of {', '.join(method_names())}")
        entry = found[0]
    try:
        maker: Callable[..., Any] = entry.load()
    except Exception as error:  # another package's import may raise anything
        problem = f"cannot be loaded ({' '.join(str(error).split())[:100]})"
        raise InputError(f"--method {name}", problem, f"a working {entry.value}") from None
    return maker


def _listed(name: str, known: Mapping[str, inspect.Parameter]) -> str:
    options = [f"--{n}" for n in known if n in ("labels", "table", "model", "device")]
    return f"{', '.join(options) or 'none'} with --method {name}"
