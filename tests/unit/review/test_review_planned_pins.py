"""Pins as planned, and whose are in."""

from types import SimpleNamespace

from rafr.errors import InfeasibleError
from rafr.review.planned_pins import PlannedPins, pins_done


def test_pins_are_found_once_and_a_body_without_a_place_is_complained_about_once(monkeypatch):
    asked, complaints = [], []

    def propose(_case, _meshes, body):
        asked.append(body)
        if body == "small":
            raise InfeasibleError(("no place",))
        return (f"pin of {body}",)

    monkeypatch.setattr("rafr.review.planned_pins.propose_pins", propose)
    pins = PlannedPins(None, {}, complaints.append)
    for _ in range(2):
        assert pins.of("wing") == ("pin of wing",)
        assert pins.of("small") == ()
    assert asked == ["wing", "small"]
    assert len(complaints) == 1
    assert "small" in complaints[0]
    assert "no place" in complaints[0]


def test_a_body_has_its_pins_once_their_phase_is_done():
    assert pins_done(None) == 0
    assert pins_done(SimpleNamespace(history=["pins: failed"])) == 0
    assert pins_done(SimpleNamespace(history=["pins: done", "approach: done", "pins: done"])) == 2
