"""The paper's statistics from its own table, and ranking under uncertainty."""

import numpy as np
import pytest

from rafr.fixation.study.published import DISPLACEMENT_MM, point_statistics
from rafr.fixation.study.ranking import rank, recommendation

PATIENTS = np.random.default_rng(0).normal(0.65, 0.1, 200)
NOISE = np.random.default_rng(1).normal(0.0, 1.0, 200)


def test_the_papers_statistics_come_out_of_its_table():
    found = point_statistics(DISPLACEMENT_MM)
    assert found.mean_mm == pytest.approx({"SDS1EDS2": 0.6578, "L5SDS1": 0.6266, "L5EDS2": 0.6684})
    # by hand: between 0.004637/2, within 0.040799/12
    between = 5 * np.var(list(found.mean_mm.values())) * 3
    within = sum(4 * sd**2 for sd in found.sd_mm.values())
    assert found.anova_f == pytest.approx((between / 2) / (within / 12))
    assert found.anova_p == pytest.approx(0.524, abs=5e-4)
    assert found.levene == pytest.approx(0.996, abs=5e-4)
    assert all(p > 0.05 for p in (*found.shapiro_wilk.values(), *found.kolmogorov_smirnov.values()))


@pytest.mark.parametrize(
    "table", [{"a": (1, 2, 3)}, {"a": (1, 2, 3), "b": (1, 1, 1)}, {"a": (1, 2), "b": (3, 4)}]
)
def test_tables_without_spread_are_refused(table):
    with pytest.raises(ValueError, match=r"needed|needs"):
        point_statistics(table)


def test_what_all_schemes_share_does_not_hide_a_difference():
    ranking = rank({"loose": PATIENTS + 0.05, "tight": PATIENTS + 0.001 * NOISE}, relevant_mm=0.02)
    assert ranking.order == ("tight", "loose")
    d = ranking.difference("tight", "loose")
    assert d.median_mm == pytest.approx(0.05, abs=5e-4)
    assert d.effect > 20  # though patients vary by 0.1 mm
    assert (d.better, d.matters) == (1.0, 1.0)
    assert recommendation(ranking).startswith("tight holds best")


def test_a_sure_difference_that_does_not_matter_is_said_to_be_none():
    ranking = rank({"a": PATIENTS, "b": PATIENTS + 0.001}, relevant_mm=0.02)
    assert ranking.best == {"a": 1.0, "b": 0.0}
    assert "choose by other reasons" in recommendation(ranking)


def test_schemes_that_change_places_are_not_ranked():
    ranking = rank({"a": PATIENTS, "b": PATIENTS + 0.05 * NOISE}, relevant_mm=0.02)
    assert recommendation(ranking).startswith("No scheme holds best")
    assert sum(ranking.best.values()) == pytest.approx(1.0)


def test_equal_schemes_share_the_first_place():
    ranking = rank({"a": PATIENTS, "b": PATIENTS}, relevant_mm=0.02)
    assert ranking.best == {"a": 0.5, "b": 0.5}
    assert (ranking.differences[0].better, ranking.differences[0].effect) == (0.5, 0.0)


def test_one_draw_says_how_much_but_not_how_sure():
    ranking = rank({"a": [0.5], "b": [0.6], "c": [0.55]}, relevant_mm=0.02)
    assert ranking.order == ("a", "c", "b")
    assert ranking.difference("a", "b").effect == np.inf


@pytest.mark.parametrize(
    "table", [{"a": [1.0]}, {"a": [1.0], "b": [1.0, 2.0]}, {"a": [np.nan], "b": [1.0]}, {"a": [], "b": []}]
)
def test_draws_that_cannot_be_paired_are_refused(table):
    with pytest.raises(ValueError, match=r"needed|finite"):
        rank(table, relevant_mm=0.02)
