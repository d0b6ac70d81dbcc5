"""The operating room as it is now, for every browser that looks and for those that come later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from rafr.cases.case import SchantzPin
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.review.theatre import DrawnCords, Surroundings, Theatre


class Theatres:
    """Tells every `Theatre` what it is told, and one that joins later what was told last."""

    def __init__(self, surroundings: Surroundings, lock: threading.RLock) -> None:
        self.surroundings, self._lock = surroundings, lock
        self._joined: list[Theatre] = []
        self._last: dict[str, Callable[[Theatre], None]] = {}

    def join(self, theatre: Theatre) -> None:
        with self._lock:
            self._joined.append(theatre)
            for tell in self._last.values():
                tell(theatre)

    def leave(self, theatre: Theatre) -> None:
        with self._lock:
            self._joined.remove(theatre)

    def place_patient(self, T_world_pelvis: RigidTransform) -> None:
        """As `Theatre.place_patient`."""
        self._tell("patient", lambda theatre: theatre.place_patient(T_world_pelvis))

    def place_robot(self, T_world_links: Mapping[str, RigidTransform]) -> None:
        """As `Theatre.place_robot`."""
        links = dict(T_world_links)
        self._tell("robot", lambda theatre: theatre.place_robot(links))

    def add_pins(self, body: str, pins: Iterable[SchantzPin]) -> None:
        """As `Theatre.add_pins`."""
        kept = tuple(pins)
        self._tell(f"pins {body}", lambda theatre: theatre.add_pins(body, kept))

    def remove_pins(self, body: str) -> None:
        """As `Theatre.remove_pins`."""
        self._tell(f"pins {body}", lambda theatre: theatre.remove_pins(body))

    def show_cords(
        self, cords: Mapping[str, DrawnCords], label: tuple[str, FloatArray] | None = None
    ) -> None:
        """As `Theatre.show_cords`."""
        kept = dict(cords)
        self._tell("cords", lambda theatre: theatre.show_cords(kept, label))

    def _tell(self, kind: str, tell: Callable[[Theatre], None]) -> None:
        with self._lock:
            self._last[kind] = tell
            for theatre in self._joined:
                tell(theatre)
