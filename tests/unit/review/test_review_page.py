"""The review page without a browser: what it shows, and that a decision names the plan shown."""

import urllib.request

import numpy as np
import pytest

from rafr.assessment import Assessment
from rafr.errors import InputError
from rafr.geometry import Plane, RigidTransform, TriangleMesh, screw_interpolate
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane
from rafr.review.facts import path_facts, plan_facts
from rafr.review.page import Decision, ReviewPage, poses_along
from rafr.review.stage import camera_position

TARGETS = {
    "wing": RigidTransform.from_rotvec((0.0, 0.0, 0.2), (12.0, -3.0, 5.0)),
    "ramus": RigidTransform.from_translation((0.0, 4.0, 0.0)),
}


def box(centre) -> TriangleMesh:
    import trimesh

    mesh = trimesh.creation.box((20.0, 30.0, 40.0))
    return TriangleMesh(np.asarray(mesh.vertices) + centre, np.asarray(mesh.faces))


def make_plan(accepted=True) -> ReductionPlan:
    bodies = []
    for name, target in TARGETS.items():
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


@pytest.fixture
def page():
    decisions = []
    meshes = {"reference": box((0, 0, 0)), "wing": box((60, 0, 0)), "ramus": box((0, -50, -40))}
    page = ReviewPage("test", meshes, decisions.append)
    page.decisions = decisions
    yield page
    page.close()


def shown_pose(page, name):
    """The pose (mm) a body is drawn with."""
    handle = page._scene.bodies[name]
    w, x, y, z = handle.wxyz
    rotation = RigidTransform.from_quaternion_xyzw((x, y, z, w), (0.0, 0.0, 0.0))
    centre = page._scene.centre
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


def test_a_decision_names_exactly_the_plan_shown_and_the_person(page):
    plan = make_plan()
    page.show_plan(plan)
    page._name.value = "Dr. Who"
    page.decide(approve=True)
    page.decide(approve=False)
    assert page.decisions == [Decision(plan.hash, "Dr. Who", True), Decision(plan.hash, "Dr. Who", False)]


def test_nobody_can_decide_without_a_name_or_without_a_plan(page):
    page._name.value = "Dr. Who"
    page.decide(approve=True)
    page.show_plan(make_plan())
    page._name.value = "  "
    page.decide(approve=True)
    assert page.decisions == []
    assert "name" in page._status.content


def test_the_buttons_are_off_until_a_plan_is_there_and_after_the_decision(page):
    assert page._approve.disabled
    page.show_plan(make_plan())
    assert not page._approve.disabled
    page.close_decision("Approved by Dr. Who.")
    assert page._approve.disabled


def test_the_slider_moves_one_body_after_the_other(page):
    page.show_plan(make_plan())
    for step in (0, 4, 7, 9):
        page._slider.value = step
        page._locked_refresh()
        poses = poses_along(make_plan(), step)
        for name in TARGETS:
            assert_same(shown_pose(page, name), poses[name])
        assert_same(shown_pose(page, "reference"), RigidTransform.identity())
    assert_same(shown_pose(page, "wing"), TARGETS["wing"])
    assert_same(shown_pose(page, "ramus"), TARGETS["ramus"])


def test_ct_target_and_live_poses_can_be_chosen(page):
    page.show_plan(make_plan())
    page._slider.value = 2
    page._shown.value = "target"
    page._locked_refresh()
    assert_same(shown_pose(page, "wing"), TARGETS["wing"])
    page._shown.value = "as in the CT"
    page._locked_refresh()
    assert_same(shown_pose(page, "wing"), RigidTransform.identity())
    page._shown.value = "live"
    live = RigidTransform.from_translation((1.0, 2.0, 3.0))
    page.show_poses({"wing": live})
    assert_same(shown_pose(page, "wing"), live)


def test_the_page_turns_to_what_really_happens_once_the_plan_is_decided_upon(page):
    page.show_plan(make_plan())
    live = RigidTransform.from_translation((1.0, 2.0, 3.0))
    page.show_poses({"wing": live})
    page.close_decision("Approved by Dr. Who.")
    assert_same(shown_pose(page, "wing"), live)


def test_the_target_is_not_drawn_twice_and_can_be_hidden(page):
    page.show_plan(make_plan())
    assert all(ghost.visible for ghost in page._scene.targets.values())
    page._shown.value = "target"
    page._locked_refresh()
    assert not any(ghost.visible for ghost in page._scene.targets.values())
    page._shown.value = "as in the CT"
    page._ghosts.value = False
    page._locked_refresh()
    assert not any(ghost.visible for ghost in page._scene.targets.values())


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


def test_the_facts_say_the_verdict_and_each_body():
    text = plan_facts(make_plan(accepted=False))
    assert "NOT accepted" in text
    assert "the path touches the sacrum" in text
    wing = next(line for line in text.splitlines() if line.startswith("| wing | "))
    assert wing.endswith("| 1.0 | 40 |")  # the least gap and the largest predicted force


def test_path_facts_count_through_the_bodies_in_order():
    plan = make_plan()
    assert path_facts(plan, 1).startswith("wing, pose 2 of 5: gap 2.5 mm, force 10 N")
    assert path_facts(plan, 5).startswith("ramus, pose 1 of 5")
    assert path_facts(plan, 10) == "at the target"
