"""Risk as the safety supervisor hears it: what warns, slows a reduction, stops it, or is not known."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rafr.control.safety_config import SafetyConfig


@dataclass(frozen=True, slots=True)
class _Heard:
    """The last word of a source; `high_since` (s): from when on it was never below what stops, inf: it is."""

    t: float
    probability: float
    reason: str
    high_since: float


class RiskWatch:
    """Remembers every source; times are the supervisor's, s."""

    def __init__(self, config: SafetyConfig) -> None:
        self._config = config
        self._acting = _names(config.risk_sources)
        self._required = _names(config.required_risks)
        self._heard: dict[str, _Heard] = {}

    def heard(self, source: str, probability: float, reason: str, t: float) -> None:
        """Probability 0..1, NaN: not known."""
        before = self._heard.get(source)
        high = probability >= self._config.risk_hold
        lasts = high and before is not None and t - before.t < self._config.risk_age
        since = min(before.high_since, t) if before is not None and lasts else t
        self._heard[source] = _Heard(t, probability, reason, since if high else math.inf)

    def warnings(self, t: float) -> list[str]:
        """What is worth a word, whichever source says it."""
        return [
            f"risk {source}: {risk.reason}"
            for source, risk in self._live(t).items()
            if risk.probability >= self._config.risk_warning
        ]

    def slowing(self, t: float) -> float:
        """0..1, by which share a reduction is to go slower: from nothing at the warning on."""
        c = self._config
        acting = [r.probability for r in self._live(t, self._acting).values()]
        worst = max((p for p in acting if p >= c.risk_warning), default=0.0)  # no NaN is
        if worst == 0.0:
            return 0.0
        share = (worst - c.risk_warning) / max(c.risk_hold - c.risk_warning, 1e-6)
        return min(share, 1.0) * (1.0 - c.risk_slowest)

    def stops(self, t: float) -> str:
        """Why a reduction must not go on; empty: it may."""
        return "; ".join(
            f"risk {source}: {risk.reason}"
            for source, risk in self._live(t, self._acting).items()
            if risk.t - risk.high_since >= self._config.risk_hold_time
        )

    def missing(self, t: float) -> list[str]:
        """What should be known and is not: nothing heard, or a source or a channel of it that cannot say."""
        live = self._live(t)
        silent = [
            f"risk {source} is not known: nothing is heard" for source in self._required if source not in live
        ]
        return silent + [
            f"risk {source} is not known: {risk.reason}"
            for source, risk in live.items()
            if math.isnan(risk.probability) and source.partition("/")[0] in self._required
        ]

    def _live(self, t: float, sources: tuple[str, ...] | None = None) -> dict[str, _Heard]:
        """What was heard lately, of these sources or of all; NaN counts as heard."""
        return {
            source: risk
            for source, risk in self._heard.items()
            if t - risk.t < self._config.risk_age and (sources is None or source in sources)
        }


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
