"""The pictures of the soft tissue: every cord with its own tension, where the bones are now."""

import numpy as np
import pytest

from rafr.simulation.cords import TRACTION, cords_of


@pytest.fixture(scope="module")
def bones(blocks):
    """At rest under traction; the pictures only look at them."""
    plant = blocks.clamped()
    plant.set_traction(120.0)
    for _ in range(40):
        plant.step(100)
    return plant.bones


def test_every_cable_is_drawn_with_its_own_tension(bones):
    cords = cords_of(bones)
    tissue, pose = bones.fragments["left"].tissue, bones.motions()["left"].pose
    pieces = sum(len(cable.points) - 1 for cable in tissue.cables)
    drawn = [c for kind, c in cords.items() if kind != TRACTION]
    assert sum(len(c.tensions) for c in drawn) == pieces
    assert all(c.segments.shape == (len(c.tensions), 2, 3) for c in drawn)
    bedding = np.array(tissue.names) == "bedding"
    assert cords["bedding"].tensions == pytest.approx(tissue.tensions(pose)[bedding])


def test_the_lines_run_through_the_cables_own_points(bones):
    tissue, pose = bones.fragments["left"].tissue, bones.motions()["left"].pose
    ends = np.concatenate([c.segments.reshape(-1, 3) for c in cords_of(bones).values()])
    for line in tissue.polylines(pose):
        for point in line:
            assert np.linalg.norm(ends - point, axis=1).min() < 1e-12


def test_the_traction_cord_leaves_the_hip_with_the_tension_it_has(bones):
    cord = cords_of(bones)[TRACTION]
    assert cord.tensions == pytest.approx([bones.tension()])
    assert cord.tensions[0] == pytest.approx(120.0, abs=10.0)
    pull = bones.traction.wrench(bones.motions()["left"].pose)[:3]
    along = cord.segments[0, 1] - cord.segments[0, 0]
    assert pull / np.linalg.norm(pull) == pytest.approx(along / np.linalg.norm(along))


def test_slack_traction_is_still_drawn(blocks):
    cord = cords_of(blocks.plant(docked=False).bones)[TRACTION]
    assert cord.tensions == pytest.approx([0.0])
