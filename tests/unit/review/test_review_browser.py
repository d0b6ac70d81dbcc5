"""The review page in a real browser: a person looks, moves the slider, gives a name, and approves."""

import queue

import numpy as np
import pytest

from rafr.assessment import Assessment
from rafr.geometry import Plane, RigidTransform, TriangleMesh, screw_interpolate
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane
from rafr.review.page import Decision, ReviewPage

TARGET = RigidTransform.from_rotvec((0.0, 0.0, 0.2), (30.0, -3.0, 5.0))
# the last field to write in: viser keeps hidden ones of its own before ours, and not all name their type
NAME = "[...document.querySelectorAll('input')].filter(i => i.type === 'text' && !i.readOnly).at(-1)"
SLIDER = "document.querySelector('[role=slider]')"
# the part of the window that shows bones, left of the panel and below viser's own notices
BONES = (slice(200, 700), slice(20, 860))


def box(centre) -> TriangleMesh:
    import trimesh

    mesh = trimesh.creation.box((40.0, 30.0, 50.0))
    return TriangleMesh(np.asarray(mesh.vertices) + centre, np.asarray(mesh.faces))


def make_plan() -> ReductionPlan:
    poses = screw_interpolate(RigidTransform.identity(), TARGET, np.linspace(0, 1, 5))
    path = tuple(PathPose(T, 3.0 - i / 2, 10.0 * i, 1.0) for i, T in enumerate(poses))
    body = BodyPlan("left_wing", (11,), TARGET, 1.5, {}, {}, path)
    symmetry = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 1.2)
    return ReductionPlan("case-7", "mirror", (body,), symmetry, ("left_wing",), Assessment(True, ()), 2.0)


@pytest.fixture
def page():
    decisions = queue.SimpleQueue()
    page = ReviewPage("review", {"sacrum": box((0, 0, 0)), "left_wing": box((60, 0, 0))}, decisions.put)
    page.decisions = decisions
    page.show_plan(make_plan())
    yield page
    page.close()


def bones_of(browser, path):
    """(h, w, 3) what the browser draws, without the panel, as soon as anything is drawn."""
    from PIL import Image

    for _ in range(50):
        picture = np.asarray(Image.open(browser.screenshot(path)).convert("RGB")).astype(int)[BONES]
        if coloured(picture):
            break
        browser.run("new Promise(done => setTimeout(done, 200))")
    return picture


def coloured(picture) -> float:
    """Share of the pixels in the moving body's orange."""
    red, green, blue = np.moveaxis(picture, -1, 0)
    return float(((red > 100) & (red > green + 25) & (green > blue + 25)).mean())


@pytest.mark.slow
def test_a_person_moves_the_slider_and_approves_in_the_browser(page, browser, tmp_path):
    browser.open(page.url)
    browser.wait("document.body.innerText.includes('pose 1 of 5')")
    before = bones_of(browser, tmp_path / "before.png")
    # a washed-out, dark or empty picture has no orange
    assert 0.005 < coloured(before) < 0.6

    browser.run(f"{SLIDER}.focus()")
    browser.press("End")
    browser.wait("document.body.innerText.includes('pose 5 of 5')")
    assert page._slider.value == 4
    after = bones_of(browser, tmp_path / "after.png")
    # the body has moved by half of its width
    assert (np.abs(after - before).max(axis=-1) > 40).mean() > 0.005

    browser.click_button("Approve exactly this plan")
    browser.wait("document.body.innerText.includes('enter your name')")
    assert page.decisions.empty()

    browser.run(f"{NAME}.focus()")
    browser.type("Dr. Who")
    browser.wait(f"{NAME}.value === 'Dr. Who'")
    browser.click_button("Approve exactly this plan")
    decision = page.decisions.get(timeout=150.0)
    browser.wait("document.body.innerText.includes('Handed on')")
    browser.screenshot(tmp_path / "approved.png")
    assert decision == Decision(page._plan.hash, "Dr. Who", True)


@pytest.mark.slow
def test_nothing_on_the_page_is_cut_off_or_wider_than_its_window(page, browser):
    browser.open(page.url)
    browser.wait("document.body.innerText.includes('Symmetry plane')")
    assert not browser.run("document.documentElement.scrollWidth > window.innerWidth")
    # every cell of the facts' table lies inside the window
    right = browser.run(
        "Math.max(...[...document.querySelectorAll('td, th')].map(c => c.getBoundingClientRect().right))"
    )
    assert right <= browser.run("window.innerWidth")
