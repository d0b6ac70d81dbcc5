"""The patient's muscles under a reduction: guarding, relaxation that wears off, an irritated nerve.

A relaxed, anaesthetised patient's muscles are nearly silent. Every channel's level is compared, on a
logarithmic scale, with the rest recorded first. What is active tells the causes apart:

* guarding: half of the muscles active for a second, begun at once or following the load on the fragment;
* relaxation: half of the muscles active for longer, risen slowly and whatever the load does;
* nerve: short high bursts or a train of them on one muscle alone (neurotonic discharges: E. S. Beatty et al.,
  J Clin Neurophysiol 12:479, 1995; A. J. Holland, Muscle Nerve 26:443, 2002).

There is no learned model in here: each probability is a logistic curve over one of these quantities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.blocks import Block, StreamConfig
from rafr.risk.envelope import BandConfig
from rafr.risk.estimate import RiskEstimate, likeliest, unknown
from rafr.risk.evidence import (
    focal_seconds,
    follows_load,
    frames_in,
    lasting,
    probability,
    steepest_rise,
)
from rafr.risk.heard import EmgStream

GUARDING, RELAXATION, NERVE = "guarding", "relaxation", "nerve"
_MEMORY = 20.0  # s
_AGAIN = 0.3  # s a channel must be usable before it is watched again
_ACTIVE = 0.2  # probability of lasting activity that keeps an episode going
_CALM = "the muscles are at rest"


@dataclass(frozen=True, slots=True)
class PatientRiskConfig:
    baseline: float = option(2.0, "rest recorded before anything is judged", unit="s", lower=0.1, upper=60.0)
    floor: float = option(
        1e-6, "rest is never taken to be quieter (amplifier, rms)", unit="V", lower=0.0, upper=1e-3
    )
    rest_most: float = option(2e-5, "louder is no rest, rms", unit="V", lower=1e-6, upper=1e-2)
    silent: float = option(
        2e-7, "quieter than any amplifier: no electrode, rms", unit="V", lower=0.0, upper=1e-3
    )
    saturation: float = option(0.01, "samples at or beyond are clipped", unit="V", lower=1e-5, upper=10.0)
    guard_time: float = option(
        1.0, "activity that is guarding lasts so long", unit="s", lower=0.1, upper=10.0
    )
    guard_even: float = option(3.0, "activity over rest with probability 0.5", lower=1.1, upper=100.0)
    guard_sure: float = option(5.0, "activity over rest with probability 0.95", lower=1.2, upper=200.0)
    tonic_time: float = option(
        6.0, "tone of waning relaxation lasts so long", unit="s", lower=1.0, upper=20.0
    )
    tonic_even: float = option(2.2, "tone over rest with probability 0.5", lower=1.1, upper=100.0)
    tonic_sure: float = option(3.5, "tone over rest with probability 0.95", lower=1.2, upper=200.0)
    rise_time: float = option(2.0, "in which a sudden activity rises", unit="s", lower=0.5, upper=10.0)
    rise_even: float = option(2.3, "factor of that rise with probability 0.5", lower=1.1, upper=100.0)
    rise_sure: float = option(4.0, "factor of that rise with probability 0.95", lower=1.2, upper=200.0)
    load_least: float = option(5.0, "load on the fragment to guard against", unit="N", lower=0.0, upper=300.0)
    follow_even: float = option(0.7, "correlation with the load with probability 0.5", lower=0.0, upper=0.99)
    follow_sure: float = option(
        0.85, "correlation with the load with probability 0.95", lower=0.01, upper=1.0
    )
    burst_ratio: float = option(4.0, "activity of a burst over rest", lower=1.5, upper=100.0)
    burst_apart: float = option(2.5, "a burst's activity over the other muscles'", lower=1.0, upper=100.0)
    burst_window: float = option(3.0, "in which bursts add up", unit="s", lower=0.5, upper=20.0)
    burst_even: float = option(0.4, "of bursts in it with probability 0.5", unit="s", lower=0.05, upper=10.0)
    burst_sure: float = option(0.6, "of bursts in it with probability 0.95", unit="s", lower=0.1, upper=20.0)


class PatientRisk:
    """Judges blocks of the patient's raw EMG as they arrive."""

    def __init__(
        self,
        config: PatientRiskConfig | None = None,
        stream: StreamConfig | None = None,
        band: BandConfig | None = None,
    ) -> None:
        self.config = config or PatientRiskConfig()
        self._emg = EmgStream(stream, band, self.config.saturation, self.config.silent)
        self._load = np.nan
        self._rest = np.zeros(0)  # V per channel, NaN while unknown
        self._resting: list[list[float]] = []  # V, frames of each channel while its rest is recorded
        self._activity = np.zeros((0, 0))  # (frames, channels) log2 of level over rest, NaN: not judged
        self._loads = np.zeros(0)
        self._sudden = 0.0  # how much what lasts now is a reaction to the load

    def heard_load(self, force: float) -> None:
        """N on the fragment now; NaN: not known."""
        self._load = force

    def update(self, block: Block, now: float | None = None) -> RiskEstimate:
        """Judge the next block; `now` is the reader's clock, s, where there is one."""
        heard = self._emg.hear(block, now)
        if isinstance(heard, str):
            return unknown(heard)
        if heard.anew:
            self._begin(len(block.channels))
        self._remember(heard.level)
        return self._judge(block.channels, heard.wrong)

    def _begin(self, channels: int) -> None:
        """A stream (re)starts: the rest stays known, what was active is forgotten."""
        if len(self._rest) != channels:
            self._rest = np.full(channels, np.nan)
            self._resting = [[] for _ in range(channels)]
        self._activity, self._loads = np.zeros((0, channels)), np.zeros(0)
        self._sudden = 0.0

    def _remember(self, level: FloatArray) -> None:
        c = self.config
        needed = frames_in(c.baseline)
        for k in np.flatnonzero(np.isnan(self._rest)):
            heard = level[:, k]
            self._resting[k] = [*self._resting[k], *heard[np.isfinite(heard)].tolist()][-needed:]
            if len(self._resting[k]) == needed and np.median(self._resting[k]) <= c.rest_most:
                self._rest[k] = max(float(np.median(self._resting[k])), c.floor)
        activity = np.log2(np.maximum(level, 1e-12) / self._rest)
        kept = frames_in(_MEMORY)
        self._activity = np.concatenate([self._activity, activity])[-kept:]
        self._loads = np.concatenate([self._loads, np.full(len(level), self._load)])[-kept:]

    def _judge(self, names: tuple[str, ...], wrong: dict[str, str]) -> RiskEstimate:
        again = frames_in(_AGAIN)
        recent = self._activity[-again:]
        known = ~np.isnan(self._rest)
        watched = known & np.isfinite(recent).all(axis=0) & (len(recent) == again)
        for k, name in enumerate(names):
            if not watched[k] and name not in wrong:
                wrong[name] = self._waits(k)
        if 2 * watched.sum() < len(names):
            reasons = sorted(set(wrong.values())) or ["the signal has just begun"]
            return unknown("; ".join(reasons), wrong)
        usable = self._activity[:, watched]
        # stretches in which a channel was away say nothing of the moment: judged from where all were there
        gone = np.flatnonzero(~np.isfinite(usable).all(axis=1))
        first = gone[-1] + 1 if len(gone) else 0
        own = tuple(name for name, seen in zip(names, watched, strict=True) if seen)
        return self._weigh(usable[first:], self._loads[first:], own, wrong)

    def _waits(self, channel: int) -> str:
        if not np.isnan(self._rest[channel]):
            return "the signal has just begun"
        full = len(self._resting[channel]) == frames_in(self.config.baseline)
        return "not at rest when it was to be recorded" if full else "recording the muscles at rest"

    def _weigh(
        self, activity: FloatArray, load: FloatArray, names: tuple[str, ...], wrong: dict[str, str]
    ) -> RiskEstimate:
        c = self.config
        guard = _curve(lasting(activity, c.guard_time), c.guard_even, c.guard_sure)
        tone = _curve(lasting(activity, c.tonic_time), c.tonic_even, c.tonic_sure)
        self._sudden = max(self._sudden, self._reaction(activity, load)) if guard > _ACTIVE else 0.0
        bursts = focal_seconds(activity, c.burst_window, np.log2(c.burst_ratio), np.log2(c.burst_apart))
        worst = int(np.argmax(bursts))
        causes = {
            GUARDING: guard * self._sudden,
            RELAXATION: tone * (1.0 - self._sudden),
            NERVE: probability(float(bursts[worst]), c.burst_even, c.burst_sure),
        }
        words = {
            GUARDING: "guarding: the muscles work against the reduction",
            RELAXATION: "relaxation wears off: the muscles' tone rises",
            NERVE: f"nerve irritation: bursts of {names[worst]} alone",
        }
        return likeliest(causes, words, _CALM, wrong)

    def _reaction(self, activity: FloatArray, load: FloatArray) -> float:
        """0..1, whether what lasts was brought about by the reduction: under load, at once or with it."""
        c = self.config
        lately = load[-frames_in(c.tonic_time) :]
        known = lately[np.isfinite(lately)]
        if len(known) and known.max() <= c.load_least:
            return 0.0
        rise = steepest_rise(activity, c.rise_time)
        sharp = probability(rise, float(np.log2(c.rise_even)), float(np.log2(c.rise_sure)))
        return max(sharp, probability(follows_load(activity, load), c.follow_even, c.follow_sure))


def _curve(activity: float, even: float, sure: float) -> float:
    """Probability of an activity in log2, with `even` and `sure` as ratios."""
    return probability(activity, float(np.log2(even)), float(np.log2(sure)))
