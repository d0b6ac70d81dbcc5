"""Blocks of samples as devices send them, and everything that may be wrong with one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray

_SLACK = 0.01  # s by which a block may begin before the last one's end: stamps are rounded


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """What is still a stream that can be judged."""

    rate_tolerance: float = option(
        0.02, "share by which a stream's rate may differ from its first", lower=0.0, upper=0.5
    )
    stale_gap: float = option(
        0.5, "gap between blocks after which filters start anew", unit="s", lower=0.0, upper=10.0
    )
    latest: float = option(0.5, "age of a block's end that is too late", unit="s", lower=0.05, upper=60.0)
    silence: float = option(1.0, "without a block until it is said", unit="s", lower=0.1, upper=60.0)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """`samples` (channels, n) in SI units, the first of them at `stamp` (s), at `rate` (Hz)."""

    stamp: float
    rate: float
    channels: tuple[str, ...]
    samples: FloatArray

    @property
    def end(self) -> float:
        return float(self.stamp + self.samples.shape[1] / self.rate)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a block, and with single channels of it; nothing where both are empty.

    Attributes:
        problem: why none of it can be judged.   channels: why single channels cannot.
        gap: whether samples are missing before it.
    """

    problem: str = ""
    channels: dict[str, str] = field(default_factory=dict)
    gap: bool = False


class Stream:
    """Judges the blocks of one device in the order in which they come.

    Args:
        least: Hz, lowest rate of use.   saturation: magnitude (the samples' unit) of clipped samples.
    """

    def __init__(self, config: StreamConfig, least: float, saturation: float) -> None:
        self._config, self._least, self._saturation = config, least, saturation
        self._format: tuple[tuple[str, ...], float] | None = None
        self._end = -np.inf

    def check(self, block: Block, now: float | None = None) -> Verdict:
        """Look at the next block; `now` is the reader's clock, s, where there is one."""
        problem = self._form(block) or self._time(block, now)
        if problem:
            return Verdict(problem)
        gap = abs(block.stamp - self._end) > self._config.stale_gap
        self._end = block.end
        return Verdict(channels=self._channels(block), gap=gap)

    def _form(self, block: Block) -> str:
        samples, count = block.samples, len(block.channels)
        if samples.ndim != 2 or samples.shape[0] != count or samples.size == 0:
            return f"{count} channels named, samples of shape {samples.shape}"
        if len(set(block.channels)) < count:
            return f"channels named twice: {', '.join(block.channels)}"
        if not np.isfinite(block.rate) or block.rate <= self._least:
            return f"sampling rate {block.rate:g} Hz is too low"
        if self._format is None:
            self._format = block.channels, block.rate
        channels, rate = self._format
        if set(channels) != set(block.channels):
            return f"channels {', '.join(block.channels)} instead of {', '.join(channels)}"
        if channels != block.channels:
            return "the channels come in another order"
        if abs(block.rate - rate) > self._config.rate_tolerance * rate:
            return f"sampling rate {block.rate:g} Hz instead of {rate:g} Hz"
        return ""

    def _time(self, block: Block, now: float | None) -> str:
        if not np.isfinite(block.stamp):
            return "blocks without a time"
        if block.stamp < self._end - _SLACK:
            behind = self._end - block.stamp
            if behind > 2.0 * self._config.stale_gap:
                self._end = -np.inf  # no block that was overtaken, but a device that was started anew
            return f"a block begins {behind:.2f} s before the last one's end"
        if now is None:
            return ""
        if now - block.end > self._config.latest:
            return f"blocks come {now - block.end:.1f} s late"
        if block.end - now > self._config.latest:
            return f"blocks are stamped {block.end - now:.1f} s ahead"
        return ""

    def _channels(self, block: Block) -> dict[str, str]:
        samples = block.samples
        wrong = {}
        for k, name in enumerate(block.channels):
            own = samples[k]
            if not np.isfinite(own).all():
                wrong[name] = "samples are not finite"
            elif np.abs(own).max() >= self._saturation:
                wrong[name] = "saturated (electrode off?)"
            elif len(own) > 1 and np.ptp(own) == 0.0:
                wrong[name] = "flat (cable off?)"
        return wrong
