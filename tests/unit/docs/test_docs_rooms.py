"""Rooms import one way, and the picture of the architecture shows today's imports."""

import picture_of_rooms as rooms
import pytest

EVERY = rooms.imports()


def test_imports_between_rooms_flow_one_way():
    assert max(rooms.floors(rooms.room_graph(EVERY)).values()) > 5  # raises where they run in a circle


@pytest.mark.parametrize("edge", [("planning.pictures", "review.page"), ("robot.driver", "control.arm")])
def test_an_import_against_the_flow_would_be_found(edge):
    with pytest.raises(ValueError, match="circle"):
        rooms.floors(rooms.room_graph(EVERY | {edge}))


def test_the_picture_shows_todays_imports():
    assert rooms.PICTURE.read_text(encoding="utf-8") == rooms.picture(), "run tools/picture_of_rooms.py"


def test_what_is_reached_by_way_of_another_room_has_no_line_of_its_own():
    graph = {"a": frozenset({"b", "c"}), "b": frozenset({"c"}), "c": frozenset()}
    assert rooms.direct(graph) == [("a", "b"), ("b", "c")]
    assert rooms.floors(graph) == {"c": 0, "b": 1, "a": 2}
