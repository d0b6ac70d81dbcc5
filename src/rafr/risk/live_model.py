"""A trained model of the assistants' lifting load (`rafr risk train`) on live streams.

The model says what it wants: names and rates of the streams, the length of a window and the step between two.
It is asked for the newest window once a step; between two steps its last word stands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.blocks import Block
from rafr.risk.estimate import RiskEstimate, likeliest
from rafr.risk.references import References

LOAD = "load"
_AXES = [f"{kind}_{axis}" for kind in ("acc", "gyro") for axis in "xyz"]


class Window(Protocol):
    """Of a schema: s."""

    @property
    def length(self) -> float: ...
    @property
    def step(self) -> float: ...


class Schema(Protocol):
    """What a model was trained on."""

    @property
    def emg_names(self) -> Sequence[str]: ...
    @property
    def emg_rate(self) -> float: ...
    @property
    def imu_names(self) -> Sequence[str]: ...
    @property
    def imu_rate(self) -> float: ...
    @property
    def window(self) -> Window: ...


class Verdict(Protocol):
    @property
    def probability(self) -> float: ...
    @property
    def abstained(self) -> bool: ...
    @property
    def reason(self) -> str: ...


class Model(Protocol):
    """What `rafr.risk.model_file.load` returns."""

    @property
    def schema(self) -> Schema: ...

    def check_streams(
        self, emg_names: Sequence[str], emg_rate: float, imu_names: Sequence[str], imu_rate: float
    ) -> None: ...

    def assess(
        self, emg: FloatArray, acc: FloatArray, gyro: FloatArray, reference: FloatArray
    ) -> Verdict: ...


class LiveModel:
    """Keeps the newest window of an assistant's streams for a model.

    Args:
        references: EMG of the greatest effort of every muscle.
    """

    def __init__(self, model: Model, references: References) -> None:
        self._model, self._references = model, references
        self._checked = [False, False]
        self._ends = [-math.inf, -math.inf]
        schema = model.schema
        self._newest = [np.zeros((len(schema.emg_names), 0)), np.zeros((6 * len(schema.imu_names), 0))]
        self._asked = -math.inf
        self._said = math.nan, "waiting for a whole window"

    def hear_emg(self, block: Block) -> None:
        """A block of `assistant/emg`.

        Raises:
            InputError: at the first block, where its channels or rate are not what the model was trained on.
        """
        schema = self._model.schema
        if schema.emg_names and not self._checked[0]:
            names = _in_order(block.channels, schema.emg_names)
            self._model.check_streams(names, block.rate, schema.imu_names, schema.imu_rate)
            self._checked[0] = True
        self._keep(0, block, tuple(schema.emg_names), schema.emg_rate)

    def hear_imu(self, block: Block) -> None:
        """A block of `assistant/imu`; raises as `hear_emg`."""
        schema = self._model.schema
        if schema.imu_names and not self._checked[1]:
            places = dict.fromkeys(name.rpartition("/")[0] for name in block.channels)
            names = _in_order(tuple(places), schema.imu_names)
            self._model.check_streams(schema.emg_names, schema.emg_rate, names, block.rate)
            self._checked[1] = True
        wanted = tuple(f"{place}/{axis}" for place in schema.imu_names for axis in _AXES)
        self._keep(1, block, wanted, schema.imu_rate)

    def _keep(self, which: int, block: Block, wanted: tuple[str, ...], rate: float) -> None:
        if not wanted:
            return
        samples = block.samples
        formed = (
            samples.ndim == 2 and len(samples) == len(block.channels) and set(wanted) <= set(block.channels)
        )
        follows = abs(block.stamp - self._ends[which]) < 1.5 / rate
        if not formed or not follows:  # a window has no holes
            self._newest[which] = self._newest[which][:, :0]
        if not formed:
            return
        rows = samples[[block.channels.index(name) for name in wanted]]
        most = math.ceil(self._model.schema.window.length * rate) + 1
        self._newest[which] = np.concatenate([self._newest[which], rows], axis=1)[:, -most:]
        self._ends[which] = block.end

    def added_to(self, estimate: RiskEstimate, now: float) -> RiskEstimate:
        """What another judge says of the assistant's EMG, with the model's word on the load; `now` in s."""
        if now - self._asked >= self._model.schema.window.step or now < self._asked:
            self._asked = now
            self._said = self._ask()
        heavy, why = self._said
        if math.isnan(heavy):
            return replace(estimate, unwatched={**estimate.unwatched, "model": why})
        if math.isnan(estimate.probability):
            return estimate
        words = dict.fromkeys(estimate.causes, estimate.reason) | {LOAD: f"load: {why} by the trained model"}
        return likeliest({**estimate.causes, LOAD: heavy}, words, estimate.reason, estimate.unwatched)

    def _ask(self) -> tuple[float, str]:
        schema, (emg, inertial) = self._model.schema, self._newest
        for samples, rate in ((emg, schema.emg_rate), (inertial, schema.imu_rate)):
            if len(samples) and samples.shape[1] < schema.window.length * rate:
                return math.nan, "waiting for a whole window"
        sensors = inertial.reshape(len(schema.imu_names), 2, 3, inertial.shape[1])
        reference = self._references.of(schema.emg_names)
        verdict = self._model.assess(emg, sensors[:, 0], sensors[:, 1], reference)
        return (math.nan if verdict.abstained else verdict.probability), verdict.reason


def _in_order(names: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The wanted names where all are there, in whatever order and beside others; else all names there are."""
    return tuple(wanted if set(wanted) <= set(names) else names)
