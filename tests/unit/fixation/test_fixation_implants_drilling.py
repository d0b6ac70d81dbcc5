"""What is said of the drill: the nearest pin or screw, and words without numbers where nothing is known."""

from pathlib import Path

import numpy as np
import pytest

from rafr.cases.case import Body, Case, SchantzPin
from rafr.fixation.implants.drilling import Drilling
from rafr.geometry import RigidTransform
from rafr.registration.live import Sighting

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


def sighting(tip_y, *hidden, deep=0.01, registered=("reference", "wing"), errors=None):
    """Every marker and CT at one place; the drill (tip 0.15 m along its z) points down, 10 mm deep."""
    down = RigidTransform.from_rotvec([np.pi, 0.0, 0.0])
    tools = {
        "reference": RigidTransform.identity(),
        "fragment_wing": RigidTransform.identity(),
        "drill": RigidTransform(down.rotation, np.array([0.0, tip_y, 0.15 - deep])),
    }
    mounts = {name: RigidTransform.identity() for name in registered}
    return Sighting({n: T for n, T in tools.items() if n not in hidden}, mounts, None, errors or {})


def pins(body):
    return (PIN,)


def test_the_drill_is_led_to_the_pin_it_is_near(case):
    said = Drilling(case, pins, print).look(sighting(0.102))

    assert (said.target, said.body, said.sure) == ("pin 1", "wing", True)
    assert said.guidance.off_axis == pytest.approx(2e-3)
    assert said.text.startswith("pin 1: axis 2.0 ± ")
    assert said.text.endswith("40 mm to go")


def test_screws_of_the_cases_scheme_are_followed_on_the_reference_body(case):
    (case.folder / "fixation.yaml").write_text(SCHEME)
    drilling = Drilling(case, pins, print)

    assert drilling.look(sighting(0.001)).text.startswith("S1: axis 1.0 ± ")


def test_a_bone_that_is_hidden_or_not_registered_is_said_beside_the_next_best(case):
    (case.folder / "fixation.yaml").write_text(SCHEME)
    drilling = Drilling(case, pins, print)

    hidden = drilling.look(sighting(0.102, "fragment_wing"))
    assert hidden.text.startswith("S1: axis 102.0 ±")
    assert hidden.text.endswith("(wing not seen)")
    assert not hidden.sure
    unknown = drilling.look(sighting(0.102, registered=("reference",)))
    assert unknown.text.endswith("(wing not registered)")


def test_without_the_drill_or_any_bone_there_are_no_numbers(case):
    drilling = Drilling(case, pins, print)

    for shown, words in (
        (sighting(0.1, "drill"), "the drill is not seen"),
        (sighting(0.1, "fragment_wing"), "wing not seen"),
        (sighting(0.1, registered=()), "wing not registered"),
    ):
        said = drilling.look(shown)
        assert (said.text, said.guidance, said.target, said.sure) == (words, None, "", False)
    nothing = Drilling(case, lambda body: (), print).look(sighting(0.1))
    assert (nothing.text, nothing.guidance) == ("no pin or screw is planned", None)


def test_too_deep_is_not_sure(case):
    said = Drilling(case, pins, print).look(sighting(0.1, deep=0.052))

    assert "2 mm TOO DEEP" in said.text
    assert not said.sure


def test_the_error_a_registration_states_goes_into_the_spread(case):
    drilling = Drilling(case, pins, print)
    usual, good, poor = (
        drilling.look(sighting(0.1, errors=errors)).guidance.off_axis_sd
        for errors in ({}, {"wing": 1e-4}, {"wing": 5e-3})
    )

    assert good < usual < poor
    # rms over three axes, in quadrature with what is not the registration's
    rest = usual**2 - 1e-3**2
    assert poor**2 - rest == pytest.approx(5e-3**2 / 3)


def test_a_bad_scheme_is_complained_about_and_pins_are_led_to_all_the_same(case):
    (case.folder / "fixation.yaml").write_text("name: 3")
    said = []

    assert Drilling(case, pins, said.append).look(sighting(0.1)).text.startswith("pin 1")
    assert len(said) == 1
    assert "fixation.yaml" in said[0]
