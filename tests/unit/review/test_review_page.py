"""The review page without a browser: what it shows, and that a decision names the plan shown."""

import urllib.request
from types import SimpleNamespace

import numpy as np
import pytest

from rafr.assessment import Assessment
from rafr.errors import InputError
from rafr.geometry import Plane, RigidTransform, TriangleMesh, screw_interpolate
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane
from rafr.review.facts import path_facts
from rafr.review.known import BEFORE, LIVE, TARGET, poses_along
from rafr.review.page import Decision, ReviewPage
from rafr.review.stage import camera_position

TARGETS = {
    "wing": RigidTransform.from_rotvec((0.0, 0.0, 0.2), (12.0, -3.0, 5.0)),
    "ramus": RigidTransform.from_translation((0.0, 4.0, 0.0)),
}


def box(centre) -> TriangleMesh:
    import trimesh

    mesh = trimesh.creation.box((20.0, 30.0, 40.0))
    return TriangleMesh(np.asarray(mesh.vertices) + centre, np.asarray(mesh.faces))


def make_plan(accepted=True, shift=None) -> ReductionPlan:
    bodies = []
    for name, found in TARGETS.items():
        target = found if shift is None else shift @ found
        poses = screw_interpolate(RigidTransform.identity(), target, np.linspace(0, 1, 5))
        path = tuple(PathPose(T, 3.0 - i / 2, 10.0 * i, 1.0) for i, T in enumerate(poses))
        bodies.append(BodyPlan(name, (11,), target, 1.5, {}, {}, path))
    return ReductionPlan(
        "case-7",
        "mirror",
        tuple(bodies),
        SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 1.2),
        ("wing", "ramus"),
        Assessment(accepted, () if accepted else ("the path touches the sacrum",)),
        2.0,
    )


class Client:
    """Stands for a browser: what a server draws for all has the interface of what one browser is shown."""

    def __init__(self, number):
        import viser

        self.server = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
        self.client_id, self.scene, self.gui = number, self.server.scene, self.server.gui
        self.camera = SimpleNamespace()


MESHES = {"reference": box((0, 0, 0)), "wing": box((60, 0, 0)), "ramus": box((0, -50, -40))}


@pytest.fixture
def page():
    decisions = []
    page = ReviewPage("test", MESHES, decisions.append)
    page.decisions = decisions
    clients = [Client(k) for k in range(2)]
    for client in clients:
        page._enter(client)
    page.first, page.second = page.visits
    yield page
    page.close()
    for client in clients:
        client.server.stop()


def shown_pose(visit, name):
    """The pose (mm) a body is drawn with."""
    handle = visit.scene.bodies[name]
    w, x, y, z = handle.wxyz
    rotation = RigidTransform.from_quaternion_xyzw((x, y, z, w), (0.0, 0.0, 0.0))
    centre = visit.scene.centre
    # drawn points are (p - centre) in m: p' = R (p - centre) + position + centre
    translation = centre + np.asarray(handle.position) * 1e3 - rotation.apply(centre)
    return RigidTransform(rotation.rotation, translation)


def assert_same(a, b):
    # 1e-3 mm: the browser gets single precision
    assert np.allclose(a.matrix, b.matrix, atol=1e-3)


def test_the_page_is_served_on_this_machine(page):
    with urllib.request.urlopen(page.url, timeout=5) as answer:
        assert answer.status == 200
    assert page.url.startswith("http://localhost:")


def test_a_decision_names_exactly_the_plan_shown_the_person_and_why(page):
    plan = make_plan()
    page.show_plan(plan)
    tab = page.first.decision
    tab.name.value, tab.reason.value = "Dr. Who", "looks right"
    tab.decide(approve=True)
    tab.reason.value = "too near the sacrum"
    tab.decide(approve=False)
    assert page.decisions == [
        Decision(plan.hash, "Dr. Who", True, "looks right"),
        Decision(plan.hash, "Dr. Who", False, "too near the sacrum"),
    ]


def test_nobody_decides_without_a_name_without_a_plan_or_rejects_without_a_reason(page):
    tab = page.first.decision
    tab.name.value = "Dr. Who"
    tab.decide(approve=True)
    page.show_plan(make_plan())
    tab.name.value = "  "
    tab.decide(approve=True)
    assert "name" in tab.answer.content
    tab.name.value = "Dr. Who"
    tab.decide(approve=False)
    assert "why" in tab.answer.content
    assert page.decisions == []


def test_what_one_person_types_is_not_anothers(page):
    page.show_plan(make_plan())
    page.first.decision.name.value = "Dr. Who"
    page.second.decision.decide(approve=True)
    assert page.decisions == []
    assert "name" in page.second.decision.answer.content


def test_a_click_meant_for_the_plan_before_does_not_approve_the_one_that_took_its_place(page):
    page.show_plan(make_plan())
    page.first.decision.name.value = "Dr. Who"
    page.show_plan(make_plan(accepted=False))
    page.first.decision.decide(approve=True)
    assert page.decisions == []
    assert "changed" in page.first.decision.answer.content


