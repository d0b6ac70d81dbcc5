"""A winch that does not pull what it is asked for is found out, a sound one is left alone."""

import numpy as np
import pytest

from rafr.control.traction import TractionWatch, TractionWatchConfig

DT = 0.02  # s


def complaints(tension, asked=lambda t: 80.0, seconds=6.0, **options):
    """Every complaint with its time; `tension` and `asked` are N at a time."""
    watch, found = TractionWatch(TractionWatchConfig(**options)), []
    for t in np.arange(0.0, seconds, DT):
        watch.ask(asked(t))
        said = watch.complaint(tension(t), t)
        if said:
            found.append((t, said))
    return found


def wound_up(t):
    return min(40.0 * t, 80.0)


def test_a_winch_that_follows_with_friction_is_left_alone():
    assert complaints(lambda t: 1.06 * wound_up(t)) == []
    assert complaints(lambda t: 0.94 * wound_up(t) + 3.0 * np.sin(20 * t)) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [(lambda t: 0.0, "pulls 0 N where 80 N"), (lambda t: 80.0 + 400.0 * (t - 3.0), "N where 80 N")],
    ids=["broken", "runaway"],
)
def test_a_broken_cord_and_a_runaway_winch_are_named_within_a_tenth_of_a_second(after, said):
    found = complaints(lambda t: wound_up(t) if t < 3.0 else after(t))
    t, words = found[0]
    # s: the runaway's 400 N/s need 0.05 s to pass the tolerance, patience and two samples
    assert 3.0 < t <= 3.14
    assert said in words


def test_a_leg_that_moves_faster_than_the_winch_is_left_alone():
    def moving(t):
        """For half a second 46 mm/s towards the winch at 2.5 N/mm, while it reels in 40 N/s."""
        return min(wound_up(t), 80.0 - 75.0 * np.clip(t - 3.0, 0.0, 0.5) + 40.0 * max(t - 3.5, 0.0))

    assert complaints(moving) == []


def test_a_winch_that_stands_is_found_by_time():
    found = complaints(lambda t: min(wound_up(t), 50.0), seconds=8.0)
    assert 4.0 < found[0][0] < 5.5


def test_every_tunable_changes_what_is_said():
    def lagging(t):
        return min(10.0 * t, 80.0)

    assert complaints(lagging, rate=10.0) == []
    assert complaints(lagging, rate=80.0)
    assert complaints(lagging, rate=80.0, lasting=8.0) == []
    assert complaints(lambda t: wound_up(t) + 15.0, share=0.0)
    assert complaints(lambda t: wound_up(t) + 15.0, share=0.0, tolerance=20.0) == []
    assert complaints(lambda t: 1.3 * wound_up(t), share=0.3) == []

    def dips(t):
        return 0.0 if 3.0 < t < 3.1 else wound_up(t)

    assert complaints(dips)
    assert complaints(dips, patience=0.2) == []

    def falls(t):
        return wound_up(t) - 200.0 * min(max(t - 3.0, 0.0), 0.2)

    assert complaints(falls)
    assert complaints(falls, drift=200.0) == []
