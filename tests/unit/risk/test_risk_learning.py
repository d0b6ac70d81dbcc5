"""Splits that share nothing, probabilities that mean something, silence before the unknown."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.risk.features.table import WindowTable
from rafr.risk.learning.abstention import UNDECIDED, UNLIKE, Abstention
from rafr.risk.learning.classifier import LoadClassifier
from rafr.risk.learning.convolutions import RandomConvolutions
from rafr.risk.learning.importance import PermutationImportance, column_groups
from rafr.risk.learning.kinds import FUSIONS, KINDS
from rafr.risk.learning.measures import calibration_error, measures
from rafr.risk.learning.validation import (
    classes_of,
    evaluate,
    group_splits,
    leave_one_group_out,
    overlapping,
    random_split,
    time_blocks,
)

NAMES = ("emg a log_rms", "emg a mdf", "imu s acc mean", "imu s tilt std")


def windows(people=6, each=40, personal=3.0, effect=1.0, seed=0):
    """Windows that overlap by half; each person has an offset of his own, and the label moves two columns."""
    rng = np.random.default_rng(seed)
    subject = np.repeat([f"P{k}" for k in range(people)], each)
    label = np.tile(np.repeat(["Low", "High"], each // 2), people)
    noise = rng.normal(size=(people, 2, each // 2 + 1, 4))
    shared = (noise[:, :, :-1] + noise[:, :, 1:]).reshape(-1, 4)  # neighbours share half of it
    offset = np.repeat(personal * rng.normal(size=(people, 4)), each, axis=0)
    moved = effect * (label == "High")[:, None] * np.array([1.0, 0.0, 1.0, 0.0])
    start = np.tile(np.arange(each // 2) * 1.0, 2 * people)
    return WindowTable(shared + offset + moved, NAMES, label, subject, label, start, 2.0)


def test_left_out_people_share_no_window_and_a_random_split_shares_nearly_all():
    t = windows()
    for person, train, test in group_splits(t, t.subject):
        assert set(t.subject[test]) == {person}
        assert not set(t.subject[train]) & {person}
        assert not overlapping(t, train, test).any()
    at_random = random_split(t, LoadClassifier(NAMES, "logistic"))
    assert at_random["fusion"]["windows_sharing_samples_with_training"] > 0.8


def test_blocks_of_time_lose_the_windows_that_reach_into_the_next():
    t = windows(people=1, each=80)
    blocks = time_blocks(t, 4)
    assert np.bincount(blocks).tolist() == [20] * 4
    for _, train, test in group_splits(t, blocks):
        assert not overlapping(t, test, train).any()
        # an inner block loses a neighbour on both sides, in both trials
        assert 60 - 4 <= len(train) < 60


def test_labels_that_mean_nothing_look_learnable_only_by_a_random_split():
    """Who a window is of tells its label here, and new people are a coin toss."""
    rng = np.random.default_rng(3)
    t = windows(people=10, each=20, personal=4.0, effect=0.0)
    coin = dict(zip(np.unique(t.subject), rng.permutation(["Low", "High"] * 5), strict=True))
    names = ("emg a", "emg b", "emg c", "emg d")  # one source is enough
    t = replace(t, label=np.array([coin[s] for s in t.subject]), names=names)
    model = LoadClassifier(names, "trees", folds=2, size=20)
    assert random_split(t, model)["emg"]["balanced_accuracy"] > 0.8
    left_out = leave_one_group_out(t, model, t.subject)["emg"]
    assert left_out["pooled_balanced_accuracy"] < 0.65


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "convolutions"])
def test_every_kind_finds_an_effect_in_new_people(kind):
    t, new = (windows(personal=0.3, effect=3.0, seed=s) for s in (0, 1))
    model = LoadClassifier(NAMES, kind, folds=2, size=20).fit(t.features, t.label, t.subject)
    assert np.mean(model.predict(new.features) == new.label) > 0.8


def test_an_evaluation_tells_of_every_source_and_person():
    t = windows(people=4, personal=0.3, effect=3.0)
    result = evaluate(t, LoadClassifier(NAMES, "logistic", folds=2))
    assert list(result) == ["emg", "imu", "fusion"]
    assert result["fusion"]["leave_one_subject_out"]["balanced_accuracy"] > 0.8
    assert result["fusion"]["leave_one_block_out"] is None
    assert set(result["emg"]["leave_one_subject_out"]["by_group"]) == set(np.unique(t.subject))


def test_two_weak_sources_are_better_together():
    t, new = (windows(people=8, personal=0.2, effect=1.8, seed=s) for s in (0, 1))
    y = (new.label == "Low").astype(int)  # the classes' second, in the alphabet
    for fusion in FUSIONS:
        model = LoadClassifier(NAMES, "logistic", fusion, folds=2).fit(t.features, t.label, t.subject)
        auc = {s: measures(y, model.predict_proba(new.features, s)[:, 1])["roc_auc"] for s in model.heads_}
        assert auc["fusion"] > max(auc["emg"], auc["imu"]) + 0.03
        # nothing is trained that no view reads
        assert set(model.members_) == {"emg", "imu", *(["fusion"] if fusion == "features" else [])}
    with pytest.raises(ValueError, match="none of stacked, summed, features"):
        LoadClassifier(NAMES, "logistic", "voted").fit(t.features, t.label, t.subject)


def test_probabilities_are_calibrated_on_people_left_out():
    t = windows(people=12, each=60, personal=1.0, effect=1.5)
    grouped = LoadClassifier(NAMES, "trees", "features", size=30).fit(t.features, t.label, t.subject)
    new = windows(people=12, each=60, personal=1.0, effect=1.5, seed=9)
    y = (new.label == "High").astype(int)
    raw = grouped.members_["fusion"].predict_proba(new.features)
    high = list(grouped.classes_).index("High")
    chance = grouped.predict_proba(new.features)[:, high]
    assert calibration_error(y, chance) < 0.12
    assert np.mean((chance - y) ** 2) < np.mean((raw[:, high] - y) ** 2)


def test_one_person_is_judged_by_blocks_of_time():
    result = evaluate(
        windows(people=1, each=80, effect=3.0), LoadClassifier(NAMES, "logistic", folds=2), blocks=4
    )
    assert result["fusion"]["leave_one_subject_out"] is None
    assert len(result["fusion"]["leave_one_block_out"]["by_group"]) == 4


def test_convolutions_see_the_order_that_statistics_do_not():
    rng = np.random.default_rng(1)
    up = rng.integers(0, 2, 200)
    # a saw's teeth: slowly up and fast down, or the other way round, beginning anywhere
    phase = (np.arange(60) + rng.integers(0, 20, 200)[:, None]) % 20 / 10.0 - 1.0
    series = np.where(up[:, None] == 1, phase, -phase) + 0.2 * rng.normal(size=(200, 60))
    x = RandomConvolutions(1, seed=0).fit(series[:100]).transform(series)
    assert x.shape[1] == 84 * 3 * len(RandomConvolutions(1).fit(series[:100]).dilations_)
    assert (x >= 0).all()
    assert (x <= 1).all()
    from sklearn.linear_model import LogisticRegression

    head = LogisticRegression(max_iter=2000).fit(x[:100], up[:100])
    assert head.score(x[100:], up[100:]) > 0.9


def test_convolutions_are_those_of_a_plain_loop():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3, 2 * 40))
    model = RandomConvolutions(2, per_dilation=5, biases=2, seed=1).fit(x)
    weights, bias, d = model.weights_[1], model.biases_[1], int(model.dilations_[1])
    series = x.reshape(3, 2, 40)
    kernel = weights.reshape(5, 2, 9)
    share = np.array(
        [
            [
                np.mean(
                    [
                        (series[n][:, p : p + 8 * d + 1 : d] * kernel[k]).sum() > bias[k, 1]
                        for p in range(40 - 8 * d)
                    ]
                )
                for k in range(5)
            ]
            for n in range(3)
        ]
    )
    # per dilation: all kernels with the first bias, then with the second
    np.testing.assert_allclose(model.transform(x)[:, 10 + 5 : 10 + 10], share, atol=1e-12)


def test_new_people_of_the_same_kind_are_rarely_refused_and_others_always():
    t = windows(people=15, personal=0.5)
    y = (t.label == "High").astype(int)
    guard = Abstention(unlike=0.02).fit(t.features, y, np.where(y == 1, 0.8, 0.2), t.subject)
    new = windows(people=15, personal=0.5, seed=4)
    assert np.mean(guard.likeness(new.features) < 0.02) < 0.06  # people differ: not exactly two in a hundred
    assert (guard.likeness(new.features + 30.0) < 0.02).all()
    assert set(guard.reasons(new.features + 30.0, np.full(len(new), 0.9))) == {UNLIKE}


def test_answers_hold_the_truth_as_often_as_promised():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 2000)
    chance = 1 / (1 + np.exp(-(2.0 * (2 * y - 1) + 2.0 * rng.normal(size=2000))))
    x = rng.normal(size=(2000, 3))
    for miss in (0.05, 0.2):
        guard = Abstention(miss=miss).fit(x[:1000], y[:1000], chance[:1000])
        held = guard.answers(chance[1000:])[np.arange(1000), y[1000:]]
        for k in (0, 1):
            assert held[y[1000:] == k].mean() > 1 - miss - 0.04
        if miss == 0.05:  # at 20 % the likelier answer alone does better than promised
            assert held.mean() == pytest.approx(1 - miss, abs=0.03)
    unsure = Abstention(miss=0.05).fit(x, y, chance).reasons(np.zeros((1, 3)), np.array([0.5]))
    assert unsure == [UNDECIDED]


def test_importance_falls_on_the_columns_that_carry_the_effect():
    t = windows(people=4, personal=0.2, effect=4.0)
    x = t.features.copy()
    x[:, 2] = np.random.default_rng(0).normal(size=len(t))  # the IMU carries nothing
    t = replace(t, features=x)
    importance = PermutationImportance(t)
    leave_one_group_out(t, LoadClassifier(NAMES, "logistic", folds=2), t.subject, look=importance.look)
    found = importance.result()
    assert found["emg amplitude"]["drop"] > 0.2
    assert abs(found["imu s"]["drop"]) < 0.05
    assert next(iter(found)) in ("emg a", "emg amplitude")
    assert column_groups(NAMES)["emg spectrum"] == [1]


def test_measures_are_those_of_the_definitions():
    y, p = np.array([0, 0, 0, 1, 1]), np.array([0.1, 0.6, 0.2, 0.9, 0.4])
    m = measures(y, p)
    assert m["confusion"] == [[2, 1], [1, 1]]
    assert m["accuracy"] == pytest.approx(0.6)
    assert m["balanced_accuracy"] == pytest.approx(0.5 * (2 / 3 + 1 / 2))
    assert m["mse"] == pytest.approx(0.4)
    assert m["rmse"] == pytest.approx(np.sqrt(0.4))
    assert m["r2"] == pytest.approx(1 - 2 / 1.2)
    assert m["brier"] == pytest.approx(np.mean((p - y) ** 2))
    assert calibration_error(np.array([0, 1]), np.array([0.0, 1.0])) == 0.0
    assert measures(np.zeros(2, int), np.zeros(2))["roc_auc"] is None


def test_labels_must_be_two():
    t = windows()
    assert classes_of(t) == ("Low", "High")
    with pytest.raises(InputError, match="exactly two"):
        classes_of(replace(t, label=np.full(len(t), "Low")))
