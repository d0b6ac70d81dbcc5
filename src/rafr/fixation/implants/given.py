"""Schemes in YAML: what a user gives, and what was planned, to be edited.

    name: mine
    screws:
      - {name: s1, kind: si-standard, entry_mm: [x, y, z], tip_mm: [x, y, z]}
        # diameter_mm, head_mm: the kind's
    rods:
      - {name: rod, screws: [pedicle, iliac]}                # straight through their heads; points_mm: others

LPS mm in the reference body's CT, with the bodies where the plan puts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rafr.errors import InputError, RafrError
from rafr.files import written_whole
from rafr.fixation.implants.catalogue import Catalogue
from rafr.fixation.implants.implant import Rod, Scheme, Screw
from rafr.strict import dataclass_from, read_yaml

SCHEME_FILE = "fixation.yaml"  # in a case folder
_Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class _ScrewText:
    name: str
    kind: str
    entry_mm: _Point
    tip_mm: _Point
    diameter_mm: float = 0.0
    head_mm: float = -1.0


@dataclass(frozen=True, slots=True)
class _RodText:
    name: str
    screws: tuple[str, ...]
    points_mm: tuple[_Point, ...] = ()
    diameter_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class _SchemeText:
    name: str
    screws: tuple[_ScrewText, ...]
    rods: tuple[_RodText, ...] = ()
    notes: tuple[str, ...] = ()


def read_scheme(path: Path | str, catalogue: Catalogue | None = None) -> Scheme:
    """A scheme of a YAML file; it is not checked against bone (`rafr.fixation.implants.checks`).

    Raises:
        InputError: the file, an unknown key or kind, a value of the wrong sort, a name twice or unknown.
    """
    return scheme_from(read_yaml(path), Path(path), catalogue)


def scheme_from(data: dict[str, Any], source: Path, catalogue: Catalogue | None = None) -> Scheme:
    """A scheme of what YAML holds.

    Raises:
        InputError: as `read_scheme`.
    """
    catalogue = catalogue or Catalogue.read()
    text = dataclass_from(_SchemeText, data, source, "")
    screws: dict[str, Screw] = {}
    try:
        for s in text.screws:
            _new(s.name, screws, source)
            kind = catalogue.kind(s.kind, str(source))
            diameter = s.diameter_mm or kind.diameter_mm
            head = kind.head_mm if s.head_mm == -1.0 else s.head_mm
            screws[s.name] = Screw(s.name, s.kind, np.array(s.entry_mm), np.array(s.tip_mm), diameter, head)
        rods: dict[str, Rod] = {}
        for r in text.rods:
            _new(r.name, screws | rods, source)
            rods[r.name] = _rod(r, screws, catalogue, source)
    except InputError:
        raise
    except RafrError as error:
        raise InputError(
            source, str(error), "a screw from its entry to another point, positive sizes"
        ) from None
    return Scheme(text.name, (*screws.values(), *rods.values()), text.notes)


def _new(name: str, known: dict[str, Any], source: Path) -> None:
    if name in known or not name:
        raise InputError(source, f"the implant name {name!r} is empty or there twice", "one name each")


def _rod(text: _RodText, screws: dict[str, Screw], catalogue: Catalogue, source: Path) -> Rod:
    unknown = [name for name in text.screws if name and name not in screws]
    if unknown:
        raise InputError(source, f"rod {text.name} holds {unknown[0]!r}", f"screws {', '.join(screws)}")
    if text.points_mm:
        points = np.array(text.points_mm)
    elif all(text.screws):
        points = np.array([screws[name].head for name in text.screws])
    else:
        raise InputError(source, f"rod {text.name} is bent where no screw is", "points_mm, one per screw")
    lumbopelvic = any(screws[name].kind == "pedicle" for name in text.screws if name)
    usual = catalogue.rod_diameter_mm if lumbopelvic else catalogue.bar_diameter_mm
    return Rod(text.name, points, text.diameter_mm or usual, text.screws)


def scheme_to_data(scheme: Scheme) -> dict[str, Any]:
    """What `scheme_from` reads: plain lists and numbers, to 0.01 mm."""
    screws = [
        {
            "name": s.name,
            "kind": s.kind,
            "entry_mm": _rounded(s.entry),
            "tip_mm": _rounded(s.tip),
            "diameter_mm": float(s.diameter_mm),
            "head_mm": float(s.head_mm),
        }
        for s in scheme.screws
    ]
    rods = [
        {
            "name": r.name,
            "screws": list(r.screws),
            "points_mm": [_rounded(p) for p in r.points],
            "diameter_mm": float(r.diameter_mm),
        }
        for r in scheme.rods
    ]
    return {"name": scheme.name, "screws": screws, "rods": rods, "notes": list(scheme.notes)}


def case_screws(scheme: Scheme, reference: str) -> list[dict[str, Any]]:
    """The scheme as `screws` of a case.yaml, for radiographs; a rod is cut at its bends.

    Args:
        reference: name of the body in whose CT the scheme is given.
    """
    straight = [(s.head, s.tip, s.diameter_mm) for s in scheme.screws]
    straight += [(a, b, r.diameter_mm) for r in scheme.rods for a, b in pairwise(r.points)]
    return [
        {"body": reference, "head_mm": _rounded(a), "tip_mm": _rounded(b), "diameter_mm": float(d)}
        for a, b, d in straight
    ]


def write_scheme(path: Path, scheme: Scheme) -> None:
    """As YAML, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(yaml.safe_dump(scheme_to_data(scheme), sort_keys=False), encoding="utf-8")


def _rounded(point: Any) -> list[float]:
    return [round(float(v), 2) for v in point]
