"""What the page says while a tracked drill is in sight: the nearest planned pin or screw, and the way to it.

Pins are those planned for the fragments, each in its own bone. Screws are those of `fixation.yaml` in the
case folder, given for the reduced pelvis, so they are followed on the reference body alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rafr.cases.case import Case, SchantzPin
from rafr.errors import InputError
from rafr.fixation.implants.catalogue import Catalogue
from rafr.fixation.implants.given import read_scheme
from rafr.fixation.implants.guidance import Target, guidance_text, guide_to_nearest
from rafr.fixation.implants.implant import Screw
from rafr.registration.live import Sighting
from rafr.tracking.tools import DRILL_TOOL, REFERENCE_TOOL, fragment_tool

SCHEME_FILE = "fixation.yaml"


class Drilling:
    """Knows the targets of one case, found when a drill is seen first."""

    def __init__(
        self, case: Case, pins_of: Callable[[str], tuple[SchantzPin, ...]], complain: Callable[[str], None]
    ) -> None:
        self._case, self._pins_of, self._complain = case, pins_of, complain
        self._screws: list[Target] | None = None
        self._tool = Catalogue.read().drill

    def text(self, sighting: Sighting, order: Iterable[str]) -> str:
        """One line; "" while no drill is in sight or nothing is planned for bone that is."""
        if DRILL_TOOL not in sighting.tools:
            return ""
        if self._screws is None:
            self._screws = self._planned_screws()
        pins = [Target(s, body, fragment_tool(body)) for body in order for s in self._pins(body)]
        found = guide_to_nearest(sighting, [*pins, *self._screws], self._tool)
        return "" if found is None else f"{found[0].screw.name}: {guidance_text(found[1])}"

    def _pins(self, body: str) -> list[Screw]:
        return [
            Screw(f"pin {n + 1}", "pin", p.entry_mm, p.entry_mm + p.depth_mm * p.direction, p.diameter_mm)
            for n, p in enumerate(self._pins_of(body))
        ]

    def _planned_screws(self) -> list[Target]:
        path = self._case.folder / SCHEME_FILE
        if not path.is_file():
            return []
        try:
            scheme = read_scheme(path)
        except InputError as error:
            self._complain(f"no guidance to screws: {error}")
            return []
        return [Target(screw, self._case.reference.name, REFERENCE_TOOL) for screw in scheme.screws]
