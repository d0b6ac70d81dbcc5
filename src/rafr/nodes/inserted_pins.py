"""The Schantz pins that were put in so far: as planned, of every body whose phase `pins` is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rafr.cases.case import Case, SchantzPin
from rafr.errors import InfeasibleError
from rafr.nodes.runtime import WARN, RafrNode
from rafr.planning.pins import propose_pins

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh


class InsertedPins:
    """Attributes: by_body: the pins by body, in the order they were put in."""

    def __init__(self, node: RafrNode, case: Case, meshes: Mapping[str, BodyMesh]) -> None:
        self.by_body: dict[str, tuple[SchantzPin, ...]] = {}
        self._node, self._case, self._meshes = node, case, meshes

    def update(self, order: Sequence[str], history: Sequence[str]) -> list[str]:
        """Bodies that were given theirs since, by the order of reduction and the procedure's history."""
        done = sum(line == "pins: done" for line in history)
        new = [body for body in order[:done] if body not in self.by_body]
        for body in new:
            try:
                self.by_body[body] = propose_pins(self._case, self._meshes, body)
            except InfeasibleError as error:
                self.by_body[body] = ()
                self._node.diagnose(WARN, f"pins of {body} cannot be shown: {error}")
        return new
