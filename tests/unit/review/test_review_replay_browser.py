"""A replay in a real browser: a person plays it, jumps to a hold and sees the numbers of that time."""

import threading

import numpy as np
import pytest

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.review.operation import Operation
from rafr.review.page import ReviewPage
from rafr.review.recorded import Recorded
from rafr.review.replay import TOPICS, Playback, Replay, set_up
from rafr.review.theatre import Surroundings
from rafr.robot.description import urdf_text
from rafr.robot.shapes import robot_shapes
from rafr.room import R_WORLD_SUPINE, OperatingRoom


def box(x) -> TriangleMesh:
    import trimesh

    mesh = trimesh.creation.box((40.0, 30.0, 50.0))
    return TriangleMesh(np.asarray(mesh.vertices) + np.array([x, 0.0, 0.0]), np.asarray(mesh.faces))


@pytest.fixture
def replayed(recorded_run, case_of_run):
    """The page of a replay that runs."""
    recorded = Recorded(recorded_run, TOPICS, "/rafr")
    set_up(recorded)
    room, urdf = OperatingRoom.from_yaml(), urdf_text()
    lying = RigidTransform(R_WORLD_SUPINE, np.array([0.0, 0.0, room.table.height + room.pelvis_height]))
    around = Surroundings(room, robot_shapes(urdf), lying)
    page = ReviewPage("replay", {"reference": box(0.0), "wing": box(60.0)}, surroundings=around)
    operation = Operation(page, case_of_run, {}, around, urdf, print)
    player = Playback(Replay(recorded, page, operation, case_of_run, {}), page)
    running = threading.Thread(target=player.run)
    running.start()
    yield page
    player.end()
    running.join(30.0)
    page.close()
    recorded.close()


@pytest.mark.slow
def test_a_person_plays_an_operation_and_jumps_to_a_hold(replayed, browser, tmp_path):
    browser.open(replayed.url)
    browser.wait("document.body.innerText.includes('0:00.0 of 0:15.0, standing')")
    assert browser.run("document.body.innerText.includes('0 of 300 N')")
    assert not browser.run("document.body.innerText.includes('Approve exactly')")
    browser.click_button("play")
    browser.wait("document.body.innerText.includes('playing')")
    browser.wait("/[1-9][0-9]* of 300 N/.test(document.body.innerText)")
    browser.click_button("pause")
    browser.wait("document.body.innerText.includes('standing')")
    # from wherever it stands to the hold
    for _ in range(20):
        if browser.run("document.body.innerText.includes('holding wing')"):
            break
        before = browser.run("document.body.innerText.match(/[0-9]:[0-9.]+ of/)[0]")
        browser.click_button("next event")
        browser.wait(f"!document.body.innerText.includes({before!r})")
    browser.wait("document.body.innerText.includes('0:10.0 of 0:15.0')")
    browser.wait("document.body.innerText.includes('100 of 300 N')")
    browser.wait("document.body.innerText.includes('the fragment was not tracked')")
    assert browser.run("document.body.innerText.includes('Approved by Dr. Who')")
    browser.screenshot(tmp_path / "replay.png")
