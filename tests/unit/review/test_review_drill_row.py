"""The page's line about the drill: what was said just now, never an old number."""

from dataclasses import replace
from types import SimpleNamespace

from rafr.review.drill_row import drill_row
from rafr.review.readout import Numbers, readout_html

SAID = SimpleNamespace(status=[SimpleNamespace(message="pin 1: axis 2.0 ± 0.5 mm off")])


def test_what_is_fresh_is_shown_and_what_is_old_is_replaced_by_words():
    assert drill_row(SAID, 0.1) == "pin 1: axis 2.0 ± 0.5 mm off"
    assert drill_row(SAID, 3.2) == "no guidance for 3 s"


def test_nothing_is_shown_where_nothing_was_ever_heard():
    assert drill_row(None, float("inf")) == ""
    assert drill_row(SimpleNamespace(status=[]), 0.0) == ""


def test_the_line_is_on_the_page_only_where_there_is_one():
    row = drill_row(SAID, 0.0)
    assert "drill</span><b>pin 1: axis" in readout_html(replace(Numbers(), drill=row))
    assert "drill" not in readout_html(Numbers())
