"""What is said while a tracked drill is in the room: the nearest planned pin or screw, and the way to it.

Pins are those planned for the fragments, each in its own bone. Screws are those of `fixation.yaml` in the
case folder, given for the reduced pelvis, so they are followed on the reference body alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rafr.cases.case import Case, SchantzPin
from rafr.errors import InputError
from rafr.fixation.implants.catalogue import Catalogue
from rafr.fixation.implants.given import SCHEME_FILE, read_scheme
from rafr.fixation.implants.guidance import (
    DrillGuidance,
    Target,
    TrackingError,
    guidance_text,
    guide_to_nearest,
)
from rafr.fixation.implants.implant import Screw
from rafr.registration.live import Sighting
from rafr.tracking.tools import DRILL_TOOL, REFERENCE_TOOL, fragment_tool


@dataclass(frozen=True, slots=True)
class Readout:
    """What is known of the drill at one moment.

    Attributes:
        target, body: what it is nearest to, and in whose bone; "" where nothing can be said.
        guidance: None then.   text: in words, always; of one moment, so that no old number is left in it.
        sure: everything planned could be compared, and the drill is not too deep.
    """

    target: str
    body: str
    guidance: DrillGuidance | None
    text: str
    sure: bool

    @staticmethod
    def without(why: str) -> Readout:
        """Nothing can be said."""
        return Readout("", "", None, why, sure=False)


class Drilling:
    """The targets of one case and the drill that is meant for them."""

    def __init__(
        self,
        case: Case,
        pins_of: Callable[[str], Iterable[SchantzPin]],
        complain: Callable[[str], None],
        error: TrackingError | None = None,
    ) -> None:
        """`pins_of`: as planned for a moving body; `complain`: told what cannot be used of the case."""
        self._error = error
        self._tool = Catalogue.read().drill
        moving = [body.name for body in case.moving]
        pins = [Target(pin, body, fragment_tool(body)) for body in moving for pin in _screws(pins_of(body))]
        self._targets = (*pins, *_planned_screws(case, complain))

    def look(self, sighting: Sighting) -> Readout:
        """At what was seen together, in one frame of the tracker."""
        if DRILL_TOOL not in sighting.tools:
            return Readout.without("the drill is not seen")
        if not self._targets:
            return Readout.without("no pin or screw is planned")
        hidden = self._hidden(sighting)
        found = guide_to_nearest(sighting, self._targets, self._tool, self._error)
        if found is None:
            return Readout.without(hidden)
        target, now = found
        text = f"{target.screw.name}: {guidance_text(now)}" + (f" ({hidden})" if hidden else "")
        return Readout(target.screw.name, target.body, now, text, not hidden and now.to_go >= 0.0)

    def _hidden(self, sighting: Sighting) -> str:
        """Which targets' bones cannot be compared, and why; "" for none."""
        bodies = {t.body: t.tool for t in self._targets}
        unknown = [body for body in bodies if body not in sighting.T_marker_ct]
        unseen = [b for b, tool in bodies.items() if b not in unknown and tool not in sighting.tools]
        said = ((unknown, "not registered"), (unseen, "not seen"))
        return "; ".join(f"{', '.join(names)} {what}" for names, what in said if names)


def _screws(pins: Iterable[SchantzPin]) -> list[Screw]:
    return [
        Screw(f"pin {n + 1}", "pin", p.entry_mm, p.entry_mm + p.depth_mm * p.direction, p.diameter_mm)
        for n, p in enumerate(pins)
    ]


def _planned_screws(case: Case, complain: Callable[[str], None]) -> list[Target]:
    path = case.folder / SCHEME_FILE
    if not path.is_file():
        return []
    try:
        scheme = read_scheme(path)
    except InputError as error:
        complain(f"no guidance to screws: {error}")
        return []
    return [Target(screw, case.reference.name, REFERENCE_TOOL) for screw in scheme.screws]
