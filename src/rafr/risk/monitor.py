"""A recording as if it came in live: window after window judged, and what happens told as events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.data.recording import Recording
from rafr.risk.fatigue import fatigue_trends
from rafr.risk.model import RiskModel, Verdict


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    step: float = option(0.5, "between judgements", unit="s", lower=0.05, upper=10.0)
    smoothing: float = option(1.5, "time constant of the probability", unit="s", lower=0.0, upper=60.0)
    raise_at: float = option(0.7, "smoothed probability at which a heavy load is told", lower=0.0, upper=1.0)
    clear_at: float = option(0.4, "below which it is over", lower=0.0, upper=1.0)
    silent_after: float = option(
        2.0, "of abstaining after which the judge is told to be silent", unit="s", lower=0.0, upper=60.0
    )
    fatigue_every: float = option(
        10.0, "between looks at the fatigue trend", unit="s", lower=1.0, upper=600.0
    )
    fatigue_over: float = option(
        30.0, "of signal that a trend is taken over", unit="s", lower=12.0, upper=3600.0
    )


@dataclass(frozen=True, slots=True)
class Event:
    """`time` s in the recording, when it was known; `kind` heavy, light, silent or fatigue."""

    time: float
    kind: str
    probability: float | None
    reason: str


class LoadJudge:
    """Verdicts in, changes of state out."""

    def __init__(self, classes: tuple[str, str], config: MonitorConfig | None = None) -> None:
        self.config = config or MonitorConfig()
        self._classes = classes
        self._level: float | None = None
        self._state = ""
        self._quiet = 0.0

    def update(self, time: float, verdict: Verdict) -> Event | None:
        """What changed with a verdict that came at `time`; verdicts are `config.step` apart."""
        c = self.config
        if verdict.abstained:
            self._quiet += c.step
            if self._quiet >= c.silent_after and self._state != "silent":
                self._state, self._level = "silent", None
                return Event(time, "silent", None, verdict.reason)
            return None
        self._quiet = 0.0
        keep = float(np.exp(-c.step / c.smoothing)) if c.smoothing > 0.0 and self._level is not None else 0.0
        self._level = keep * (self._level or 0.0) + (1.0 - keep) * verdict.probability
        if self._level >= c.raise_at:
            state = "heavy"
        elif self._level <= c.clear_at or self._state in ("", "silent"):
            state = "light"
        else:
            return None
        if state == self._state:
            return None
        self._state = state
        label = self._classes[state == "heavy"]
        return Event(time, state, round(self._level, 3), f"{label} for the last {c.smoothing:g} s or so")


def replay(model: RiskModel, recording: Recording, config: MonitorConfig | None = None) -> Iterator[Event]:
    """Events of a recording in the order of time; nothing after an event's time was used for it.

    Raises:
        InputError: the recording's streams are not those of the model.
    """
    config = config or MonitorConfig()
    r = recording
    model.check_streams(r.emg_names, r.emg_rate, r.imu_names, r.imu_rate)
    judge = LoadJudge(model.schema.classes, config)
    length = model.schema.window.length
    tired: set[str] = set()
    next_look = config.fatigue_over
    for end in np.arange(length, r.duration + 1e-9, config.step):
        past = _until(r, float(end), length)
        event = judge.update(float(end), model.assess(past.emg, past.acc, past.gyro, past.reference))
        if event is not None:
            yield event
        if r.emg_names and end >= next_look:
            next_look += config.fatigue_every
            for trend in fatigue_trends(_until(r, float(end), config.fatigue_over)):
                if trend.fatiguing and trend.muscle not in tired:
                    tired.add(trend.muscle)
                    hertz = f"median frequency {trend.frequency:.0f} Hz/min"
                    how = f"{hertz}, amplitude {100 * trend.amplitude:+.0f} %/min"
                    yield Event(float(end), "fatigue", None, f"{trend.muscle}: {how}")


def _until(recording: Recording, end: float, length: float) -> Recording:
    """The last `length` s before `end`."""

    def last(signal: FloatArray, rate: float) -> FloatArray:
        stop = round(end * rate)
        return signal[..., max(0, stop - round(length * rate)) : stop]

    r = recording
    return replace(r, emg=last(r.emg, r.emg_rate), acc=last(r.acc, r.imu_rate), gyro=last(r.gyro, r.imu_rate))
