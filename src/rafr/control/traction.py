"""Whether the cord at the leg pulls what it was asked for, by the winch's own load cell."""

from __future__ import annotations

from dataclasses import dataclass

from rafr.config import option


@dataclass(frozen=True, slots=True)
class TractionWatchConfig:
    """What a sound winch does."""

    rate: float = option(40.0, "how fast it follows what it is asked for", unit="N/s", lower=1.0, upper=1e3)
    tolerance: float = option(
        12.0, "difference that friction and the leg's motion explain", unit="N", lower=1.0, upper=100.0
    )
    share: float = option(0.12, "and the same, of the tension", lower=0.0, upper=0.5)
    patience: float = option(0.04, "how long it may be more", unit="s", lower=0.0, upper=5.0)


class TractionWatch:
    """Follows the tension that is asked for as the winch should, and compares."""

    def __init__(self, config: TractionWatchConfig | None = None) -> None:
        self._config = config or TractionWatchConfig()
        self._asked = self._expected = 0.0
        self._t: float | None = None
        self._wrong_since: float | None = None

    def ask(self, tension: float) -> None:
        """The winch was asked for this, N."""
        self._asked = tension

    def complaint(self, measured: float, now: float) -> str:
        """What is wrong with the tension (N) measured `now` (s); empty when nothing is."""
        c = self._config
        step = c.rate * (0.0 if self._t is None else max(now - self._t, 0.0))
        self._expected += min(max(self._asked - self._expected, -step), step)
        self._t = now
        if abs(measured - self._expected) <= c.tolerance + c.share * self._expected:
            self._wrong_since = None
            return ""
        self._wrong_since = now if self._wrong_since is None else self._wrong_since
        if now - self._wrong_since < c.patience:
            return ""
        return f"the traction pulls {measured:.0f} N where {self._expected:.0f} N were asked for"
