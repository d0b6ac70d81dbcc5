"""What somebody who lifts can still bear, from EMG and inertial sensors: overload, fatigue, a slip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.blocks import Block, Stream, StreamConfig, Verdict
from rafr.risk.endurance import Endurance, SpectralFall
from rafr.risk.envelope import FRAME, BandConfig
from rafr.risk.estimate import RiskEstimate, likeliest, unknown
from rafr.risk.evidence import probability
from rafr.risk.heard import EmgStream
from rafr.risk.physiology import GRAVITY
from rafr.risk.references import References

OVERLOAD, FATIGUE, SLIP = "overload", "fatigue", "slip"
_SECOND = round(1.0 / FRAME)  # frames
_WORKS = 0.08  # of the reference from which a muscle works


@dataclass(frozen=True, slots=True)
class AssistantRiskConfig:
    lifting_reference: float = option(
        4e-4, "EMG of the greatest effort, to be measured before, rms", unit="V", lower=1e-6, upper=1e-2
    )
    lifting_references: str = option("", "the same of single muscles: name=volts, name=volts, …", unit="V")
    lifting_recovery: float = option(
        120.0, "time constant with which endurance comes back", unit="s", lower=1.0, upper=3600.0
    )
    overload_even: float = option(0.6, "endurance used with probability 0.5", lower=0.05, upper=2.0)
    overload_sure: float = option(0.9, "endurance used with probability 0.95", lower=0.1, upper=2.0)
    fatigue_even: float = option(
        0.15, "fall of the median frequency with probability 0.5", lower=0.01, upper=0.9
    )
    fatigue_sure: float = option(
        0.25, "fall of the median frequency with probability 0.95", lower=0.02, upper=0.95
    )
    slip_even: float = option(
        20.0, "acceleration beyond gravity with probability 0.5", unit="m/s^2", lower=0.5, upper=100.0
    )
    slip_sure: float = option(
        30.0, "acceleration beyond gravity with probability 0.95", unit="m/s^2", lower=1.0, upper=200.0
    )
    slip_time: float = option(1.0, "how long a slip is remembered", unit="s", lower=0.1, upper=30.0)
    lifting_saturation: float = option(0.01, "EMG at or beyond is clipped", unit="V", lower=1e-5, upper=10.0)
    inertial_range: float = option(
        156.0, "readings at or beyond are clipped (16 g)", unit="m/s^2, rad/s", lower=10.0, upper=5000.0
    )


class LiftingRisk:
    """Judges blocks of an assistant's EMG: how much of the endurance is used, and whether muscles tire."""

    def __init__(
        self,
        config: AssistantRiskConfig | None = None,
        stream: StreamConfig | None = None,
        band: BandConfig | None = None,
    ) -> None:
        self.config = config or AssistantRiskConfig()
        self._emg = EmgStream(stream, band, self.config.lifting_saturation)
        self.references = References.parse(self.config.lifting_references, self.config.lifting_reference)
        self._greatest = np.zeros(0)  # V rms, by channel
        self._endurance: Endurance | None = None
        self._fall: SpectralFall | None = None
        self._levels = np.zeros((0, 0))
        self._samples = np.zeros((0, 0))

    def update(self, block: Block, now: float | None = None) -> RiskEstimate:
        """Judge the next block; `now` is the reader's clock, s, where there is one."""
        heard = self._emg.hear(block, now)
        if isinstance(heard, str):
            return unknown(heard)
        if heard.anew:
            self._begin(block.channels, block.rate)
        wrong = heard.wrong
        self._levels = np.concatenate([self._levels, heard.level])
        self._samples = np.concatenate([self._samples, heard.samples], axis=1)
        while len(self._levels) >= _SECOND:
            self._pass_second()
        if 2 * len(wrong) > len(block.channels):
            return unknown("; ".join(sorted(set(wrong.values()))), wrong)
        return self._judge(block.channels, wrong)

    def _begin(self, names: tuple[str, ...], rate: float) -> None:
        """A stream (re)starts; what was used stays used."""
        channels, self._greatest = len(names), self.references.of(names)
        self._levels, self._samples = np.zeros((0, channels)), np.zeros((channels, 0))
        if self._endurance is None or self._fall is None or len(self._endurance.used) != channels:
            self._endurance = Endurance(channels, self.config.lifting_recovery)
            self._fall = SpectralFall(channels, rate)

    def _pass_second(self) -> None:
        assert self._endurance is not None
        assert self._fall is not None
        frame = self._samples.shape[1] // len(self._levels)
        levels, self._levels = self._levels[:_SECOND], self._levels[_SECOND:]
        second, self._samples = np.split(self._samples, [_SECOND * frame], axis=1)
        share = np.sqrt(np.mean(levels**2, axis=0)) / self._greatest
        self._endurance.step(np.minimum(share, 1.0), 1.0)
        self._fall.step(second, np.nan_to_num(share) > _WORKS)

    def _judge(self, names: tuple[str, ...], wrong: dict[str, str]) -> RiskEstimate:
        assert self._endurance is not None
        assert self._fall is not None
        c, used, fall = self.config, self._endurance.used, self._fall.fall
        most, tired = int(np.argmax(used)), int(np.argmax(fall))
        causes = {
            OVERLOAD: probability(float(used[most]), c.overload_even, c.overload_sure),
            # of two muscles at least: a spectrum of its own moves with posture, too
            FATIGUE: probability(float(np.sort(fall)[-2:].min()), c.fatigue_even, c.fatigue_sure),
        }
        words = {
            OVERLOAD: f"overload: {names[most]} has little endurance left",
            FATIGUE: f"fatigue: the spectrum of {names[tired]} moves down",
        }
        return likeliest(causes, words, "the load can be borne", wrong)


