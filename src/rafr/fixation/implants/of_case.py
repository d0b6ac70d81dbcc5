"""Schemes that are there already: a YAML file, or what lies in the case folder.

`fixation` is the folder's `fixation.yaml`, a whole scheme. `case` is the list `screws` of `case.yaml`, which
says no more than head, tip and diameter: where bone begins is found, and the kind is the one of the catalogue
that fits. What is no screw in bone, a rod's piece for one, cannot be told from a mistake and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from rafr.cases.case import CASE_FILE, Case
from rafr.errors import InputError
from rafr.fixation.implants.checks import check_scheme
from rafr.fixation.implants.given import SCHEME_FILE, read_scheme
from rafr.fixation.implants.implant import Scheme, Screw
from rafr.fixation.implants.planned import Planner
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.xray.rods import Rod, screws_of

FIXATION, CASE = "fixation", "case"
_SUFFIXES = (".yaml", ".yml")
_FREE_MM = 1.0  # a shorter free shaft is none
_THICKNESS = 0.15  # of a diameter, by which a kind's own may differ


def given_scheme(
    name: str, case: Case, planner: Planner, T_reduced_displaced: Mapping[str, RigidTransform]
) -> Scheme | None:
    """The scheme of a file, of `fixation` or of `case`, checked; None: it is none of these.

    What is doubtful is in its notes.

    Args:
        T_reduced_displaced: mm, per moving body, where its screws hold it.

    Raises:
        InputError: there is none, it is unusable, or it cannot be in this pelvis.
    """
    source = Path(name)
    if name == CASE:
        source = case.folder / CASE_FILE
        scheme = _of_case(case, source, planner, T_reduced_displaced)
    elif name == FIXATION or source.suffix.lower() in _SUFFIXES:
        source = case.folder / SCHEME_FILE if name == FIXATION else source
        scheme = read_scheme(source, planner.catalogue)
    else:
        return None
    return replace(scheme, notes=(*scheme.notes, *check_scheme(scheme, planner, source)))


def _of_case(
    case: Case, source: Path, planner: Planner, T_reduced_displaced: Mapping[str, RigidTransform]
) -> Scheme:
    if not case.screws:
        raise InputError(source, "it lists no screws", f"`screws`, or a scheme in {SCHEME_FILE}")
    still = RigidTransform.identity()
    screws: list[Screw] = []
    for body, rods in screws_of(case).items():
        T = T_reduced_displaced.get(body, still)
        for rod in rods:
            screws.append(_screw(f"screw {len(screws) + 1} of {body}", rod.moved(T), planner, source))
    metal = planner.catalogue.material.name
    note = f"kinds and entries of the screws of {CASE_FILE} are inferred, {metal} is taken for all"
    return Scheme(CASE, tuple(screws), (note,))


def _screw(name: str, rod: Rod, planner: Planner, source: Path) -> Screw:
    """The screw of a straight piece of metal from its head to its tip."""
    way = rod.end - rod.start
    length = float(np.linalg.norm(way))
    free = float(planner.walls.everything.first_hit(rod.start[None], way[None] / length)[0])
    inside = bool(planner.walls.depth(rod.start[None])[0] > 0.0)
    free = 0.0 if inside or free < _FREE_MM else free
    if free >= length:
        raise InputError(source, f"{name} meets no bone", f"a screw; rods are given in {SCHEME_FILE}")
    entry = rod.start + free / length * way
    kind = _kind(name, entry, rod, length - free, planner, source)
    return Screw(name, kind, entry, rod.end, rod.diameter_mm, free)


def _kind(name: str, entry: FloatArray, rod: Rod, in_bone_mm: float, planner: Planner, source: Path) -> str:
    """The kind of the nearest diameter whose lengths it has; through both joints: the extended one."""
    T_sacrum_ct = planner.anatomy.T_ct_sacrum.inverse()
    ends = T_sacrum_ct.apply(np.array([entry, rod.end]))[:, 0]
    hips = [planner.walls.bones[f"{side}_hip"] for side in ("left", "right")]
    in_hips = np.min([hip.signed_distance(np.array([entry, rod.end])) for hip in hips], axis=0) < _FREE_MM
    across = bool(ends[0] * ends[1] < 0.0 and in_hips.all())
    fitting = [
        kind
        for kind in planner.catalogue.kinds
        if abs(kind.diameter_mm - rod.diameter_mm) <= _THICKNESS * kind.diameter_mm
        and kind.shortest_mm <= in_bone_mm <= kind.longest_mm
        and (kind.kind == "si-extended") == across
    ]
    if not fitting:
        raise InputError(
            source,
            f"{name}, {rod.diameter_mm:g} mm thick and {in_bone_mm:.0f} mm long in bone, is of no known kind",
            f"one of config/implants.yaml, or a scheme that names it ({SCHEME_FILE})",
        )
    return min(fitting, key=lambda kind: abs(kind.diameter_mm - rod.diameter_mm)).kind
