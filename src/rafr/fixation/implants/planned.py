"""Corridors of the screws and pins there are, planned on one anatomy.

Every search starts from lines drawn at random about where surgeons put such a screw, in the sacrum's axes or
from the spines and joint of the hip. The margin that is asked for, 1 mm, is the buffer round a 7.3 mm screw
of a study of 40 sacra ("An anatomical study defining the safe range of angles in percutaneous iliosacral and
transsacral screw fixation"); below it a corridor is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rafr.errors import InfeasibleError
from rafr.fixation.implants.anatomy import Anatomy
from rafr.fixation.implants.catalogue import Catalogue, ScrewKind
from rafr.fixation.implants.corridor import Corridor, Lines, margin_of, search, walls_along
from rafr.fixation.implants.implant import Screw
from rafr.fixation.implants.starts import STARTS, FromBehind, InLevel, Near, draws_of, fan, uniform
from rafr.fixation.implants.walls import Walls
from rafr.geometry.rigid_transform import FloatArray
from rafr.registration.targets import pelvic_targets
from rafr.tissue.landmarks import hip_centre, side_sign

_LENGTH_STEP_MM = 5.0
_SHORT_OF_CORTEX_MM = 5.0  # the tip of an extended screw before it leaves the far ilium
_MIDLINE_MM = 5.0  # how far a standard screw may end beyond the middle; its length comes in steps
_NO_WAY = 0.85  # of a radius: the axis itself comes that near to a wall, on one side of it or the other
_SPINE_MM = 22.0  # of an entry from the spine or crest it is named after
_CREST_MM = (15.0, 45.0)  # behind the anterior superior spine

Screws = tuple[Screw, ...]


@dataclass(frozen=True, slots=True)
class CorridorConfig:
    """Attributes: min_margin_mm: bone between screw and wall that is asked for."""

    min_margin_mm: float = 1.0
    shorter_by_mm: float = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class PlannedScrew:
    """A screw with what is left around it.

    Attributes:
        margin_mm: smallest distance of its surface from any wall.
        margins_mm: per structure (`cortex`, `canal`, `foramina`); cortex without where it is pierced.
    """

    screw: Screw
    margin_mm: float
    margins_mm: Mapping[str, float]
    notes: tuple[str, ...] = ()


class Planner:
    """Plans on one anatomy, whose walls and landmarks are found once.

    Every method raises InfeasibleError with the reason where no corridor is wide enough.
    """

    def __init__(
        self, anatomy: Anatomy, catalogue: Catalogue | None = None, config: CorridorConfig | None = None
    ) -> None:
        self.anatomy, self.catalogue = anatomy, catalogue or Catalogue.read()
        self._config = config or CorridorConfig()
        self._tell: Callable[[str], None] = lambda what: None

    def telling(self, tell: Callable[[str], None]) -> Planner:
        """The same planner, which says of every search what is looked for."""
        _ = self.walls  # found once for both
        other = copy.copy(self)
        other._tell = tell
        return other

    @cached_property
    def walls(self) -> Walls:
        return Walls.of(self.anatomy)

    def sacroiliac(self, side: str, level: int, extended: bool, avoid: Screws = ()) -> PlannedScrew:
        """A screw from the outer ilium through the joint into the body of S`level` (1 or 2).

        Args:
            side: it enters on, left or right.
            extended: on through the other joint into the far ilium, else to the midline.
            avoid: screws that are there already, here as below.
        """
        kind = self.catalogue.kind("si-extended" if extended else "si-standard")
        sign = side_sign(side)
        up, down = self._between(level)
        rng = draws_of("sacroiliac", level, extended)
        middle = uniform(rng, (-1.0, 2.0, down), (1.0, 30.0, up))
        width = 15.0 if extended else 40.0
        lines = self._sacral_lines(middle, fan(rng, (-1.0, 0.0, 0.0), np.radians(width)), sign)
        T = self.anatomy.T_ct_sacrum
        corridor = Corridor(
            entry_bone=f"{side}_hip",
            radius_mm=kind.diameter_mm / 2,
            end="through" if extended else "plane",
            plane=(T.translation, T.rotation[:, 0]),
            exit_bone=f"{'right' if side == 'left' else 'left'}_hip",
            short_mm=_SHORT_OF_CORTEX_MM,
            allowed=self._in_level(sign, level, extended),
            avoid=avoid,
        )
        name = f"S{level} {'extended' if extended else 'standard'} {side}"
        return self._planned(name, kind, corridor, lines, self.walls.neural.notes)

    def pedicle(self, side: str, avoid: Screws = ()) -> PlannedScrew:
        """A pedicle screw of S1, from behind beside the canal into the body."""
        kind, sign = self.catalogue.kind("pedicle"), side_sign(side)
        up, down = self._between(1)
        rng = draws_of("pedicle")
        points = uniform(rng, (10.0, 5.0, down - 5.0), (26.0, 30.0, up + 3.0))
        lines = self._sacral_lines(points, fan(rng, (-0.35, -1.0, 0.2), np.radians(35.0)), sign)
        behind = FromBehind(self.anatomy, sign)
        corridor = Corridor("sacrum", kind.diameter_mm / 2, "length", allowed=behind, avoid=avoid)
        return self._laddered(f"S1 pedicle {side}", kind, corridor, lines, self.walls.neural.notes)

    def iliac(self, side: str, avoid: Screws = ()) -> PlannedScrew:
        """A screw from the posterior superior spine between the tables of the ilium, over the hip joint."""
        kind = self.catalogue.kind("iliac")
        spine, _, over_joint = self._hip_points(side)
        lines = self._hip_lines(draws_of("iliac"), side, spine, over_joint - spine, (8.0, 8.0, 14.0), 20.0)
        near = Near(spine, _SPINE_MM)
        corridor = Corridor(f"{side}_hip", kind.diameter_mm / 2, "length", allowed=near, avoid=avoid)
        return self._laddered(f"iliac {side}", kind, corridor, lines)

    def supra_acetabular(self, side: str, avoid: Screws = ()) -> PlannedScrew:
        """A pin from the anterior inferior spine above the hip joint towards the posterior superior spine."""
        kind = self.catalogue.kind("supra-acetabular")
        back, _, over_joint = self._hip_points(side)
        rng = draws_of("supra-acetabular")
        lines = self._hip_lines(rng, side, over_joint, back - over_joint, (10.0, 8.0, 14.0), 20.0)
        corridor = Corridor(f"{side}_hip", kind.diameter_mm / 2, "length", avoid=avoid)
        return self._laddered(f"supra-acetabular {side}", kind, corridor, lines)

    def crest(self, side: str, avoid: Screws = ()) -> PlannedScrew:
        """A pin into the iliac crest behind the anterior superior spine, down between the tables."""
        kind = self.catalogue.kind("crest")
        _, front, over_joint = self._hip_points(side)
        vertices = self.anatomy.bone(f"{side}_hip").vertices
        behind = vertices[:, 1] - front[1]
        stretch = vertices[(behind > _CREST_MM[0]) & (behind < _CREST_MM[1])]
        top = stretch[stretch[:, 2] > stretch[:, 2].max() - 10.0].mean(axis=0)
        lines = self._hip_lines(draws_of("crest"), side, top, over_joint - top, (10.0, 12.0, 5.0), 30.0)
        near = Near(top, _SPINE_MM)
        corridor = Corridor(f"{side}_hip", kind.diameter_mm / 2, "length", allowed=near, avoid=avoid)
        return self._laddered(f"crest {side}", kind, corridor, lines)

    def judged(self, screw: Screw) -> PlannedScrew:
        """A screw as given, with its margins."""
        through = screw.kind == "si-extended"
        radius = screw.diameter_mm / 2
        margin = margin_of(self.walls, screw.entry, screw.tip, radius, through)
        along = walls_along(self.walls, screw.entry, screw.tip, through)
        return PlannedScrew(screw, margin, {name: d - radius for name, d in along.items()})

    # -- where to look -------------------------------------------------------------------------------

    def _between(self, level: int) -> tuple[float, float]:
        """Heights (upper, lower) in the sacrum's axes between which the axis crosses the middle."""
        first, second = self.walls.neural.levels
        return (4.0, first + 2.0) if level == 1 else (first - 1.0, second + 1.0)

    def _in_level(self, sign: float, level: int, both: bool) -> InLevel:
        neural = self.walls.neural
        return InLevel(self.anatomy, neural.levels, neural.aside, (sign, -sign) if both else (sign,), level)

    def _sacral_lines(self, points: FloatArray, directions: FloatArray, sign: float) -> Lines:
        """Lines given for the left side in the sacrum's axes, on the side wanted."""
        mirror = np.array([sign, 1.0, 1.0])
        T = self.anatomy.T_ct_sacrum
        return Lines(T.apply(points * mirror), T.rotate(directions * mirror))

    def _hip_points(self, side: str) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Posterior and anterior superior spine, and the bone above the hip joint (3,)."""
        bones = {bone: self.anatomy.bone(bone) for bone in (f"{side}_hip",)}
        found = pelvic_targets(bones)
        centre = hip_centre(bones[f"{side}_hip"], side)
        over_joint = centre + np.array([0.0, -12.0, 34.0])
        return found[f"{side}_psis"], found[f"{side}_asis"], over_joint

    def _hip_lines(
        self,
        rng: np.random.Generator,
        side: str,
        start: FloatArray,
        along: FloatArray,
        spread: tuple[float, float, float],
        fan_deg: float,
    ) -> Lines:
        """Lines about one through `start` along `along`, drawn for the left and reflected for the right."""
        mirror = np.array([side_sign(side), 1.0, 1.0])
        points = start + mirror * rng.uniform(-1.0, 1.0, (STARTS, 3)) * spread
        axis = mirror * along
        directions = fan(rng, tuple(axis / np.linalg.norm(axis)), np.radians(fan_deg))
        return Lines(points, mirror * directions)

    # -- what is found -------------------------------------------------------------------------------

    def _laddered(
        self, name: str, kind: ScrewKind, corridor: Corridor, lines: Lines, notes: tuple[str, ...] = ()
    ) -> PlannedScrew:
        """At the catalogue's length, or shorter by steps where the bone is too short for it."""
        least = max(kind.shortest_mm, kind.length_mm - self._config.shorter_by_mm)
        lengths = np.arange(kind.length_mm, least - 1e-6, -_LENGTH_STEP_MM)
        for length in lengths:
            tried = replace(corridor, length_mm=float(length))
            shorter = (
                () if length == kind.length_mm else (f"{length:.0f} mm instead of {kind.length_mm:.0f} mm",)
            )
            try:
                return self._planned(name, kind, tried, lines, (*notes, *shorter))
            except InfeasibleError:
                if length == lengths[-1]:
                    raise
        raise AssertionError("a ladder has a last step")

    def _planned(
        self, name: str, kind: ScrewKind, corridor: Corridor, lines: Lines, notes: tuple[str, ...]
    ) -> PlannedScrew:
        self._tell(f"{name}, {corridor.length_mm:.0f} mm" if corridor.end == "length" else name)
        found = search(self.walls, corridor, lines)
        if found is None:
            raise InfeasibleError((f"{name}: no line from the {corridor.entry_bone} goes where it should",))
        length = float(np.linalg.norm(found.tip - found.entry))
        if corridor.end != "length":  # what can be had, not beyond where the tip may lie
            down = _LENGTH_STEP_MM * np.floor(
                (length + (_MIDLINE_MM if corridor.end == "plane" else 0.0)) / _LENGTH_STEP_MM
            )
            length = float(min(down, kind.longest_mm))
        tip = found.entry + length * (found.tip - found.entry) / np.linalg.norm(found.tip - found.entry)
        screw = Screw(name, kind.kind, found.entry, tip, kind.diameter_mm, kind.head_mm)
        result = self.judged(screw)
        if min(result.margin_mm, found.margin_mm) < self._config.min_margin_mm:
            raise InfeasibleError((self._too_narrow(name, kind, result),))
        return PlannedScrew(screw, result.margin_mm, result.margins_mm, notes)

    def _too_narrow(self, name: str, kind: ScrewKind, result: PlannedScrew) -> str:
        known = {s: m for s, m in result.margins_mm.items() if np.isfinite(m)}
        nearest = min(known, key=lambda s: known[s]) if known else "cortex"
        least = known.get(nearest, result.margin_mm)
        if least >= self._config.min_margin_mm:
            return (
                f"{name}: the widest way for {kind.diameter_mm:g} mm only skims the cortex where it goes in"
            )
        if least < -_NO_WAY * kind.diameter_mm / 2:
            return f"{name}: no straight way there stays in bone, not even for the axis (nearest: {nearest})"
        return (
            f"{name}: the widest way for {kind.diameter_mm:g} mm leaves {least:.1f} mm "
            f"(nearest: {nearest}), {self._config.min_margin_mm:g} mm is asked for"
        )
