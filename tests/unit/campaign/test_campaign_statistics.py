"""Shares, quantiles and goals against closed forms."""

import json
from dataclasses import replace

import numpy as np
import pytest

from rafr.campaign.result import PatientResult
from rafr.campaign.statistics import distribution, share, summary, worst_cases


def goal(found, name):
    return next(g for g in found["goals"] if g["name"].startswith(name))


def test_a_share_of_none_has_the_exact_upper_bound():
    # Clopper-Pearson of 0 in n: 1 - 0.025^(1/n)
    assert share(0, 22)["interval"] == pytest.approx([0.0, 1.0 - 0.025 ** (1 / 22)])
    assert share(22, 22)["interval"] == pytest.approx([0.025 ** (1 / 22), 1.0])
    assert share(0, 0)["share"] is None


def test_a_distribution_is_that_of_its_values():
    values = np.random.default_rng(0).normal(2.0, 0.5, 200)
    found = distribution(values)
    assert found["mean"] == pytest.approx(values.mean())
    assert found["sd"] == pytest.approx(values.std(ddof=1))
    assert found["p95"] == pytest.approx(np.quantile(values, 0.95))
    assert found["max"] == values.max()
    # of many values the bootstrap's interval of a mean is the normal one
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert found["intervals"]["mean"] == pytest.approx([found["mean"] - half, found["mean"] + half], abs=0.01)
    assert distribution(values)["intervals"] == found["intervals"]


def test_few_values_have_no_spread_and_none_have_nothing():
    assert distribution([1.5])["sd"] is None
    assert distribution([1.5])["intervals"]["mean"] is None
    assert distribution([])["mean"] is None


def test_goals_are_reached_when_all_patients_are_well_reduced(reduced):
    found = summary([reduced(n, mm=0.3 + 0.01 * n) for n in range(20)])
    assert found["reached"]
    assert all(g["reached"] for g in found["goals"])
    assert goal(found, "mean residual, mm")["shown"]
    # 20 of 20 leave room for one in six who is not: reached, not shown
    assert not goal(found, "Matta")["shown"]


def test_who_is_refused_is_not_excellent_but_has_no_residual(reduced, refused):
    found = summary([*(reduced(n) for n in range(9)), refused(9)])
    assert goal(found, "Matta")["value"] == pytest.approx(0.9)
    assert not found["reached"]
    assert found["quantities"]["residual_mm"]["n"] == 9
    assert found["matta"]["of_reduced"]["excellent"]["share"] == 1.0
    assert found["outcomes"]["refused"]["count"] == 1


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"mm": 1.4}, "mean residual, mm"),
        ({"deg": 1.4}, "mean residual, degrees"),
        ({"matta_mm": 4.5}, "Matta"),
        ({"force": 301.0}, "patients with a force"),
    ],
)
def test_each_goal_can_be_missed_by_itself(reduced, change, name):
    found = summary([reduced(n, **change) for n in range(5)])
    assert [g["name"] for g in found["goals"] if not g["reached"]] == [goal(found, name)["name"]]


def test_a_few_bad_ones_miss_the_percentile_alone(reduced):
    found = summary([reduced(n, mm=3.0 if n < 2 else 0.3) for n in range(20)])
    assert [g["name"] for g in found["goals"] if not g["reached"]] == ["95th percentile of the residual, mm"]


@pytest.mark.parametrize(("n", "shown"), [(71, False), (72, True)])
def test_a_percentile_is_shown_by_enough_patients_alone(reduced, n, shown):
    # order statistics, two-sided: 0.95^n < 0.025 from n = 72 on
    found = summary([reduced(k, mm=0.4 + 1e-3 * k) for k in range(n)])
    assert goal(found, "95th percentile")["reached"]
    assert goal(found, "95th percentile")["shown"] == shown


def test_who_was_never_held_felt_no_force(reduced, refused):
    never = replace(refused(1), peak_force_n=0.0)
    found = summary([reduced(0, force=80.0), never])
    assert found["quantities"]["peak_force_n"]["n"] == 1
    assert goal(found, "patients with a force")["n"] == 1


def test_of_two_bodies_the_worse_one_counts_and_both_must_be_known(reduced):
    one = reduced(0, mm=0.4)
    worse = replace(one.bodies[0], name="right_hemipelvis", residual_mm=0.9, matta="good", matta_mm=5.0)
    both = replace(one, bodies=(*one.bodies, worse))
    assert both.worst("residual_mm") == 0.9
    assert both.grade == "good"
    unknown = replace(both, bodies=(*one.bodies, replace(worse, residual_mm=None, matta=None)))
    assert unknown.worst("residual_mm") is None
    assert unknown.grade is None


def test_reasons_are_counted_whatever_their_numbers_and_sides(refused):
    found = summary(
        [
            refused(0, "left_hemipelvis: 1.72 mm expected, limit 1.50 mm"),
            refused(1, "right_hemipelvis: 1.61 mm expected, limit 1.50 mm"),
            refused(2, "no way to the pins", outcome="held"),
        ]
    )
    first = found["reasons"][0]
    assert (first["outcome"], first["count"]) == ("refused", 2)
    assert first["reason"] == "hemipelvis: # mm expected, limit # mm"
    assert len(found["reasons"]) == 2


def test_the_kinds_of_fracture_are_told_apart(reduced, refused):
    found = summary([reduced(0), reduced(1, mm=0.9), refused(2)])
    assert sum(kind["n"] for kind in found["by_fracture"].values()) == 3
    assert set(found["by_fracture"]) <= {"denis2", "rami"}


def test_statistics_are_json_and_results_survive_it(reduced, refused):
    results = [reduced(0), refused(1)]
    json.dumps(summary(results), allow_nan=False)
    assert [PatientResult.from_json(json.loads(json.dumps(r.to_json()))) for r in results] == results


def test_the_worst_are_those_not_reduced_then_the_largest_residuals(reduced, refused):
    results = [reduced(0, mm=0.2), reduced(1, mm=0.8), refused(2), reduced(3, mm=0.5)]
    assert [r.patient.number for r in worst_cases(results, 3)] == [2, 1, 3]
