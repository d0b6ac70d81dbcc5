"""The line about the drill: of the nearest pin or screw, and silent while there is no drill."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rafr.cases.case import Body, Case, SchantzPin
from rafr.geometry import RigidTransform
from rafr.registration.live import Sighting
from rafr.review.drilling import Drilling
from rafr.review.readout import Numbers, readout_html

PIN = SchantzPin(np.array([0.0, 100.0, 0.0]), np.array([0.0, 0.0, -1.0]), 50.0)
BODIES = (Body("reference", (1,)), Body("wing", (11,)))
SCHEME = """
name: mine
screws:
  - {name: S1, kind: si-standard, entry_mm: [0, 0, 0], tip_mm: [0, 0, -80]}
"""


@pytest.fixture
def case(tmp_path):
    none = Path("none.nii.gz")
    return Case(tmp_path, "box", none, none, None, BODIES)


def sighting(tip_y, *hidden):
    """Every marker and CT at one place; the drill (tip 0.15 m along its z) points down, 10 mm deep."""
    down = RigidTransform.from_rotvec([np.pi, 0.0, 0.0])
    tools = {
        "reference": RigidTransform.identity(),
        "fragment_wing": RigidTransform.identity(),
        "drill": RigidTransform(down.rotation, np.array([0.0, tip_y, 0.14])),
    }
    registered = {name: RigidTransform.identity() for name in ("reference", "wing")}
    return Sighting({n: T for n, T in tools.items() if n not in hidden}, registered, None)


def test_the_drill_is_led_to_the_pin_it_is_near(case):
    drilling = Drilling(case, lambda body: (PIN,), print)

    text = drilling.text(sighting(0.102), ["wing"])
    assert text.startswith("pin 1: axis 2.0 ± ")
    assert "0.0 ± " in text
    assert text.endswith("40 mm to go")


def test_screws_of_the_cases_scheme_are_followed_on_the_reference_body(case):
    (case.folder / "fixation.yaml").write_text(SCHEME)
    drilling = Drilling(case, lambda body: (PIN,), print)

    assert drilling.text(sighting(0.001), ["wing"]).startswith("S1: axis 1.0 ± ")
    assert drilling.text(sighting(0.001, "reference"), ["wing"]).startswith("pin 1")


def test_without_a_drill_nothing_is_said_and_no_pin_is_looked_for(case):
    def pins(body):
        raise AssertionError("looked for")

    assert Drilling(case, pins, print).text(sighting(0.0, "drill"), ["wing"]) == ""


def test_a_bad_scheme_is_complained_about_once(case):
    (case.folder / "fixation.yaml").write_text("name: 3")
    said = []
    drilling = Drilling(case, lambda body: (PIN,), said.append)

    for _ in range(2):
        assert drilling.text(sighting(0.1), ["wing"]).startswith("pin 1")
    assert len(said) == 1
    assert "fixation.yaml" in said[0]


def test_the_line_is_on_the_page_only_where_there_is_one():
    assert "drill</span><b>S1: axis" in readout_html(replace(Numbers(), drill="S1: axis 1.0 mm off"))
    assert "drill" not in readout_html(Numbers())
