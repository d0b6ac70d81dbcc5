"""Risk seen in muscles: `emg`, `assistant/emg`, `assistant/imu` in, `risk` out, a word per block."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from rafr_msgs.msg import ArmState, MuscleSignals, Risk

from rafr.config import option
from rafr.errors import InputError
from rafr.nodes.convert import seconds
from rafr.nodes.runtime import OK, RELIABLE, SENSOR, WARN, RafrNode, run_node
from rafr.risk.assistant import AssistantRiskConfig, LiftingRisk, SlipRisk
from rafr.risk.blocks import Block, StreamConfig
from rafr.risk.envelope import BandConfig
from rafr.risk.estimate import (
    ASSISTANT_EMG_SOURCE,
    ASSISTANT_IMU_SOURCE,
    PATIENT_SOURCE,
    RiskEstimate,
    unknown,
)
from rafr.risk.live_model import LiveModel
from rafr.risk.patient import PatientRisk, PatientRiskConfig
from rafr.risk.references import References

_CHECK = 0.5  # s, wall time


@dataclass(frozen=True, slots=True)
class RiskNodeConfig:
    model: str = option("", "file of `rafr risk train` that judges the assistants' load; empty: none")


_REPEAT = 1.0  # s after which it is said again that a channel is not watched

Judge = Callable[[Block, float], RiskEstimate]


class RiskNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("risk")
        self._stream = self.config(StreamConfig)
        band, lifting = self.config(BandConfig), self.config(AssistantRiskConfig)
        self._patient = PatientRisk(self.config(PatientRiskConfig), self._stream, band)
        self._publisher = self.create_publisher(Risk, "risk", RELIABLE)
        self._said: dict[str, RiskEstimate] = {}
        self._heard: dict[str, float] = {}  # by the node's clock, s
        self._unwatched: dict[str, float] = {}
        self._longest = 0.0  # s from a block's arrival to its answer
        self._watch("emg", PATIENT_SOURCE, self._patient.update)
        self._lifting, self._slip = LiftingRisk(lifting, self._stream, band), SlipRisk(lifting, self._stream)
        self._model = _model(self.config(RiskNodeConfig).model, self._lifting.references)
        self._watch("assistant/emg", ASSISTANT_EMG_SOURCE, self._judge_lifting)
        self._watch("assistant/imu", ASSISTANT_IMU_SOURCE, self._judge_motion)
        self.create_subscription(ArmState, "arm/state", self._take_arm, RELIABLE)
        self.create_wall_timer(_CHECK, self._check_silence)
        _warm_up()
        self.set_ready()

    def _watch(self, topic: str, source: str, judge: Judge) -> None:
        self.create_subscription(MuscleSignals, topic, partial(self._take, source, judge), SENSOR)

    def _judge_lifting(self, block: Block, now: float) -> RiskEstimate:
        estimate = self._lifting.update(block, now)
        if self._model is None or not self._accepted(self._model.hear_emg, block):
            return estimate
        return self._model.added_to(estimate, block.end)

    def _judge_motion(self, block: Block, now: float) -> RiskEstimate:
        if self._model is not None:
            self._accepted(self._model.hear_imu, block)
        return self._slip.update(block, now)

    def _accepted(self, hear: Callable[[Block], None], block: Block) -> bool:
        """Let the model hear a block; streams it was not trained on end the node."""
        try:
            hear(block)
        except InputError as error:
            self.failure = error
            return False
        return True

    def _now(self) -> float:
        return 1e-9 * float(self.get_clock().now().nanoseconds)

    def _take_arm(self, message: ArmState) -> None:
        self._patient.heard_load(message.force)

    def _take(self, source: str, judge: Judge, message: MuscleSignals) -> None:
        arrived, now = time.monotonic(), self._now()
        samples, count = np.array(message.samples, dtype=float), len(message.channels)
        if count == 0 or samples.size % count:
            self._say(source, unknown(f"{samples.size} samples do not divide into {count} channels"), message)
        else:
            stamp, channels = seconds(message.header.stamp), tuple(message.channels)
            block = Block(stamp, message.rate, channels, samples.reshape(count, -1))
            self._say(source, judge(block, now), message)
        self._heard[source] = now
        self._longest = max(self._longest, time.monotonic() - arrived)

    def _say(self, source: str, estimate: RiskEstimate, message: MuscleSignals | None = None) -> None:
        answer = Risk(source=source, probability=estimate.probability, reason=estimate.reason)
        answer.causes, answer.probabilities = list(estimate.causes), list(estimate.causes.values())
        answer.header.stamp = self.get_clock().now().to_msg() if message is None else message.header.stamp
        self._publisher.publish(answer)
        self._said[source] = estimate
        self._say_channels(source, estimate, answer)
        self._diagnose()

    def _say_channels(self, source: str, estimate: RiskEstimate, answer: Risk) -> None:
        """Channels that are not watched are sources of their own: unknown, until they are watched again."""
        missing = {} if math.isnan(estimate.probability) else estimate.unwatched
        now = self._now()
        for channel, why in missing.items():
            name = f"{source}/{channel}"
            if not now - self._unwatched.get(name, -math.inf) < _REPEAT:
                self._unwatched[name] = now
                self._publisher.publish(
                    Risk(header=answer.header, source=name, probability=math.nan, reason=why)
                )
        for name in [n for n in self._unwatched if n.startswith(f"{source}/")]:
            if name.removeprefix(f"{source}/") not in missing:
                del self._unwatched[name]
                self._publisher.publish(
                    Risk(header=answer.header, source=name, probability=0.0, reason="watched again")
                )

    def _check_silence(self) -> None:
        """A device that was heard and says nothing more is not watched any more."""
        now = self._now()
        for source, heard in self._heard.items():
            if now - heard > self._stream.silence:
                self._say(source, unknown(f"no signal for {self._stream.silence:g} s"))

    def _diagnose(self) -> None:
        unknowns = {s: e.reason for s, e in self._said.items() if math.isnan(e.probability)}
        missing = {
            f"{s}/{channel}": why
            for s, e in self._said.items()
            if s not in unknowns
            for channel, why in e.unwatched.items()
        }
        values = {
            f"{source} {cause}": f"{p:.3f}"
            for source, estimate in self._said.items()
            for cause, p in estimate.causes.items()
        }
        not_known = unknowns | missing
        if not_known:
            text = "; ".join(f"{name}: {why}" for name, why in not_known.items())
            self.diagnose(
                WARN, f"not watched: {text}", longest_answer_ms=f"{1e3 * self._longest:.1f}", **values
            )
        else:
            text = "; ".join(f"{s}: {e.reason}" for s, e in self._said.items())
            self.diagnose(OK, text, longest_answer_ms=f"{1e3 * self._longest:.1f}", **values)


def _model(path: str, references: References) -> LiveModel | None:
    if not path:
        return None
    try:
        from rafr.risk.model_file import load  # scikit-learn, for those who have a model only
    except ModuleNotFoundError as error:
        expected = "what trained models need (requirements.lock)"
        raise InputError(
            "node risk", f"parameter model is given, {error.name} is missing", expected
        ) from None
    return LiveModel(load(path), references)


def _warm_up() -> None:
    """Judge a block of nothing, so that the first real one does not wait for libraries to load."""
    noise = 1e-6 * np.random.default_rng(0).standard_normal((2, 200))
    PatientRisk().update(Block(0.0, 1000.0, ("a", "b"), noise))


def main() -> None:
    sys.exit(run_node(RiskNode))


if __name__ == "__main__":
    main()
