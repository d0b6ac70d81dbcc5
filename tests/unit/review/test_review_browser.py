"""The page in a real browser: a person looks, moves the slider, gives a name, approves, and watches."""

import queue
import time
from pathlib import Path

import numpy as np
import pytest

from rafr.assessment import Assessment
from rafr.cases.case import Body, Case
from rafr.geometry import Plane, RigidTransform, TriangleMesh, screw_interpolate
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane
from rafr.planning.recheck import TargetVerdict
from rafr.review.desk import Desk
from rafr.review.page import Decision, ReviewPage
from rafr.review.readout import Numbers
from rafr.review.tension import tension_colours
from rafr.review.theatre import DrawnCords, Surroundings
from rafr.robot.description import urdf_text
from rafr.robot.links import LinkPoses
from rafr.robot.shapes import robot_shapes
from rafr.room import R_WORLD_SUPINE, OperatingRoom

TARGET = RigidTransform.from_rotvec((0.0, 0.0, 0.2), (30.0, -3.0, 5.0))
JOINTS = [f"{n}_joint" for n in ("shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3")]
SLIDER = "document.querySelector('[role=slider]')"
# the part of the window that shows bones, left of the panel and below viser's own notices
BONES = (slice(200, 700), slice(20, 860))


def box(centre) -> TriangleMesh:
    import trimesh

    mesh = trimesh.creation.box((40.0, 30.0, 50.0))
    return TriangleMesh(np.asarray(mesh.vertices) + centre, np.asarray(mesh.faces))


def make_plan(target=TARGET) -> ReductionPlan:
    poses = screw_interpolate(RigidTransform.identity(), target, np.linspace(0, 1, 5))
    path = tuple(PathPose(T, 3.0 - i / 2, 10.0 * i, 1.0) for i, T in enumerate(poses))
    body = BodyPlan("left_wing", (11,), target, 1.5, {}, {}, path)
    symmetry = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 1.2)
    return ReductionPlan("case-7", "mirror", (body,), symmetry, ("left_wing",), Assessment(True, ()), 2.0)


class Bench(Desk):
    """Judges targets without a case's images, and plans what it is asked for at once."""

    def __init__(self):
        case = Case(
            Path("case"),
            "case-7",
            Path("ct"),
            Path("labels"),
            None,
            (Body("sacrum", (1,)), Body("left_wing", (11,))),
        )
        super().__init__(case, {}, self.plan)

    def recheck(self):
        return self

    def judge(self, body, given):
        return TargetVerdict(2.0, 0.1, 0.7, 84.0, 3.1, 0.0, Assessment(True, ("look at the sacrum",)))

    def plan(self, targets, who):
        self.page.show_plan(make_plan(targets["left_wing"]))
        self.page.say(f"Planned to the target of {who}.")


@pytest.fixture
def page():
    decisions, desk = queue.SimpleQueue(), Bench()
    meshes = {"sacrum": box((0, 0, 0)), "left_wing": box((60, 0, 0))}
    page = desk.page = ReviewPage("review", meshes, decisions.put, desk=desk)
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
def test_a_person_looks_inspects_adjusts_and_approves_in_the_browser(page, browser, tmp_path):
    browser.open(page.url)
    browser.wait("document.body.innerText.includes('pose 1 of 5')")
    before = bones_of(browser, tmp_path / "1-before.png")
    # a washed-out, dark or empty picture has no orange
    assert 0.005 < coloured(before) < 0.6

    browser.run(f"{SLIDER}.focus()")
    browser.press("End")
    browser.wait("document.body.innerText.includes('pose 5 of 5')")
    assert page.visits[0].step == 4
    after = bones_of(browser, tmp_path / "2-end-of-the-path.png")
    # the body has moved by half of its width
    assert (np.abs(after - before).max(axis=-1) > 40).mean() > 0.005

    browser.click_button("adjust")
    browser.write("shift: L, P, H (mm)", "2")
    browser.press("Enter")
    browser.wait("document.body.innerText.includes('The planner would accept it')")
    browser.screenshot(tmp_path / "3-adjusted.png")
    browser.write("your name", "Dr. Who")
    browser.click_button("Plan the way to this target")
    browser.wait("document.body.innerText.includes('Planned to the target of Dr. Who')")
    hashed = page._known.plan.hash
    assert hashed != make_plan().hash
    moved = page._known.plan.bodies[0].T_reduced_displaced.translation - TARGET.translation
    assert moved == pytest.approx((2.0, 0.0, 0.0), abs=0.01)

    browser.click_button("decide")
    browser.wait(f"document.body.innerText.includes('{hashed[:12]}')")
    time.sleep(2.5)  # a plan that has just changed is to be looked at first
    browser.click_button("Approve exactly this plan")
    browser.wait("document.body.innerText.includes('enter your name')")
    assert page.decisions.empty()
    browser.write("your name", "Dr. Who")
    browser.click_button("Approve exactly this plan")
    decision = page.decisions.get(timeout=150.0)
    browser.wait("document.body.innerText.includes('Handed on')")
    browser.screenshot(tmp_path / "4-approved.png")
    assert decision == Decision(hashed, "Dr. Who", True)


