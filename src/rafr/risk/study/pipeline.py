"""The pipeline of the two-person study: cleaning, windows of 100 samples every 30, two classifiers, a random
split.

What the study does not say is fixed here so: signals of all files are cleaned and standardised as one table,
channel by channel (means and deviations therefore know the test windows); values beyond three deviations are
set to three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.data.recording import Recording
from rafr.risk.learning.measures import measures
from rafr.risk.windows import cut, starts_every

LENGTH, STEP = 100, 30  # samples of the stream's own rate
SEED = 42
_LIMIT = 3.0  # standard deviations


@dataclass(frozen=True, slots=True)
class StudyWindows:
    """Features (n, columns), class (n,) 0 Low, 1 High, who (n,), and names of the columns."""

    features: FloatArray
    label: NDArray[np.int64]
    subject: NDArray[np.str_]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fitted:
    """One classifier of one source, with what the pictures show."""

    source: str
    name: str
    model: Any
    truth: NDArray[np.int64]
    probability: FloatArray
    result: dict[str, Any]


def classifiers() -> dict[str, Any]:
    return {
        # l2 is the penalty that liblinear takes by default
        "logistic_regression": LogisticRegression(solver="liblinear", random_state=SEED),
        "random_forest": RandomForestClassifier(n_estimators=100, random_state=SEED),
    }


def cleaning() -> Pipeline:
    """Of (samples, channels): missing values by the mean, ±3 deviations, standardised."""
    clip = FunctionTransformer(np.clip, kw_args={"a_min": -_LIMIT, "a_max": _LIMIT})
    return make_pipeline(SimpleImputer(strategy="mean"), StandardScaler(), clip, StandardScaler())


def emg_windows(recordings: Sequence[Recording]) -> StudyWindows:
    """Mean, maximum, minimum, standard deviation and RMS of every muscle's window."""
    single = ("mean", "max", "min", "std", "rms")
    names = tuple(f"{m} {s}" for m in recordings[0].emg_names for s in single)

    def features(windows: FloatArray) -> FloatArray:
        rms = np.sqrt(np.mean(windows**2, axis=-1))
        values = [windows.mean(-1), windows.max(-1), windows.min(-1), windows.std(-1), rms]
        return np.swapaxes(np.stack(values, axis=-1), 0, 1).reshape(windows.shape[1], -1)

    return _windows(recordings, [r.emg for r in recordings], features, names)


def imu_windows(recordings: Sequence[Recording]) -> StudyWindows:
    """Peak, range, mean and total of the size of acceleration and of turning of every sensor's window."""
    single = ("peak", "range", "mean", "total")
    names = tuple(f"{m} {k} {s}" for m in recordings[0].imu_names for k in ("acc", "gyro") for s in single)

    def features(windows: FloatArray) -> FloatArray:
        sensors = windows.shape[0] // 6
        size = np.linalg.norm(windows.reshape(sensors, 2, 3, *windows.shape[1:]), axis=2)
        values = [size.max(-1), np.ptp(size, axis=-1), size.mean(-1), size.sum(-1)]
        return np.moveaxis(np.stack(values, axis=-1), 2, 0).reshape(windows.shape[1], -1)

    signals = [np.concatenate([r.acc, r.gyro], axis=1).reshape(6 * len(r.imu_names), -1) for r in recordings]
    return _windows(recordings, signals, features, names)


def run_study(windows: StudyWindows, source: str) -> list[Fitted]:
    """Both classifiers on 70 % of the windows, judged on the others; and on the other people, which the
    study left out.
    """
    rows = np.arange(len(windows.label))
    train, test = train_test_split(rows, test_size=0.3, stratify=windows.label, random_state=SEED)
    fitted = []
    for name, model in classifiers().items():
        truth = windows.label[test]
        probability = _learn(model, windows, train).predict_proba(windows.features[test])[:, 1]
        result = {
            "random_split": measures(truth, probability),
            "leave_one_subject_out": _left_out(model, windows),
        }
        last = _learn(model, windows, train)
        fitted.append(Fitted(source, name, last, truth, probability, result))
    return fitted


def _learn(model: Any, windows: StudyWindows, rows: NDArray) -> Any:
    return clone(model).fit(windows.features[rows], windows.label[rows])


def _left_out(model: Any, windows: StudyWindows) -> dict[str, Any] | None:
    people = np.unique(windows.subject)
    if len(people) < 2:
        return None
    probability = np.empty(len(windows.label))
    for person in people:
        out = windows.subject == person
        probability[out] = _learn(model, windows, ~out).predict_proba(windows.features[out])[:, 1]
    return measures(windows.label, probability)


def _windows(
    recordings: Sequence[Recording],
    signals: list[FloatArray],
    features: Any,
    names: tuple[str, ...],
) -> StudyWindows:
    labels = [_label(r) for r in recordings]
    table = cleaning().fit_transform(np.concatenate(signals, axis=1).T).T
    ends = np.cumsum([s.shape[1] for s in signals])
    rows = []
    for cleaned in np.split(table, ends[:-1], axis=1):
        rows.append(features(cut(cleaned, starts_every(cleaned.shape[1], LENGTH, STEP), LENGTH)))
    counts = [len(r) for r in rows]
    label = np.repeat(labels, counts).astype(np.int64)
    return StudyWindows(
        np.concatenate(rows), label, np.repeat([r.subject for r in recordings], counts), names
    )


def _label(recording: Recording) -> int:
    found = {i.label for i in recording.intervals}
    if found not in ({"Low"}, {"High"}):
        name = f"{recording.subject} {recording.trial}"
        raise InputError(
            name, f"it is labelled {', '.join(sorted(found)) or 'not'}", "a trial of Low or High"
        )
    return int(found == {"High"})
