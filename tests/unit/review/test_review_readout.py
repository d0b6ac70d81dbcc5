"""The numbers beside the live picture."""

import math

from rafr.review.readout import Numbers, readout_html

REDUCING = Numbers(
    phase="temporary_fixation",
    arm="REDUCING",
    body="left_wing",
    progress=0.25,
    distance=0.0123,
    angle=math.radians(4.56),
    force=84.4,
    torque=5.26,
    force_limit=300.0,
    torque_limit=25.0,
    traction="108 N",
)


def test_every_number_is_there_in_the_units_a_surgeon_reads():
    html = readout_html(REDUCING)
    for text in ("temporary fixation", "reducing left wing", "25 %", "12.3 mm · 4.6°", "84 of 300 N"):
        assert text in html
    assert "5.3 of 25 N m" in html
    assert "traction (simulated)</span><b>108 N" in html


def test_what_is_not_known_is_not_shown():
    html = readout_html(Numbers(phase="registration"))
    assert not any(word in html for word in ("nan", "force", "torque", "target", "traction", "tracked"))
    assert "starting" in readout_html(Numbers())


def test_what_went_wrong_is_said_and_cannot_break_the_page():
    html = readout_html(Numbers(body="left_wing", tracked=False, reason="force > 300 N <b>"))
    assert "left wing is not tracked" in html
    assert "force &gt; 300 N &lt;b&gt;" in html


def test_the_bar_warns_near_the_limit_and_is_never_longer_than_its_frame():
    def bar(force):
        return readout_html(Numbers(force=force, force_limit=100.0))

    colours = {bar(f).split("background:")[2][:7] for f in (10.0, 90.0, 150.0)}
    assert len(colours) == 3
    assert "width:100%" in bar(1e4)
