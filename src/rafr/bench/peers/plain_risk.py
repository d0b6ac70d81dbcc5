"""Lifting risk as it is usually written: loops over windows and channels, one scikit-learn pipeline."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.signal import welch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.data.recording import Recording
from rafr.risk.features.emg import BANDS_HZ
from rafr.risk.features.table import WindowConfig, WindowTable
from rafr.risk.learning.validation import target_of


def features(recording: Recording, start: float, config: WindowConfig) -> list[float]:
    """EMG features of one window, channel by channel; none of the IMU."""
    at = round(start * recording.emg_rate)
    rows: list[float] = []
    for channel in recording.emg[:, at : at + round(config.length * recording.emg_rate)]:
        x = channel - channel.mean()
        step = np.diff(x)
        limit = 0.05 * x.std()
        size = np.abs(x)
        rows += [size.mean(), x.std(), np.percentile(size, 99), np.abs(step).sum(), x.std() / size.max()]
        pairs = itertools.pairwise(x)
        rows.append(sum(a * b < 0 and abs(a - b) > limit for a, b in pairs))
        pairs = itertools.pairwise(step)
        rows.append(sum(a * b < 0 and max(abs(a), abs(b)) > limit for a, b in pairs))
        hertz, power = welch(x, recording.emg_rate, nperseg=len(x))
        rows.append(float((hertz * power).sum() / power.sum()))
        rows.append(float(hertz[np.searchsorted(np.cumsum(power), 0.5 * power.sum())]))
        rows += [float(power[(hertz >= a) & (hertz < b)].sum()) for a, b in BANDS_HZ]
    return rows


def leave_one_out(table: WindowTable) -> FloatArray:
    """(people,) balanced accuracy of logistic regression on all columns, each person left out."""
    y, scores = target_of(table), []
    for person in np.unique(table.subject):
        out = table.subject == person
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        model.fit(table.features[~out], y[~out])
        scores.append(balanced_accuracy_score(y[out], model.predict(table.features[out])))
    return np.array(scores)
