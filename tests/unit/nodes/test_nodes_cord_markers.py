"""The soft tissue as markers and back."""

import numpy as np
import pytest

from rafr.nodes.cord_markers import cord_markers
from rafr.review.cord_lines import drawn_cords
from rafr.review.tension import tension_colours
from rafr.simulation.cords import Cords


@pytest.fixture
def cords():
    rng = np.random.default_rng(1)
    return {
        "muscles": Cords(rng.normal(size=(5, 2, 3)), np.array([0.0, 3.0, 20.0, 90.0, 500.0])),
        "traction": Cords(np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, -0.9]]]), np.array([148.4])),
    }


def test_lines_and_their_colours_arrive_as_they_were_sent(cords):
    lines, _ = drawn_cords(cord_markers(cords))
    assert set(lines) == {"muscles", "traction"}
    for kind, cord in cords.items():
        assert lines[kind].segments == pytest.approx(cord.segments)
        for end in range(2):
            # messages carry single precision
            assert lines[kind].colours[:, end] == pytest.approx(tension_colours(cord.tensions), abs=1e-6)


def test_the_traction_is_written_beside_its_cord(cords):
    _, (text, place) = drawn_cords(cord_markers(cords))
    assert text == "traction 148 N"
    assert -0.9 < place[2] < 0.0
    assert drawn_cords(cord_markers({"muscles": cords["muscles"]}))[1] is None


def test_every_marker_is_drawn_with_the_bones_and_replaces_its_predecessor(cords):
    markers = cord_markers(cords).markers
    assert {m.header.frame_id for m in markers} == {"pelvis"}
    assert len({(m.ns, m.id) for m in markers}) == len(markers) == 3
