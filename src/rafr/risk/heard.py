"""EMG blocks as a judge of muscles wants them: checked, filtered into frames, and wrong channels named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.blocks import Block, Stream, StreamConfig
from rafr.risk.envelope import BandConfig, Envelope


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The frames that a block completed.

    Attributes:
        level: (n, channels) V rms, NaN where a channel cannot be judged.
        samples: (channels, n m) V, filtered.
        wrong: why single channels cannot be judged.   anew: whether filters began with this block.
    """

    level: FloatArray
    samples: FloatArray
    wrong: dict[str, str]
    anew: bool


class EmgStream:
    """Hears the EMG of one device.

    Args:
        saturation: V, magnitude of clipped samples.   silent: V rms, quieter than any electrode on a skin.
    """

    def __init__(
        self, stream: StreamConfig | None, band: BandConfig | None, saturation: float, silent: float = 0.0
    ) -> None:
        self._band = band or BandConfig()
        self._stream = Stream(stream or StreamConfig(), 2.0 * self._band.low_hz, saturation)
        self._silent = silent
        self._envelope: Envelope | None = None

    def hear(self, block: Block, now: float | None = None) -> Heard | str:
        """Take the next block at the reader's clock `now`, s, if there is one; or why it is of no use."""
        verdict = self._stream.check(block, now)
        if verdict.problem:
            self._envelope = None
            return verdict.problem
        anew = self._envelope is None or verdict.gap
        if self._envelope is None or verdict.gap:
            self._envelope = Envelope(self._band, len(block.channels), block.rate)
        unusable = np.array([name in verdict.channels for name in block.channels])
        frames = self._envelope.add(block.samples, unusable)
        wrong = dict(verdict.channels)
        for k, name in enumerate(block.channels):
            if frames.hum[:, k].any():
                wrong.setdefault(name, "mains hum (electrode off?)")
            elif np.any(frames.level[:, k] < self._silent):
                wrong.setdefault(name, "silent (electrode off?)")
        bad = np.array([name in wrong for name in block.channels])
        return Heard(np.where(bad, np.nan, frames.level), frames.samples, wrong, anew)
