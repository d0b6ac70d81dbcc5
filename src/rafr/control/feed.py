"""Joint states against the reader's own clock: stamps that are late, ahead or out of order are no news."""

from __future__ import annotations

import numpy as np

from rafr.geometry.rigid_transform import FloatArray

_OFF = 0.1  # s: a stamp further from the own clock than this is not believed
_PATIENCE = 0.03  # s: what lasts longer is said
_SILENCE = 0.05  # s: without a joint state for so long the reader goes by its own clock


class JointFeed:
    """Decides what a tick of the controller is told.

    Attributes:
        complaint: what is wrong with the stamps, once it has lasted; empty while they are believed.
    """

    def __init__(self) -> None:
        self.complaint = ""
        self._heard = -np.inf
        self._since: float | None = None

    def take(self, stamp: float, q: FloatArray, now: float) -> tuple[float, FloatArray]:
        """Time (s) and joint positions (dof,) of the tick; NaN where the state is not believed.

        Args:
            stamp: of the joint state, s.   q: (dof,) rad.   now: the reader's clock, s.
        """
        self._heard = now
        wrong = _wrong(stamp, now)
        if not wrong:
            self._since, self.complaint = None, ""
            return stamp, q
        self._since = now if self._since is None else self._since
        if now - self._since > _PATIENCE:
            self.complaint = wrong
        return now, np.full_like(q, np.nan)

    def silent(self, now: float) -> bool:
        """Whether a tick is due although no joint state came."""
        return np.isfinite(self._heard) and now - self._heard > _SILENCE


def _wrong(stamp: float, now: float) -> str:
    if not np.isfinite(stamp):
        return "joint states without a time"
    if now - stamp > _OFF:
        return f"joint states come {_span(now - stamp)} late"
    if stamp - now > _OFF:
        return f"joint states are stamped {_span(stamp - now)} ahead"
    return ""


def _span(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 60.0 else f"{seconds / 60.0:.0f} min"