class SlipRisk:
    """Judges blocks of an assistant's inertial sensors: whether the load slipped or was jerked.

    Channels are `<place>/acc_x`, `acc_y`, `acc_z` (m/s^2, gravity included), `gyro_…` (rad/s, not used here).
    """

    def __init__(self, config: AssistantRiskConfig | None = None, stream: StreamConfig | None = None) -> None:
        self.config = config or AssistantRiskConfig()
        self._stream = Stream(stream or StreamConfig(), 20.0, self.config.inertial_range)
        self._peaks: list[tuple[float, float]] = []  # end of a block, s, and its peak, m/s^2

    def update(self, block: Block, now: float | None = None) -> RiskEstimate:
        """Judge the next block; `now` is the reader's clock, s, where there is one."""
        verdict = self._stream.check(block, now)
        places = sorted({name.rpartition("/")[0] for name in block.channels if name.endswith("/acc_x")})
        if verdict.problem or not places:
            return unknown(verdict.problem or "no accelerometer among the channels")
        felt = [self._beyond_gravity(place, block, verdict) for place in places]
        peak = max((a for a in felt if a is not None), default=None)
        if peak is None:
            return unknown("; ".join(sorted(set(verdict.channels.values()))), verdict.channels)
        self._peaks = [(t, p) for t, p in self._peaks if block.end - t < self.config.slip_time]
        self._peaks.append((block.end, peak))
        c = self.config
        causes = {SLIP: probability(max(p for _, p in self._peaks), c.slip_even, c.slip_sure)}
        words = {SLIP: "slip: the load is jerked or falls"}
        return likeliest(causes, words, "the motion is smooth", verdict.channels)

    @staticmethod
    def _beyond_gravity(place: str, block: Block, verdict: Verdict) -> float | None:
        """m/s^2, largest in the block; None where an axis is missing or wrong."""
        axes = [f"{place}/acc_{axis}" for axis in "xyz"]
        if any(axis in verdict.channels or axis not in block.channels for axis in axes):
            return None
        acceleration: FloatArray = block.samples[[block.channels.index(axis) for axis in axes]]
        return float(np.abs(np.linalg.norm(acceleration, axis=0) - GRAVITY).max())
