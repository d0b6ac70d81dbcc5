"""The colours of tension: told apart from slack to the limit, the same in legend and picture."""

import re

import numpy as np
import pytest

from rafr.review.tension import FULL_SCALE, TICKS, legend_html, tension_colours, tension_share


def test_slack_is_grey_and_the_limit_and_all_above_red():
    slack, limit, above = tension_colours([0.0, FULL_SCALE, 10 * FULL_SCALE])
    assert np.ptp(slack) < 0.1
    assert limit[0] > 0.9
    assert limit[1:].max() < 0.2
    assert np.array_equal(limit, above)


@pytest.mark.parametrize(("tension", "channel"), [(25.0, 2), (100.0, 1), (400.0, 0)])
def test_blue_green_and_red_follow_each_other(tension, channel):
    assert np.argmax(tension_colours([tension])[0]) == channel


def test_the_scale_only_rises_and_its_ticks_are_even():
    share = tension_share(np.linspace(0.0, FULL_SCALE, 100))
    assert (np.diff(share) > 0).all()
    assert tension_share(TICKS) == pytest.approx(np.linspace(0.0, 1.0, len(TICKS)))


def test_a_few_newtons_of_a_muscle_differ_from_none():
    none, few = tension_colours([0.0, 5.0])
    assert np.abs(none - few).max() > 0.2


def test_the_legend_has_every_tick_and_the_pictures_colours():
    html = legend_html()
    assert re.findall(r"<span>(\d+)</span>", html) == [str(tick) for tick in TICKS]
    for r, g, b in (255 * tension_colours(TICKS)).round().astype(int):
        assert f"rgb({r}, {g}, {b})" in html
