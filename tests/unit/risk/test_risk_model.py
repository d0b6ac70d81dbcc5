"""Models that are saved, refused when they do not fit, and silent when they cannot know."""

import io
import json
import zipfile

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.risk import model_file
from rafr.risk.features.table import WindowConfig, features_at
from rafr.risk.learning.classifier import LoadClassifier
from rafr.risk.model import Verdict, train
from rafr.risk.model_file import load, save
from rafr.risk.monitor import LoadJudge, MonitorConfig, replay

WINDOW = WindowConfig(length=2.0)


@pytest.fixture(scope="module")
def model(lifters, table):
    return train(
        table, lifters, WINDOW, LoadClassifier(table.names, "mixed", folds=2, size=15), synthetic=True
    )


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    file = tmp_path_factory.mktemp("model") / "lifting.rafr-risk"
    save(file, model)
    return file


def with_schema(path, tmp_path, **changes):
    """The same model under another schema."""
    other = tmp_path / "other.rafr-risk"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        schema = json.loads(old.read("schema.json"))
        for key, value in changes.items():
            schema[key] = value(schema[key])
        new.writestr("schema.json", json.dumps(schema))
        new.writestr("model.skops", old.read("model.skops"))
    return other


def test_a_model_that_was_saved_says_what_it_said(model, path, table):
    again = load(path)
    assert again.schema == model.schema
    assert again.schema.synthetic
    assert again.judge(table.features) == model.judge(table.features)
    assert list(path.parent.iterdir()) == [path]  # no half-written file beside it


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": lambda v: 99}, "format is 99"),
        ({"made_with": lambda v: {**v, "scikit-learn": "0.1.0"}}, "trained with scikit-learn 0.1.0"),
        ({"columns": lambda v: v[::-1]}, "columns are not those"),
        ({"window": lambda v: {**v, "colour": 1}}, "unknown key"),
        ({"window": lambda v: {**v, "length": -1.0}}, "length"),
        ({"emg_names": lambda v: v[:2]}, "columns are not those"),
        ({"emg_rate": lambda v: False}, "emg_rate is False"),
        ({"emg_rate": lambda v: 0.0}, "0 samples in a second"),
        ({"uses_reference": lambda v: "no"}, "uses_reference is 'no'"),
    ],
)
def test_another_schema_is_refused(path, tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        load(with_schema(path, tmp_path, **changes))


def test_files_that_are_no_models_are_refused(path, tmp_path):
    file = tmp_path / "model"
    with pytest.raises(InputError, match="cannot be read"):
        load(file)
    file.write_text("no zip")
    with pytest.raises(InputError, match="is no model"):
        load(file)
    file.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="is no model"):
        load(file)


def test_foreign_types_are_never_built(path, tmp_path):
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    other = tmp_path / "forged.rafr-risk"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        new.writestr("schema.json", old.read("schema.json"))
        new.writestr("model.skops", skops.io.dumps({"classifier": FunctionTransformer(io.open), "guard": 0}))
    with pytest.raises(InputError, match="foreign types"):
        load(other)


def test_trees_that_lead_nowhere_are_refused(path, tmp_path, monkeypatch):
    whole = load(path)
    forest = whole.classifier.members_["emg"]
    assert model_file._whole_trees(whole.classifier)
    state = forest.estimators_[0].tree_.__getstate__()
    state["nodes"]["left_child"][0] = 10**6
    forest.estimators_[0].tree_.__setstate__(state)
    assert not model_file._whole_trees(whole.classifier)
    save(tmp_path / "forged.rafr-risk", whole)
    with pytest.raises(InputError, match="does not belong"):
        load(tmp_path / "forged.rafr-risk")


def test_the_newest_window_of_a_stream_is_judged(model, lifters):
    r = lifters[1]
    verdict = model.assess(r.emg, r.acc, r.gyro, r.reference)
    last = r.duration - WINDOW.length
    (same,) = model.judge(features_at(r, np.array([last]), WINDOW))
    assert verdict.probability == pytest.approx(same.probability, abs=0.05)  # a sample more or less
    assert 0.0 <= verdict.probability <= 1.0


