"""When a path is adjusted, and to what: wishes, obstacles and tissue, kept while a body is on its way."""

from __future__ import annotations

import numpy as np

from rafr.adjustment.adjuster import Adjusted, PathAdjuster, Underway
from rafr.adjustment.bones import Ball
from rafr.control.adjustment import Adjustment, joined
from rafr.geometry.rigid_transform import FloatArray

_LEAD = 0.05  # share of the path by which a change begins ahead of the fragment
_END = 0.3  # or this share of what is left
_STIFFER = 0.2  # change of the tissue's stiffness that is worth a new path


class AdjustmentKeeper:
    """One reduction's adjustments; `target` (6,) m and rad moves the path's end."""

    def __init__(self, adjuster: PathAdjuster) -> None:
        self._adjuster = adjuster
        self._target = np.zeros(6)
        self._balls: dict[str, Ball] = {}
        self._stiffness = 1.0
        self._taken: Adjustment | None = None
        self._offered: dict[str, tuple[str, Adjustment]] = {}  # why and what, by reason; not answered yet
        self._why = ""
        self._count = 0

    def wish(self, target: FloatArray) -> None:
        """Another end of the path."""
        self._target = np.array(target, dtype=float)
        distance, angle = 1e3 * np.linalg.norm(target[:3]), np.degrees(np.linalg.norm(target[3:]))
        self._why = f"target moved by {distance:.1f} mm, {angle:.1f} degrees"

    def set_obstacles(self, balls: dict[str, Ball]) -> None:
        """What is in the way besides bone."""
        self._why = f"in the way: {', '.join(balls)}" if balls else "the way is free again"
        self._balls = dict(balls)

    def heard(self, reason: str) -> None:
        """The controller's last word on adjustments."""
        if reason not in self._offered:
            return
        why, self._taken = self._offered[reason]
        self._offered.clear()
        if why == self._why:  # nothing else was wished for meanwhile
            self._why = ""

    def due(self, progress: float, stiffness: float | None) -> bool:
        """Whether anything has changed; stiffness in parts of the plan's, None: not known.

        Softer than planned asks for nothing: it pulls less on the same path, and a fragment that still rests
        on the mattress looks soft, too.
        """
        stiffer = None if stiffness is None else max(stiffness, 1.0)
        if stiffer is not None and abs(stiffer / self._stiffness - 1.0) > _STIFFER:
            self._stiffness = stiffer
            self._why = self._why or f"tissue {stiffer:.1f} times as stiff as planned"
        return bool(self._why) and progress < 1.0

    def adjusted(self, progress: float) -> Adjusted:
        """The path from just ahead of the fragment on; its reason is unique."""
        start = progress + min(_LEAD, _END * (1.0 - progress))
        offset = np.zeros(6) if self._taken is None else self._taken.at(start)
        underway = Underway(start, offset, self._target, self._stiffness, tuple(self._balls.values()))
        self._count += 1
        answer = self._adjuster.adjust(underway, f"{self._why} [{self._count}]")
        offer = joined(self._taken, answer.adjustment, progress)
        self._offered[offer.reason] = self._why, offer
        return Adjusted(offer, answer.outlook, answer.unadjusted, answer.assessment, answer.seconds)
