"""What safety, arm and procedure say now, as the few lines of text that stand in the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from rafr.review.path_colours import OVERLAP, UNKNOWN

Colour = tuple[float, float, float]
_CALM: Colour = (0.92, 0.93, 0.95)
_WARNING: Colour = (1.0, 0.76, 0.12)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said last; "" where nothing was heard, or not lately.

    Attributes:
        safety: ok, warning or stopped.   reasons: why.
        arm: its state.   body: what it holds.   arm_reason: why it holds still.
        phase, message: of the procedure.   unseen: tools that the tracker does not see.
    """

    safety: str = ""
    reasons: Sequence[str] = ()
    arm: str = ""
    body: str = ""
    arm_reason: str = ""
    phase: str = ""
    message: str = ""
    unseen: Sequence[str] = field(default_factory=tuple)

    @property
    def colour(self) -> Colour:
        """Red, green, blue in 0..1: of the safety state, which the text names, too."""
        return {"ok": _CALM, "warning": _WARNING, "stopped": OVERLAP}.get(self.safety, UNKNOWN)

    @property
    def text(self) -> str:
        """One line each."""
        lines = [
            _line("safety", self.safety or "silent", "; ".join(self.reasons)),
            _line("arm", f"{self.arm or 'silent'} {self.body}".strip(), self.arm_reason),
            _line("procedure", self.phase or "silent", self.message),
        ]
        if self.unseen:
            lines.append(f"not seen: {', '.join(self.unseen)}")
        return "\n".join(lines)


def force_caption(force: float, torque: float) -> str:
    """Of magnitudes in N and N m."""
    if not (math.isfinite(force) and math.isfinite(torque)):
        return "force not known"
    return f"{force:.0f} N, {torque:.1f} N m"


def _line(topic: str, state: str, detail: str) -> str:
    return f"{topic}: {state}{f' ({detail})' if detail else ''}"