def test_what_cannot_be_judged_is_said_and_never_raised(model, lifters):
    r = lifters[0]
    bad = r.emg.copy()
    bad[2] = np.nan
    flat = r.acc.copy()
    flat[1] = 0.0
    clipped = np.clip(r.emg, -2e-5, 2e-5)
    for arrays, words in (
        ((bad, r.acc, r.gyro, r.reference), "EMG of right_deltoid lacks 100 %"),
        ((r.emg, flat, r.gyro, r.reference), "accelerometer x of left_biceps is flat"),
        ((clipped, r.acc, r.gyro, r.reference), "clipped"),
        ((r.emg[:, :100], r.acc, r.gyro, r.reference), "needed"),
        ((r.emg, None, None, r.reference), "accelerometer of shape"),
        ((r.emg, r.acc, r.gyro, None), "maximum contraction"),
    ):
        verdict = model.assess(*arrays)
        assert verdict.abstained
        assert np.isnan(verdict.probability)
        assert words in verdict.reason


def test_signals_of_something_else_are_refused_as_unlike(model, lifters):
    r, rng = lifters[0], np.random.default_rng(0)
    verdict = model.assess(2e-5 * rng.normal(size=r.emg.shape), r.acc, r.gyro, r.reference)
    assert verdict.abstained
    assert "unlike" in verdict.reason


def test_more_than_the_greatest_effort_means_a_wrong_reference(model, lifters):
    r = next(r for r in lifters if r.trial.startswith("High"))
    verdict = model.assess(10.0 * r.emg, r.acc, r.gyro, r.reference)
    assert verdict.abstained
    assert "times its greatest effort's: is the reference right?" in verdict.reason


def test_other_streams_are_refused_in_one_line(model):
    s = model.schema
    model.check_streams(s.emg_names, s.emg_rate, s.imu_names, s.imu_rate)
    with pytest.raises(InputError, match="EMG stream: its rate is 2000 Hz"):
        model.check_streams(s.emg_names, 2000.0, s.imu_names, s.imu_rate)
    with pytest.raises(InputError, match="IMU stream: its channels are none"):
        model.check_streams(s.emg_names, s.emg_rate, (), 0.0)


def test_one_person_is_not_enough_to_train(lifters, table):
    one = table.rows(table.subject == "P1")
    with pytest.raises(InputError, match="at least two people"):
        train(one, lifters, WINDOW, LoadClassifier(table.names), synthetic=True)


def verdicts(judge, probabilities):
    events = []
    for k, p in enumerate(probabilities):
        verdict = Verdict(0.5 if p is None else p, p is None, "unlike" if p is None else "")
        event = judge.update(0.5 * k, verdict)
        events += [] if event is None else [(event.time, event.kind)]
    return events


def test_the_judge_tells_changes_and_not_every_window():
    judge = LoadJudge(("Low", "High"), MonitorConfig())
    told = verdicts(judge, [0.1] * 4 + [0.9] * 8 + [0.55] * 8 + [0.1] * 8 + [None] * 5 + [0.1])
    assert [kind for _, kind in told] == ["light", "heavy", "light", "silent", "light"]
    assert told[1][0] > 2.0  # smoothed: not the first heavy window
    sooner = verdicts(LoadJudge(("Low", "High"), MonitorConfig(smoothing=0.0)), [0.1] * 4 + [0.9])
    assert sooner[1] == (2.0, "heavy")
    deaf = LoadJudge(("Low", "High"), MonitorConfig(raise_at=0.95, silent_after=9.0))
    assert [k for _, k in verdicts(deaf, [0.9] * 20 + [None] * 5)] == ["light"]


def test_a_replay_knows_nothing_of_what_comes(model, lifters):
    from dataclasses import replace

    r = lifters[2]
    cut = replace(r, emg=r.emg[:, : round(8 * r.emg_rate)], acc=r.acc[..., : round(8 * r.imu_rate)])
    cut = replace(cut, gyro=r.gyro[..., : round(8 * r.imu_rate)])
    whole = [e for e in replay(model, r) if e.time <= 7.5]
    assert whole == [e for e in replay(model, cut) if e.time <= 7.5]
    assert whole
