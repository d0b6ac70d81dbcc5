"""What a run reports: rows, goals, failures, packages and machine."""

import json

import numpy as np

from rafr import __version__
from rafr.bench.measure import Setting
from rafr.bench.run import missing_peers


def row(report, name):
    return next(r for r in report["measures"] if r["name"] == name)


def test_a_row_has_both_values_their_ratio_and_the_verdict(bench):
    report = bench(Setting(quick=True, seed=1))
    fast = row(report, "room.fast")
    assert fast["seeds"] == [1, 2]
    assert fast["n"] == 2
    assert fast["value"] == {"q05": 2.05, "q50": 2.5, "q95": 2.95}
    assert fast["peer"]["value"]["q50"] == 5.0
    assert fast["peer"]["version"] == np.__version__
    assert fast["ratio"]["q95"] == 0.5
    assert fast["goal"] == {"of": "ratio", "quantile": 0.5, "limit": 1.0, "reached": True}
    assert 0.0 <= fast["trial_cpu_seconds"] < 1.0
    assert row(bench(Setting(quick=False)), "room.fast")["n"] == 4


def test_a_missed_goal_and_a_failure_are_reasons_and_a_peer_that_is_absent_is_none(bench):
    report = bench(Setting(quick=True))
    assert row(report, "other.alone")["goal"]["reached"] is None
    assert row(report, "other.alone")["peer"]["value"] is None
    assert report["failed"] == [{"name": "other.broken", "reason": "the way is barred"}]
    assert report["assessment"] == {
        "accepted": False,
        "reasons": [
            "room.rate: 5 % quantile 1.05 1/s, at least 3 wanted",
            "other.broken could not be measured: the way is barred",
        ],
    }
    assert report["missing_peers"] == [{"name": "nobody's", "install": "pip install nothing"}]


def test_goals_that_are_reached_are_accepted(bench, trials):
    fast = trials[0].measures[0]
    assert bench(Setting(quick=True), fast)["assessment"] == {"accepted": True, "reasons": []}


def test_only_what_is_asked_for_is_run_and_reported(bench, trials):
    report = bench(Setting(quick=True), trials[0].measures[1])
    assert [r["name"] for r in report["measures"]] == ["room.rate"]
    assert report["failed"] == []


def test_packages_machine_and_load_are_said(bench):
    report = json.loads(json.dumps(bench(Setting(quick=True)), allow_nan=False))
    assert report["versions"]["rafr"] == __version__
    assert report["versions"]["numpy"] == np.__version__
    assert report["versions"]["python"].startswith("3.")
    assert report["machine"]["cores"] >= 1
    assert report["machine"]["load_start"] >= 0.0
    assert report["machine"]["load_end"] >= 0.0
    assert report["machine"]["cpu"]


def test_a_peer_that_several_measures_lack_is_named_once(trials):
    alone = trials[1].measures[0]
    assert missing_peers((alone, alone)) == [{"name": "nobody's", "install": "pip install nothing"}]
