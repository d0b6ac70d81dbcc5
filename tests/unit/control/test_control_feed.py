"""Joint states are believed by the reader's own clock only."""

import numpy as np
import pytest

from rafr.control.feed import JointFeed

Q = np.arange(6.0)


def fed(offsets, period=0.01):
    """(feed, last tick) after joint states whose stamps are off by these."""
    feed, tick = JointFeed(), None
    for k, offset in enumerate(offsets):
        now = 100.0 + k * period
        tick = feed.take(now + offset, Q, now)
    return feed, tick


def test_a_state_near_the_own_clock_is_taken_with_its_own_stamp():
    feed, (t, q) = fed([-0.02, -0.09, 0.05])
    assert t == pytest.approx(100.07)
    assert np.array_equal(q, Q)
    assert feed.complaint == ""


@pytest.mark.parametrize(
    ("offset", "said"),
    [(5.0, "5.00 s ahead"), (-5.0, "5.00 s late"), (-3 * 3600.0, "180 min late"), (np.nan, "without a time")],
)
def test_a_state_of_another_time_is_no_news_and_is_said_once_it_lasts(offset, said):
    feed, (t, q) = fed([0.0, offset])
    assert t == pytest.approx(100.01), "time goes on by the own clock"
    assert np.isnan(q).all()
    assert feed.complaint == "", "one is not believed, but nothing to stop for"
    feed, _ = fed([0.0, *[offset] * 5])
    assert said in feed.complaint
    feed, _ = fed([0.0, *[offset] * 5, 0.0])
    assert feed.complaint == ""


def test_silence_begins_after_the_first_state_and_lasts_until_the_next():
    feed = JointFeed()
    assert not feed.silent(1e3)
    feed.take(1.0, Q, 1.0)
    assert not feed.silent(1.04)
    assert feed.silent(1.06)
