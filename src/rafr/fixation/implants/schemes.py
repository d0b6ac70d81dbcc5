"""The schemes that are compared, planned on a patient.

Named as the finite element study does: SDS1EDS2 is a standard screw in S1 and an extended one in S2; L5SDS1
and L5EDS2 join a lumbopelvic rod on the displaced side with one of them. The rod starts at L5 there. Labels
of a CT (`rafr.imaging.segmentation`) hold sacrum and hips alone, so here it starts at the pedicle of S1, and
the scheme's notes say so: it does not unload the lumbosacral joint.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from rafr.errors import InfeasibleError, InputError
from rafr.fixation.implants.anatomy import Anatomy
from rafr.fixation.implants.implant import Implant, Rod, Scheme, Screw
from rafr.fixation.implants.planned import PlannedScrew, Planner
from rafr.fixation.implants.rods import beside_bone
from rafr.geometry.rigid_transform import FloatArray
from rafr.progress import Progress, silent

_NO_L5 = "no L5 in the CT's labels: the lumbopelvic rod starts at the pedicle of S1"
_BOW_STEP_MM, _BOW_MOST_MM = 2.0, 40.0


def plan_scheme(
    name: str,
    anatomy: Anatomy,
    *,
    side: str = "",
    planner: Planner | None = None,
    progress: Progress = silent,
) -> Scheme:
    """A scheme of `SCHEMES` on one anatomy.

    Args:
        side: left or right, of standard screw and rod; by default the anatomy's displaced side.
        planner: of this anatomy, where there is one already.

    Raises:
        InputError: no such scheme, or no side is displaced and none was given.
        InfeasibleError: one of its screws finds no corridor.
    """
    if name not in SCHEMES:
        raise InputError("scheme", f"there is no {name!r}", f"one of {', '.join(SCHEMES)}")
    side = side or anatomy.side
    if side not in ("left", "right"):
        raise InputError("side", f"{side!r}; no side of this pelvis is displaced", "left or right")
    progress(0.0, f"{name}: the bone's walls, canal and foramina")
    searches = itertools.count(1)

    def tell(what: str) -> None:
        # how many are to come is not known: where there is no room shorter screws and other orders are tried
        progress(1.0 - 1.0 / (1.0 + 0.5 * next(searches)), f"{name}: {what}")

    implants, notes = SCHEMES[name]((planner or Planner(anatomy)).telling(tell), side)
    progress(1.0, name)
    return Scheme(name, implants, notes)


Made = tuple[tuple[Implant, ...], tuple[str, ...]]


def _made(planned: list[PlannedScrew], rods: tuple[Rod, ...] = (), *notes: str) -> Made:
    said = [f"{p.screw.name}: {note}" for p in planned for note in p.notes]
    return (*(p.screw for p in planned), *rods), (*notes, *dict.fromkeys(said))


def _standard_and_extended(planner: Planner, side: str) -> Made:
    first = planner.sacroiliac(side, 1, extended=False)
    return _made([first, planner.sacroiliac(side, 2, extended=True, avoid=(first.screw,))])


def _lumbopelvic_standard(planner: Planner, side: str) -> Made:
    return _lumbopelvic(planner, side, lambda avoid: planner.sacroiliac(side, 1, False, avoid))


def _lumbopelvic_extended(planner: Planner, side: str) -> Made:
    return _lumbopelvic(planner, side, lambda avoid: planner.sacroiliac(side, 2, True, avoid))


def _lumbopelvic(planner: Planner, side: str, across: Callable[[tuple[Screw, ...]], PlannedScrew]) -> Made:
    first, pedicle = _both(across, lambda avoid: planner.pedicle(side, avoid))
    iliac = planner.iliac(side, (first.screw, pedicle.screw))
    backwards = planner.anatomy.T_ct_sacrum.rotation[:, 1]
    rod, notes = _rod(planner, f"rod {side}", pedicle.screw, iliac.screw, backwards)
    return _made([first, pedicle, iliac], (rod,), _NO_L5, *notes)


def _both(*plans: Callable[[tuple[Screw, ...]], PlannedScrew]) -> tuple[PlannedScrew, PlannedScrew]:
    """Two screws that share a vertebra: planned in either order, the better of which is kept.

    Better: at full length, then with the larger of the smaller margins.

    Raises:
        InfeasibleError: neither order leaves room for both.
    """
    first, second = plans
    found: list[tuple[PlannedScrew, PlannedScrew]] = []
    reasons: list[str] = []
    for forwards in (True, False):
        try:
            one = first(()) if forwards else second(())
            other = second((one.screw,)) if forwards else first((one.screw,))
            found.append((one, other) if forwards else (other, one))
        except InfeasibleError as error:
            reasons += error.reasons
    if not found:
        raise InfeasibleError(tuple(dict.fromkeys(reasons)))
    return max(found, key=lambda pair: (-len(pair[0].notes + pair[1].notes), min(p.margin_mm for p in pair)))


def _anterior(planner: Planner, side: str) -> Made:
    pins = [planner.supra_acetabular(s) for s in ("left", "right")]
    heads = np.array([p.screw.head for p in pins])
    names = (pins[0].screw.name, pins[1].screw.name)
    return _made(pins, (Rod("anterior bar", heads, planner.catalogue.bar_diameter_mm, names),))


SCHEMES: dict[str, Callable[[Planner, str], Made]] = {
    "SDS1EDS2": _standard_and_extended,
    "L5SDS1": _lumbopelvic_standard,
    "L5EDS2": _lumbopelvic_extended,
    "anterior": _anterior,
}


def _rod(
    planner: Planner, name: str, first: Screw, last: Screw, backwards: FloatArray
) -> tuple[Rod, tuple[str, ...]]:
    """Between two heads, bowed backwards in its middle as far as bone asks for.

    Raises:
        InfeasibleError: it would go through bone all the same.
    """
    diameter, ends = planner.catalogue.rod_diameter_mm, (first.name, last.name)
    straight = Rod(name, np.array([first.head, last.head]), diameter, ends)
    found = beside_bone(straight, planner.walls)
    if found.clear:
        return straight, ()
    middle = 0.5 * (first.head + last.head)
    for bow in np.arange(_BOW_STEP_MM, _BOW_MOST_MM, _BOW_STEP_MM):
        points = np.array([first.head, middle + bow * backwards, last.head])
        bent = Rod(name, points, diameter, (first.name, "", last.name))
        if beside_bone(bent, planner.walls).clear:
            return bent, ()
    if found.through:
        way = f"{found.through_mm:.0f} mm of bone are in its way, bent or not"
        raise InfeasibleError((f"{name}: {way}",))
    return straight, (f"{name}: it touches bone",)
