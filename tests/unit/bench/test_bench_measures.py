"""Values, ratios and goals; what is said of a peer that is not there."""

import numpy as np
import pytest

from rafr.bench.measure import Better, Goal, Measure, Of, Peer, Samples, Setting, quantiles
from rafr.bench.registry import ROOMS, chosen, measures, trials
from rafr.errors import InputError


def test_quantiles_are_those_of_the_values():
    assert quantiles(np.arange(101.0)) == {"q05": 5.0, "q50": 50.0, "q95": 95.0}


def test_pairs_have_a_ratio_each_and_others_one_of_their_medians():
    ours, peer = np.array([1.0, 2.0, 9.0]), np.array([2.0, 2.0, 3.0])
    assert Samples(ours, (0,), peer).ratios().tolist() == [0.5, 1.0, 3.0]
    assert Samples(ours, (0,), peer[:2]).ratios().tolist() == [0.5, 1.0]
    assert Samples(ours, (0,), np.array([4.0, 8.0]), paired=False).ratios().tolist() == [2.0 / 6.0]
    assert Samples(ours, (0,)).ratios() is None


def test_a_pair_without_ours_is_refused():
    with pytest.raises(ValueError, match="1 values of ours, 2 of the peer"):
        Samples(np.ones(1), (0,), np.ones(2))


@pytest.mark.parametrize(("better", "reached"), [(Better.LOWER, True), (Better.HIGHER, False)])
def test_a_goal_is_a_bound_in_the_direction_that_is_better(better, reached):
    measure = Measure("a.b", "", "s", goal=Goal(Of.VALUE, 0.5, 2.0), better=better)
    assert measure.reached({"q50": 1.5}) is reached
    assert measure.reached({"q50": 2.0}) is True


def test_a_goal_at_a_quantile_that_no_report_has_is_refused():
    with pytest.raises(ValueError, match=r"0\.99"):
        Goal(Of.VALUE, 0.99, 1.0)


def test_a_peer_is_found_by_its_module_or_its_program():
    assert Peer("scipy's", module="scipy", distribution="scipy").found
    assert Peer("scipy's", module="scipy", distribution="scipy").version[0].isdigit()
    absent = Peer("nobody's", module="rafr_no_such_module", distribution="rafr-no-such-package")
    assert not absent.found
    assert absent.version is None
    assert not Peer("a program", program="rafr-no-such-program").found
    assert Peer("a shell", program="sh").found


def test_a_full_run_has_the_seeds_of_the_quick_one_and_more():
    assert Setting(quick=True, seed=3).seeds(2, 4) == (3, 4)
    assert Setting(quick=False, seed=3).seeds(2, 4) == (3, 4, 5, 6)


def test_every_room_measures_something_under_a_name_of_its_own():
    names = [m.name for m in measures()]
    assert len(names) == len(set(names))
    assert {m.room for m in measures()} == set(ROOMS)
    assert all(m.goal is None or m.goal.of is not Of.RATIO or m.peer is not None for m in measures())
    assert all(m.peer is None or not m.peer.module or m.peer.install for m in measures())


def test_measures_are_chosen_by_name_or_room_each_once():
    everything = chosen(())
    assert everything == measures()
    first = everything[0]
    assert chosen((first.name, first.room)) == tuple(m for m in everything if m.room == first.room)
    assert chosen((first.name,)) == (first,)
    with pytest.raises(InputError, match=r"there is no measure 'nothing'.*registration"):
        chosen(("nothing",))


def test_every_trial_gives_its_measures_to_one_room():
    assert all(len({m.room for m in trial.measures}) == 1 for trial in trials())
