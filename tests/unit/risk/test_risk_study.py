"""The study's pipeline, window by window, and what its split hides."""

import numpy as np
import pytest

from rafr.risk.study.pipeline import LENGTH, STEP, classifiers, cleaning, emg_windows, imu_windows, run_study


def test_cleaning_fills_clips_and_standardises():
    x = np.random.default_rng(0).normal(5.0, 2.0, (1000, 2))
    x[3, 0], x[4, 1] = np.nan, 500.0
    y = cleaning().fit_transform(x)
    np.testing.assert_allclose([y.mean(axis=0), y.std(axis=0)], [[0, 0], [1, 1]], atol=1e-9)
    assert y[3, 0] == pytest.approx(0.0, abs=0.01)
    raw = (x[:, 1] - x[:, 1].mean()) / x[:, 1].std()
    clipped = np.clip(raw, -3.0, 3.0)
    np.testing.assert_allclose(y[:, 1], (clipped - clipped.mean()) / clipped.std())


def test_features_are_those_of_a_plain_loop(lifters):
    w = emg_windows(lifters[:2])
    counts = [(r.emg.shape[1] - LENGTH) // STEP + 1 for r in lifters[:2]]
    assert len(w.label) == sum(counts)
    cleaned = cleaning().fit_transform(np.concatenate([r.emg for r in lifters[:2]], axis=1).T).T
    n, k = lifters[0].emg.shape[1], 5
    part = cleaned[1, n + k * STEP : n + k * STEP + LENGTH]  # second recording, left biceps
    row = dict(zip(w.names, w.features[counts[0] + k], strict=True))
    expected = [part.mean(), part.max(), part.min(), part.std(), np.sqrt(np.mean(part**2))]
    found = [row[f"left_biceps {s}"] for s in ("mean", "max", "min", "std", "rms")]
    assert found == pytest.approx(expected)


def test_imu_features_are_peak_range_mean_and_total(lifters):
    w = imu_windows(lifters[:1])
    six = np.concatenate([lifters[0].acc, lifters[0].gyro], axis=1).reshape(24, -1)
    size = np.linalg.norm(cleaning().fit_transform(six.T).T[9:12, :LENGTH], axis=0)  # left biceps, gyroscope
    row = dict(zip(w.names, w.features[0], strict=True))
    found = [row[f"left_biceps gyro {s}"] for s in ("peak", "range", "mean", "total")]
    assert found == pytest.approx([size.max(), np.ptp(size), size.mean(), size.sum()])


def test_the_classifiers_are_the_studys():
    logistic, forest = classifiers().values()
    assert (logistic.solver, logistic.random_state) == ("liblinear", 42)
    assert (forest.n_estimators, forest.random_state) == (100, 42)


@pytest.mark.slow
def test_the_random_split_flatters_and_the_pictures_are_drawn(lifters, tmp_path):
    from rafr.risk.study import pictures

    two = [r for r in lifters if r.subject in ("P1", "P2")]
    windows = imu_windows(two)
    fitted = run_study(windows, "imu")
    forest = fitted[1].result
    assert forest["random_split"]["windows"] == pytest.approx(0.3 * len(windows.label), abs=1)
    assert forest["random_split"]["accuracy"] > forest["leave_one_subject_out"]["accuracy"]
    pictures.save_roc(tmp_path / "roc.png", fitted, "t")
    pictures.save_confusion(tmp_path / "confusion.png", fitted, "t")
    pictures.save_components(tmp_path / "components.png", {"imu": windows}, "t")
    pictures.save_tree(tmp_path / "tree.png", fitted[1], windows.names, "t")
    assert {p.name for p in tmp_path.iterdir()} == {"roc.png", "confusion.png", "components.png", "tree.png"}
