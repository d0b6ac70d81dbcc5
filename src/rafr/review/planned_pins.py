"""The Schantz pins of each body, as planned, and how many bodies have been given theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rafr.cases.case import Case, SchantzPin
from rafr.errors import InfeasibleError
from rafr.planning.pins import propose_pins

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

_DONE = "pins: done"  # in the procedure's history, once per body


def pins_done(message: Any) -> int:
    """How many bodies have their pins, of a rafr_msgs/ProcedureState or None."""
    return 0 if message is None else list(message.history).count(_DONE)


class PlannedPins:
    """Pins by body, each found when it is first asked for, which takes seconds."""

    def __init__(self, case: Case, meshes: Mapping[str, BodyMesh], complain: Callable[[str], None]) -> None:
        """`complain`: told in words, once, whose pins have no place."""
        self._case, self._meshes, self._complain = case, meshes, complain
        self._found: dict[str, tuple[SchantzPin, ...]] = {}

    def of(self, body: str) -> tuple[SchantzPin, ...]:
        """None where there is no place for any."""
        if body not in self._found:
            try:
                self._found[body] = propose_pins(self._case, self._meshes, body)
            except InfeasibleError as error:
                self._found[body] = ()
                self._complain(f"pins of {body} cannot be shown: {error}")
        return self._found[body]
