"""Whether a scheme, planned or given, can be in this pelvis."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from rafr.errors import InputError
from rafr.fixation.implants.corridor import axes_apart
from rafr.fixation.implants.implant import Implant, Rod, Scheme, Screw
from rafr.fixation.implants.planned import Planner
from rafr.fixation.implants.rods import beside_bone
from rafr.fixation.implants.walls import Walls

_STEP_MM = 0.5
_END_MM = 10.0  # of a screw's ends that may stand out of the bone
_HOLD_MM = 15.0  # of a rod from the head of a screw it holds: a connector between them
_HELD_MM = 5.0  # of axis in a body that holds it


def check_scheme(scheme: Scheme, planner: Planner, source: Path | str = "scheme") -> tuple[str, ...]:
    """What is doubtful about a scheme, one line each.

    Raises:
        InputError: a size that cannot be had, a screw outside bone, in canal or foramina, a rod through bone
            or away from a screw it holds, two implants in one place.
    """
    warnings: list[str] = []
    for screw in scheme.screws:
        _check_size(screw, planner, source)
        _check_in_bone(screw, planner.walls, source)
        warnings += _check_margins(screw, planner, source)
    for rod in scheme.rods:
        _check_held(rod, scheme, source)
        warnings += _check_beside_bone(rod, planner.walls, source)
    for first, second in itertools.combinations(scheme.implants, 2):
        _check_apart(first, second, source)
    return (*warnings, *_unheld(scheme, planner))


def _check_size(screw: Screw, planner: Planner, source: Path | str) -> None:
    kind = planner.catalogue.kind(screw.kind, str(source))
    if not kind.shortest_mm <= screw.length_mm <= kind.longest_mm:
        raise InputError(
            source,
            f"screw {screw.name} is {screw.length_mm:.0f} mm long in bone",
            f"{kind.shortest_mm:g} to {kind.longest_mm:g} mm for kind {kind.kind}",
        )
    if not 0.5 * kind.diameter_mm <= screw.diameter_mm <= 1.5 * kind.diameter_mm:
        raise InputError(
            source,
            f"screw {screw.name} is {screw.diameter_mm:g} mm thick",
            f"about {kind.diameter_mm:g} mm for kind {kind.kind}",
        )


def _check_in_bone(screw: Screw, walls: Walls, source: Path | str) -> None:
    """Between its ends the axis lies in bone, or in the gap of a joint or fracture."""
    points = screw.points(_STEP_MM)
    inside = walls.hold(points)
    along = np.linspace(0.0, screw.length_mm, len(points))
    if not inside.any():
        raise InputError(
            source, f"screw {screw.name} lies outside the bone", "entry and tip in LPS mm, in bone"
        )
    first, last = along[inside][0], along[inside][-1]
    out = float((~inside & (along > first) & (along < last)).mean() * screw.length_mm)
    for what, length, most in (
        ("starts", first, _END_MM),
        ("ends", screw.length_mm - last, _END_MM),
        ("leaves the bone between its ends for", out, 1.0),
    ):
        if length > most:
            where = f"{what} {length:.0f} mm" + ("" if "leaves" in what else " outside the bone")
            raise InputError(source, f"screw {screw.name} {where}", f"no more than {most:g} mm")


def _check_margins(screw: Screw, planner: Planner, source: Path | str) -> list[str]:
    margins = planner.judged(screw).margins_mm
    for space in ("canal", "foramina"):
        if margins.get(space, np.inf) < 0.0:
            raise InputError(
                source,
                f"screw {screw.name} reaches {-margins[space]:.1f} mm into the sacral {space}",
                "a screw beside it",
            )
    cortex = margins.get("cortex", np.nan)
    if cortex < 0.0:
        return [f"screw {screw.name} breaks through the cortex by {-cortex:.1f} mm"]
    return []


def _check_held(rod: Rod, scheme: Scheme, source: Path | str) -> None:
    """It passes the heads of the screws it holds."""
    heads = {screw.name: screw.head for screw in scheme.screws}
    for name, point in zip(rod.screws, rod.points, strict=True):
        away = float(np.linalg.norm(heads[name] - point)) if name else 0.0
        if away > _HOLD_MM:
            raise InputError(
                source,
                f"rod {rod.name} passes {name} {away:.0f} mm from its head",
                f"{_HOLD_MM:g} mm or less",
            )


def _check_beside_bone(rod: Rod, walls: Walls, source: Path | str) -> list[str]:
    found = beside_bone(rod, walls)
    if found.through:
        at = np.round(found.deepest).astype(int).tolist()
        raise InputError(
            source,
            f"rod {rod.name} goes through bone for {found.through_mm:.0f} mm, {found.deepest_mm:.0f} mm deep "
            f"at {at}",
            "a rod beside bone: bend it (points_mm)",
        )
    return [] if found.clear else [f"rod {rod.name} touches bone"]


def _check_apart(first: Implant, second: Implant, source: Path | str) -> None:
    held = [i for i in (first, second) if isinstance(i, Rod)]
    if held and any(i.name in rod.screws for rod in held for i in (first, second)):
        return
    need = 0.5 * (first.diameter_mm + second.diameter_mm)
    for a in _straights(first):
        for b in _straights(second):
            apart = float(axes_apart(a.head[None], a.tip[None], b)[0])
            if apart < need:
                raise InputError(
                    source,
                    f"{first.name} and {second.name} overlap: their axes come within {apart:.1f} mm",
                    f"{need:.1f} mm or more",
                )


def _straights(implant: Implant) -> list[Screw]:
    if isinstance(implant, Screw):
        return [implant]
    pairs = itertools.pairwise(implant.points)
    return [Screw(implant.name, "rod", a, b, implant.diameter_mm) for a, b in pairs]


def bodies_held(scheme: Scheme, planner: Planner) -> list[set[str]]:
    """Groups of bodies that implants join to each other, rods with all their screws."""
    groups: list[set[str]] = []
    touched = {s.name: _touched(s, planner) for s in scheme.screws}
    sets = [*touched.values()]
    sets += [set().union(*(touched.get(name, set()) for name in rod.screws)) for rod in scheme.rods]
    for bodies in sets:
        joined = [g for g in groups if g & bodies]
        groups = [g for g in groups if not g & bodies] + [set().union(bodies, *joined)]
    return groups


def _touched(screw: Screw, planner: Planner) -> set[str]:
    """Bodies that hold `_HELD_MM` of a screw or more."""
    points = screw.points(_STEP_MM)
    pairs = zip(planner.anatomy.pieces, planner.walls.pieces, strict=True)
    length: dict[str, float] = {}
    for piece, surface in pairs:
        inside = float((surface.signed_distance(points) < 0.0).sum() * _STEP_MM)
        length[piece.body] = length.get(piece.body, 0.0) + inside
    return {body for body, mm in length.items() if mm >= _HELD_MM}


def _unheld(scheme: Scheme, planner: Planner) -> list[str]:
    """A line for every fragment that no implant joins to the first body."""
    reference, *moving = planner.anatomy.bodies
    groups = bodies_held(scheme, planner)
    held = next((g for g in groups if reference in g), {reference})
    return [
        f"no implant of {scheme.name} crosses the fracture between {body} and {reference}"
        for body in moving
        if body not in held
    ]
