"""The force at the clamp as an arrow with its number, and what safety, arm and procedure say, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Vector3, WrenchStamped
from rafr_msgs.msg import ArmState, ProcedureState, SafetyState
from rclpy.node import Node
from visualization_msgs.msg import Marker

from rafr.nodes.convert import wrench_array
from rafr.nodes.markers import colour, marker, points, text
from rafr.nodes.runtime import LATCHED, RELIABLE, SENSOR
from rafr.nodes.topics import Latest
from rafr.review.captions import Spoken, force_caption
from rafr.review.messages import ARM_STATES, SAFETY_STATES, state_name
from rafr.review.path_colours import force_colours

_METRES_PER_NEWTON = 1e-3
_LEAST_FORCE = 1.0  # N: an arrow below has no direction to speak of
_ARROW = Vector3(x=0.012, y=0.025, z=0.03)  # m: shaft, head, head's length
_LETTER, _BIG_LETTER = 0.03, 0.06  # m
_BOARD = (0.0, 0.0, 1.75)  # m in `world`, above the table


class StateMarkers:
    """Listens only while somebody looks."""

    def __init__(self, node: Node) -> None:
        self._wrench: Latest[Any] = Latest(node, WrenchStamped, "wrench", SENSOR)
        self._arm: Latest[Any] = Latest(node, ArmState, "arm/state", RELIABLE)
        self._safety: Latest[Any] = Latest(node, SafetyState, "safety/state", LATCHED)

    def listen(self, wanted: bool) -> None:
        for topic in (self._wrench, self._arm, self._safety):
            topic.listen(wanted)

    def markers(self, procedure: ProcedureState | None, unseen: Sequence[str]) -> Iterator[Marker]:
        """Everything that is known lately; `unseen`: names of tools."""
        yield from self._force(self._wrench.fresh)
        said = spoken(self._safety.fresh, self._arm.fresh, procedure, unseen)
        board = text("world", "state", 0, _BOARD, said.text, _BIG_LETTER)
        board.color = colour(said.colour)
        yield board

    @staticmethod
    def _force(message: WrenchStamped | None) -> Iterator[Marker]:
        """Of the fragment on the clamp, in the message's own frame."""
        if message is None:
            return
        frame, wrench = message.header.frame_id or "clamp", wrench_array(message.wrench)
        size, torque = float(np.linalg.norm(wrench[:3])), float(np.linalg.norm(wrench[3:]))
        tip = np.nan_to_num(wrench[:3] * _METRES_PER_NEWTON)
        if size >= _LEAST_FORCE:
            arrow = marker(frame, "force", 0, Marker.ARROW, scale=_ARROW)
            arrow.points, arrow.color = [Point(), *points(tip[None])], colour(force_colours([size])[0])
            yield arrow
        yield text(frame, "force_number", 0, tip, force_caption(size, torque), _LETTER)


def spoken(
    safety: SafetyState | None, arm: ArmState | None, procedure: ProcedureState | None, unseen: Sequence[str]
) -> Spoken:
    """What is said now; None where nothing was heard lately."""
    words: dict[str, Any] = {"unseen": unseen}
    if safety is not None:
        words |= {
            "safety": state_name(safety, SAFETY_STATES).lower() or "unknown",
            "reasons": list(safety.reasons),
        }
    if arm is not None:
        state = state_name(arm, ARM_STATES).lower() or "unknown"
        words |= {"arm": state, "body": arm.body, "arm_reason": arm.reason}
    if procedure is not None:
        words |= {"phase": procedure.phase, "message": procedure.message}
    return Spoken(**words)
