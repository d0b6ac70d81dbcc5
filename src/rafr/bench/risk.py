"""Lifting risk: features per second, and new people judged, beside loops as they are usually written."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from rafr.bench.measure import Better, Goal, Measure, Of, Samples, Setting, Trial
from rafr.bench.peers import plain_risk
from rafr.bench.peers.known import PLAIN_LOOP, SKLEARN
from rafr.progress import Progress, part_of
from rafr.risk.features.table import WindowConfig, features_at, window_table
from rafr.risk.learning.classifier import LoadClassifier
from rafr.risk.learning.validation import evaluate
from rafr.risk.lifting.session import LiftingConfig, simulate_people

_PLAIN_WINDOWS = 20  # of which the plain loop's rate is measured

RATE = Measure(
    "risk.features",
    "windows of EMG and IMU per second; the loop's without IMU",
    "1/s",
    PLAIN_LOOP,
    Goal(Of.RATIO, 0.5, 1.0),
    Better.HIGHER,
)
ACCURACY = Measure(
    "risk.accuracy",
    "balanced accuracy on virtual people left out, fusion",
    "",
    SKLEARN,
    Goal(Of.VALUE, 0.5, 0.8),
    Better.HIGHER,
)


def run_features(setting: Setting, progress: Progress) -> Mapping[str, Samples]:
    """A sample is a number of windows of one recording at once, or the same number again."""
    counts = (10, 100, 100) if setting.quick else (10, 100, 1000) * 3
    (one, *_) = simulate_people(1, setting.seed, LiftingConfig(trials=1, seconds=60.0))
    config = WindowConfig()
    features_at(one, np.array([0.0]), config)  # loads what it needs
    rows = []
    for k, count in enumerate(counts):
        progress(k / len(counts), f"{RATE.name}, {count} windows")
        starts = np.linspace(0.0, one.duration - config.length - 0.1, count)
        began = time.perf_counter()
        features_at(one, starts, config)
        ours = count / (time.perf_counter() - began)
        some = starts[:: max(1, count // _PLAIN_WINDOWS)][:_PLAIN_WINDOWS]
        began = time.perf_counter()
        for start in some:
            plain_risk.features(one, start, config)
        rows.append((ours, len(some) / (time.perf_counter() - began)))
    ours, theirs = np.array(rows).T
    return {RATE.name: Samples(ours, (setting.seed,), theirs)}


def run_people(setting: Setting, progress: Progress) -> Mapping[str, Samples]:
    """A sample is a virtual person (synthetic) whom neither model has seen; the same windows for both."""
    people, seconds = (5, 20.0) if setting.quick else (10, 30.0)
    lifting = LiftingConfig(trials=1, seconds=seconds)
    progress(0.0, f"{ACCURACY.name}, simulating {people} people")
    table = window_table(simulate_people(people, setting.seed, lifting), WindowConfig())
    rest = part_of(progress, 0.3, 1.0)
    found = evaluate(table, LoadClassifier(table.names), progress=rest)["fusion"]
    each = found["leave_one_subject_out"]["by_group"]
    ours = np.array([each[str(person)] for person in np.unique(table.subject)])
    return {ACCURACY.name: Samples(ours, (setting.seed,), plain_risk.leave_one_out(table))}


TRIALS = (Trial((RATE,), run_features), Trial((ACCURACY,), run_people))
