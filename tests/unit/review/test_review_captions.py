"""The words in the picture say every state, also the silent one, and do not rely on colour."""

import math

import pytest

from rafr.review.captions import Spoken, force_caption


def test_every_state_and_its_reason_is_a_line():
    said = Spoken(
        safety="stopped", reasons=["force", "tracker"], arm="holding", body="wing", arm_reason="stop",
        phase="reduction", message="reduce", unseen=["base", "probe"],
    )  # fmt: skip
    assert said.text.splitlines() == [
        "safety: stopped (force; tracker)",
        "arm: holding wing (stop)",
        "procedure: reduction (reduce)",
        "not seen: base, probe",
    ]


def test_who_is_not_heard_is_silent_and_not_calm():
    silent = Spoken()
    assert silent.text.count("silent") == 3
    assert silent.colour != Spoken(safety="ok").colour


def test_the_safety_states_differ_in_colour():
    assert len({Spoken(safety=s).colour for s in ("ok", "warning", "stopped")}) == 3


@pytest.mark.parametrize(
    ("force", "torque", "words"),
    [(42.3, 1.26, "42 N, 1.3 N m"), (math.nan, 1.0, "force not known"), (1.0, math.inf, "force not known")],
)
def test_a_force_is_a_number_or_not_known(force, torque, words):
    assert force_caption(force, torque) == words
