"""Whether the cord at the leg pulls what it was asked for, by the winch's own load cell."""

from __future__ import annotations

from dataclasses import dataclass

from rafr.config import option


@dataclass(frozen=True, slots=True)
class TractionWatchConfig:
    """What a sound winch does."""

    rate: float = option(40.0, "how fast it follows what it is asked for", unit="N/s", lower=1.0, upper=1e3)
    drift: float = option(
        75.0,
        "how fast the leg's motion may change the tension: 30 mm/s at a cord and a leg of 2.5 N/mm",
        unit="N/s",
        lower=0.0,
        upper=1e3,
    )
    tolerance: float = option(12.0, "difference that friction explains", unit="N", lower=1.0, upper=100.0)
    share: float = option(0.12, "and the same, of the tension", lower=0.0, upper=0.5)
    patience: float = option(0.04, "how long it may be more at once", unit="s", lower=0.0, upper=5.0)
    lasting: float = option(
        3.0, "how long it may be more while the leg moves", unit="s", lower=0.0, upper=60.0
    )


class TractionWatch:
    """Follows the tension that is asked for as the winch should, and compares.

    A leg that moves slackens or stretches the cord faster than the winch can follow, so what is expected
    gives way to what is measured, as fast as legs move: what a cord does that breaks, a boot that slips or a
    drive that runs away is faster. A winch that stays away from what it is asked for is found by time.
    """

    def __init__(self, config: TractionWatchConfig | None = None) -> None:
        self._config = config or TractionWatchConfig()
        self._asked = 0.0
        self._wound = 0.0  # N, of a winch at a leg that stands still
        self._expected = 0.0
        self._t: float | None = None
        self._sudden_since: float | None = None
        self._away_since: float | None = None

    def ask(self, tension: float) -> None:
        """The winch was asked for this, N."""
        self._asked = tension

    def complaint(self, measured: float, now: float) -> str:
        """What is wrong with the tension (N) measured `now` (s); empty when nothing is."""
        c = self._config
        dt = 0.0 if self._t is None else max(now - self._t, 0.0)
        self._t = now
        self._wound = _towards(self._asked, self._wound, c.rate * dt)
        self._expected = _towards(self._asked, self._expected, c.rate * dt)
        sudden, self._sudden_since = self._apart(measured, self._expected, now, self._sudden_since)
        away, self._away_since = self._apart(measured, self._wound, now, self._away_since)
        self._expected = _towards(measured, self._expected, c.drift * dt)
        if max(sudden - c.patience, away - c.lasting) < 0.0:
            return ""
        return f"the traction pulls {measured:.0f} N where {self._wound:.0f} N were asked for"

    def _apart(
        self, measured: float, expected: float, now: float, since: float | None
    ) -> tuple[float, float | None]:
        """How long (s) the two have been too far apart, negative when they are not; and since when."""
        c = self._config
        if abs(measured - expected) <= c.tolerance + c.share * expected:
            return -1.0, None
        since = now if since is None else since
        return now - since, since


def _towards(goal: float, value: float, step: float) -> float:
    return value + min(max(goal - value, -step), step)