def test_the_buttons_are_off_until_a_plan_is_there_and_after_the_decision_in_every_browser(page):
    assert page.first.decision.approve.disabled
    page.show_plan(make_plan())
    assert not page.first.decision.approve.disabled
    page.close_decision("Approved by Dr. Who.")
    for visit in page.visits:
        assert visit.decision.approve.disabled
        assert visit.status.content == "Approved by Dr. Who."
    page.first.decision.name.value = "Dr. Who"
    page.first.decision.decide(approve=True)
    assert page.decisions == []


def test_the_slider_moves_one_body_after_the_other_in_one_browser_only(page):
    page.show_plan(make_plan())
    for step in (0, 4, 7, 9):
        page.first.slider.value = step + 1
        page.first.refresh()
        poses = poses_along(make_plan(), step)
        for name in TARGETS:
            assert_same(shown_pose(page.first, name), poses[name])
            assert_same(shown_pose(page.second, name), RigidTransform.identity())
        assert_same(shown_pose(page.first, "reference"), RigidTransform.identity())
    assert_same(shown_pose(page.first, "wing"), TARGETS["wing"])
    assert_same(shown_pose(page.first, "ramus"), TARGETS["ramus"])


def test_keys_step_along_the_path_and_stop_at_its_ends(page):
    page.show_plan(make_plan())
    page.first._by(1)
    assert page.first.step == 1
    page.first._by(100)
    assert page.first.step == 9
    page.first._by(-100)
    assert page.first.step == 0


def test_ct_target_and_live_poses_can_be_chosen(page):
    page.show_plan(make_plan())
    page.first.slider.value = 3
    page.first.show(TARGET)
    assert_same(shown_pose(page.first, "wing"), TARGETS["wing"])
    page.first.show(BEFORE)
    assert_same(shown_pose(page.first, "wing"), RigidTransform.identity())
    page.first.show(LIVE)
    live = RigidTransform.from_translation((1.0, 2.0, 3.0))
    page.show_poses({"wing": live})
    assert_same(shown_pose(page.first, "wing"), live)
    assert_same(shown_pose(page.second, "wing"), RigidTransform.identity())


def test_the_target_is_not_drawn_twice_and_can_be_hidden(page):
    page.show_plan(make_plan())
    visit = page.first
    assert all(ghost.visible for ghost in visit.scene.targets.values())
    visit.show(TARGET)
    assert not any(ghost.visible for ghost in visit.scene.targets.values())
    visit.ghosts.value = False
    visit.show(BEFORE)
    assert not any(ghost.visible for ghost in visit.scene.targets.values())


def test_who_comes_later_sees_the_plan_and_what_was_said(page):
    page.show_plan(make_plan())
    page.say("A plan waits.")
    client = Client(7)
    page._enter(client)
    late = page.visits[-1]
    assert late.status.content == "A plan waits."
    assert not late.decision.approve.disabled
    assert set(late.scene.targets) == set(TARGETS)
    page._leave(client)
    assert len(page.visits) == 2
    client.server.stop()


@pytest.mark.parametrize(
    ("view", "axis", "side"), [("anterior", 1, -1), ("lateral-left", 0, 1), ("lateral-right", 0, -1)]
)
def test_every_view_looks_from_its_side_and_far_enough(view, axis, side):
    half = np.array([140.0, 90.0, 100.0])
    position = camera_position(view, half) * 1e3
    assert position[axis] * side > 2 * half[axis]
    # nothing but that axis: the patient stands upright in the middle of the picture
    assert np.allclose(np.delete(position, axis), 0.0, atol=1e-6)


def test_a_port_in_use_is_refused_in_words(page):
    port = int(page.url.rsplit(":", 1)[1])
    with pytest.raises(InputError, match="free port"):
        ReviewPage("second", {"reference": box((0, 0, 0))}, port=port)


def test_a_page_for_others_needs_a_token():
    with pytest.raises(ValueError, match="token"):
        ReviewPage("open to all", MESHES, host="0.0.0.0")


def test_the_facts_say_the_verdict_and_each_body(page):
    page.show_plan(make_plan(accepted=False))
    tab = page.first.plan
    assert "NOT accepted" in tab._facts.content
    assert "the path touches the sacrum" in tab._facts.content
    # the least gap and the largest predicted force of each body
    assert tab._table.content.count("least gap 1.0 mm, most force 40 N") == 2


def test_path_facts_count_through_the_bodies_in_order():
    plan = make_plan()
    assert path_facts(plan, 1).startswith("wing, pose 2 of 5: gap 2.5 mm, force 10 N")
    assert path_facts(plan, 5).startswith("ramus, pose 1 of 5")
    assert path_facts(plan, 10) == "at the target"