@pytest.mark.slow
def test_keys_choose_what_is_shown(page, browser):
    browser.open(page.url)
    browser.wait("document.body.innerText.includes('pose 1 of 5')")
    browser.run("document.activeElement.blur()")
    for key, words in (("t", "at the target"), ("b", "as in the CT"), ("n", "pose 2 of 5")):
        browser.press(key)
        browser.wait(f"document.body.innerText.includes({words!r})")


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


@pytest.fixture
def operation():
    """A page in the middle of an operation: the arm over the bones, taut and slack cords."""
    room, urdf = OperatingRoom.from_yaml(), urdf_text()
    lying = RigidTransform(R_WORLD_SUPINE, np.array([0.0, 0.0, room.table.height + room.pelvis_height]))
    meshes = {"sacrum": box((0, 0, 0)), "left_wing": box((60, 0, 0))}
    around = Surroundings(room, robot_shapes(urdf), lying, robot_side=-1.0)
    page = ReviewPage("operation", meshes, lambda decision: None, surroundings=around)
    links = LinkPoses(urdf)
    angles = dict(zip(JOINTS, np.radians([60.0, -100.0, 110.0, -100.0, -90.0, 0.0]), strict=True))
    T_world_base = RigidTransform.from_translation((-0.1, -0.75, 0.0))
    at = {name: T_world_base @ T for name, T in links.at(angles).items()}
    page.theatre.place_robot({links.root: T_world_base, **at})
    start = np.array([0.06, 0.0, 0.0])
    ends = start + np.array([[0.1, -0.02, -0.1], [0.12, -0.05, -0.1], [0.05, -0.1, -0.25]])
    segments = np.stack([np.broadcast_to(start, ends.shape), ends], axis=1)
    colours = np.repeat(tension_colours([0.0, 25.0, 400.0])[:, None], 2, axis=1)
    page.theatre.show_cords({"muscles": DrawnCords(segments, colours, 0.006)}, ("traction 399 N", ends[2]))
    page.explain_cords()
    page.tell(
        Numbers(phase="reduction", body="left_wing", distance=0.005, angle=0.02, force=84, force_limit=300)
    )
    yield page
    page.close()


def share_of(picture, like, tolerance=40) -> float:
    """Share of the pixels in about this colour (0..255)."""
    return float((np.abs(picture - np.array(like)).max(axis=-1) < tolerance).mean())


@pytest.mark.slow
def test_a_person_watches_the_operation_in_the_browser(operation, browser, tmp_path):
    browser.open(operation.url)
    browser.wait("document.body.innerText.includes('84 of 300 N')")
    assert browser.run("document.body.innerText.includes('5.0 mm')")
    ticks = browser.run("[...document.querySelectorAll('span')].map(s => s.innerText)")
    assert {"0", "25", "100", "225", "400"} <= set(ticks)
    picture = bones_of(browser, tmp_path / "operation.png")
    assert coloured(picture) > 0.005  # the bone that moves
    red, blue = 255 * tension_colours([400.0, 25.0])
    assert share_of(picture, red) > 0.0005
    assert share_of(picture, blue) > 0.0002
    # what changes is seen without loading the page again
    operation.show_poses({"left_wing": TARGET})
    operation.tell(Numbers(phase="temporary_fixation", force=12, force_limit=300))
    browser.wait("document.body.innerText.includes('temporary fixation')")
    assert browser.run("document.body.innerText.includes('12 of 300 N')")
    after = bones_of(browser, tmp_path / "moved.png")
    assert (np.abs(after - picture).max(axis=-1) > 40).mean() > 0.002
