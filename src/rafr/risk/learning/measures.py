"""How good predictions are: the study's measures and those that do not depend on how often a class occurs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from rafr.geometry.rigid_transform import FloatArray


def measures(truth: NDArray[np.int64], probability: FloatArray) -> dict[str, Any]:
    """Of (n,) classes 0, 1 and probabilities of 1; measures that need both classes are None without them."""
    chosen = (probability > 0.5).astype(int)
    both = len(np.unique(truth)) == 2
    error = float(np.mean((truth - chosen) ** 2))
    return {
        "windows": len(truth),
        "accuracy": float(metrics.accuracy_score(truth, chosen)),
        "balanced_accuracy": float(metrics.balanced_accuracy_score(truth, chosen)) if both else None,
        "precision": float(metrics.precision_score(truth, chosen, zero_division=0)),
        "recall": float(metrics.recall_score(truth, chosen, zero_division=0)),
        "f1": float(metrics.f1_score(truth, chosen, zero_division=0)),
        "mse": error,
        "rmse": float(np.sqrt(error)),
        "r2": float(metrics.r2_score(truth, chosen)) if both else None,
        "roc_auc": float(metrics.roc_auc_score(truth, probability)) if both else None,
        "brier": float(np.mean((probability - truth) ** 2)),
        "calibration_error": calibration_error(truth, probability),
        "confusion": metrics.confusion_matrix(truth, chosen, labels=[0, 1]).tolist(),
    }


def calibration_error(truth: NDArray[np.int64], probability: FloatArray, bins: int = 10) -> float:
    """Mean distance of predicted and observed share over bins of the probability, by windows (expected
    calibration error).
    """
    bin_of = np.minimum((probability * bins).astype(int), bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    difference = np.bincount(bin_of, probability - truth, minlength=bins)
    return float(np.abs(difference).sum() / count.sum())
