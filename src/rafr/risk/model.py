"""A trained model of lifting risk: its schema, and what it says of a window.

    model = load("lifting.rafr-risk")  # of `rafr.risk.model_file`
    model.check_streams(emg_names, emg_rate, imu_names, imu_rate)  # InputError unless they are the schema's
    verdict = model.assess(emg, acc, gyro, reference)
    verdict.probability, verdict.abstained, verdict.reason

`model.schema` says what it was trained on: `emg_names`, `emg_rate`, `imu_names`, `imu_rate` (Hz), `window`
(length and step, s).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr import __version__
from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.data.quality import problems
from rafr.risk.data.recording import Recording
from rafr.risk.features.table import WindowConfig, WindowTable, features_at
from rafr.risk.learning.abstention import Abstention
from rafr.risk.learning.classifier import LoadClassifier
from rafr.risk.learning.validation import classes_of, target_of

_MOST_EFFORT = 1.5  # of the greatest effort's EMG over a window; movement may exceed a static effort's
_RATE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Schema:
    """What a model expects and what it was made from; rates in Hz, times in s."""

    emg_names: tuple[str, ...]
    emg_rate: float
    imu_names: tuple[str, ...]
    imu_rate: float
    window: WindowConfig
    uses_reference: bool
    classes: tuple[str, str]
    kind: str
    subjects: int
    windows: int
    synthetic: bool
    columns: tuple[str, ...]
    made_with: dict[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`probability` of the second class (heavy), NaN where the window cannot be used; `reason` in words."""

    probability: float
    abstained: bool
    reason: str


@dataclass(frozen=True, slots=True)
class RiskModel:
    """Classifier and guard with their schema."""

    schema: Schema
    classifier: LoadClassifier
    guard: Abstention

    def check_streams(
        self, emg_names: Sequence[str], emg_rate: float, imu_names: Sequence[str], imu_rate: float
    ) -> None:
        """Raise InputError unless the streams are those the model was trained on."""
        s = self.schema
        for kind, names, wanted, rate, right in (
            ("EMG", emg_names, s.emg_names, emg_rate, s.emg_rate),
            ("IMU", imu_names, s.imu_names, imu_rate, s.imu_rate),
        ):
            if tuple(names) != wanted:
                raise InputError(f"the {kind} stream", f"its channels are {_listed(names)}", _listed(wanted))
            if wanted and not abs(rate / right - 1.0) <= _RATE_TOLERANCE:
                raise InputError(f"the {kind} stream", f"its rate is {rate:.5g} Hz", f"{right:.5g} Hz")

    def assess(
        self,
        emg: FloatArray,
        acc: FloatArray | None = None,
        gyro: FloatArray | None = None,
        reference: FloatArray | None = None,
    ) -> Verdict:
        """Judge the newest `schema.window.length` seconds; no state is kept. Bad samples (NaN, flat, clipped,
        too few) never raise: it abstains, with a probability of NaN, and says why.

        Args:
            emg: (channels, n) V, raw, in the schema's order.   acc: (sensors, 3, m) m/s^2, gravity included,
                sensor axes.   gyro: (sensors, 3, m) rad/s.   reference: (channels,) V, the RMS of each
                muscle's maximum contraction, needed where `schema.uses_reference`.
        """
        s = self.schema
        none = np.empty((0, 3, 0))
        streams: list[tuple[FloatArray, tuple[str, ...], float, str, tuple[int, ...]]] = [
            (emg, s.emg_names, s.emg_rate, "EMG", ())
        ]
        for given, kind in ((acc, "accelerometer"), (gyro, "gyroscope")):
            streams.append((none if given is None else given, s.imu_names, s.imu_rate, kind, (3,)))
        newest = []
        for values, names, rate, kind, axes in streams:
            values = np.asarray(values, dtype=float)
            need = round(s.window.length * rate) if names else 0
            if values.shape[:-1] != (len(names), *axes) or values.shape[-1] < need:
                return _cannot(f"{kind} of shape {values.shape}, {(len(names), *axes, need)} or more needed")
            values = values[..., values.shape[-1] - need :]
            labels = [
                f"{kind} {axis}of {n}" for n in names for axis in (("x ", "y ", "z ") if axes else ("",))
            ]
            wrong = problems(values.reshape(-1, need), rate, labels) if names else ()
            if wrong:
                return _cannot(wrong[0])
            newest.append(values)
        level = np.empty(0) if reference is None else np.asarray(reference, dtype=float)
        if s.uses_reference and (level.shape != (len(s.emg_names),) or not (level > 0.0).all()):
            return _cannot("no level of maximum contraction for each muscle")
        recording = Recording(
            "", "", s.emg_names, newest[0], s.emg_rate, s.imu_names, newest[1], newest[2], s.imu_rate,
            reference=level if s.uses_reference else np.empty(0),
        )  # fmt: skip
        return self.judge(features_at(recording, np.zeros(1), s.window))[0]

    def judge(self, features: FloatArray) -> list[Verdict]:
        """Of rows of features, in the schema's columns."""
        probability = self.classifier.predict_proba(features)[:, 1]
        unlike = self.guard.reasons(features[:, self.classifier.described], probability)
        reasons = [beyond or r for beyond, r in zip(self._beyond(features), unlike, strict=True)]
        light, heavy = self.schema.classes
        return [
            Verdict(float(p), bool(r), r or f"{heavy if p > 0.5 else light} load")
            for p, r in zip(probability, reasons, strict=True)
        ]

    def _beyond(self, features: FloatArray) -> list[str]:
        """Per window, a muscle whose EMG nobody's greatest effort explains: then the reference is wrong."""
        columns = [k for k, name in enumerate(self.schema.columns) if name.endswith(" log_rms")]
        if not self.schema.uses_reference or not columns:
            return [""] * len(features)
        share = np.exp(features[:, columns])
        muscles = [self.schema.columns[k].split()[1] for k in columns]
        return [
            f"EMG of {muscles[k]} is {row[k]:.1f} times its greatest effort's: is the reference right?"
            if row[k] > _MOST_EFFORT
            else ""
            for row, k in zip(share, share.argmax(axis=1), strict=True)
        ]


def train(
    table: WindowTable,
    recordings: Sequence[Recording],
    window: WindowConfig,
    classifier: LoadClassifier,
    *,
    synthetic: bool,
) -> RiskModel:
    """A model of all windows; people are left out in turn for its calibration and its guard.

    Raises:
        InputError: fewer than two people: nothing could be said about new ones.
    """
    import sklearn

    people = np.unique(table.subject)
    if len(people) < 2:
        raise InputError("the recordings", f"are of {len(people)} person", "at least two people")
    y = target_of(table)
    fitted = classifier.fit(table.features, y, table.subject)
    held_out = list(fitted.held_out_.values())[-1]
    columns = fitted.described
    guard = Abstention().fit(table.features[:, columns], y, held_out, table.subject)
    first = recordings[0]
    schema = Schema(
        first.emg_names,
        first.emg_rate,
        first.imu_names,
        first.imu_rate,
        window,
        bool(len(first.reference)),
        classes_of(table),
        classifier.kind,
        len(people),
        len(table),
        synthetic,
        table.names,
        {"rafr": __version__, "scikit-learn": sklearn.__version__, "numpy": np.__version__},
    )
    return RiskModel(schema, fitted, guard)


def _cannot(problem: str) -> Verdict:
    return Verdict(float("nan"), True, problem)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
