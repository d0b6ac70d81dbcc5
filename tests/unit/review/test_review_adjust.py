"""A target is moved, judged at once, and planned again only when somebody says so by name."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.unit.review.test_review_page import MESHES, TARGETS, Client, assert_same, make_plan, shown_pose

from rafr.assessment import Assessment
from rafr.cases.case import Body, Case
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.planning.recheck import TargetVerdict
from rafr.review.adjust_tab import verdict_text
from rafr.review.desk import Desk
from rafr.review.page import ReviewPage
from rafr.review.visit import ADJUST

CASE = Case(
    Path("case"),
    "case-7",
    Path("ct.nii.gz"),
    Path("labels.nii.gz"),
    None,
    (Body("reference", (1,)), Body("wing", (11,)), Body("ramus", (12,))),
)
SHIFT = RigidTransform.from_translation((0.5, 0.0, 0.0))
VERDICT = TargetVerdict(1.3, 0.4, -0.6, 84.0, 3.1, 310.0, Assessment(False, ("it lies in the sacrum",)))


class FakeDesk(Desk):
    """Judges without bones."""

    def __init__(self):
        self.asked, self.judged = [], []
        super().__init__(CASE, {}, lambda targets, who: self.asked.append((dict(targets), who)))

    def recheck(self):
        return self

    def judge(self, body, given):
        self.judged.append((body, dict(given)))
        return VERDICT


@pytest.fixture
def tab():
    desk = FakeDesk()
    page = ReviewPage("test", MESHES, lambda _: None, desk=desk)
    client = Client(0)
    page._enter(client)
    page.show_plan(make_plan())
    page.visits[0]._choose(ADJUST)
    tab = page.visits[0].adjust
    tab.page, tab.desk, tab.visit = page, desk, page.visits[0]
    yield tab
    page.close()
    client.server.stop()


def wait(condition):
    end = time.monotonic() + 20.0
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


def move(tab, shift=(0.0, 0.0, 0.0), turn=(0.0, 0.0, 0.0)):
    tab.shift.value, tab.turn.value = shift, turn
    tab._typed()


def test_a_shift_moves_the_target_and_is_judged(tab):
    move(tab, (1.0, 0.0, -2.0))
    expected = RigidTransform.from_translation((1.0, 0.0, -2.0)) @ TARGETS["wing"]
    assert_same(tab.draft["wing"], expected)
    assert_same(shown_pose(tab.visit, "wing"), expected)  # shown as the bone itself
    wait(lambda: "would refuse" in tab.verdict.content)
    assert "it lies in the sacrum" in tab.verdict.content
    assert tab.desk.judged[-1][0] == "wing"


def test_a_turn_keeps_the_middle_of_the_body_where_it_is(tab):
    move(tab, turn=(0.0, 0.0, 5.0))
    centroid = MESHES["wing"].centroid
    assert np.allclose(tab.draft["wing"].apply(centroid), TARGETS["wing"].apply(centroid), atol=1e-9)
    turned = tab.draft["wing"] @ TARGETS["wing"].inverse()
    assert np.degrees(turned.angle) == pytest.approx(5.0)


def test_dragging_gives_the_same_target_as_typing(tab):
    move(tab, (3.0, -1.0, 2.0), (0.0, 4.0, 0.0))
    typed = tab.draft["wing"]
    position, wxyz = tuple(tab._gizmo.position), tuple(tab._gizmo.wxyz)
    tab._again()
    assert tab.draft == {}
    tab._gizmo.position, tab._gizmo.wxyz = position, wxyz
    tab._dragged()
    assert_same(tab.draft["wing"], typed)
    assert tab.shift.value == pytest.approx((3.0, -1.0, 2.0), abs=0.01)


def test_nothing_is_planned_without_a_change_or_a_name(tab):
    tab._ask_for_plan()
    move(tab, (1.0, 0.0, 0.0))
    tab._ask_for_plan()
    assert "name" in tab.verdict.content
    assert tab.desk.asked == []
    tab.name.value = "Dr. Who"
    tab._ask_for_plan()
    ((targets, who),) = tab.desk.asked
    assert who == "Dr. Who"
    assert_same(targets["wing"], RigidTransform.from_translation((1.0, 0.0, 0.0)) @ TARGETS["wing"])


@pytest.mark.parametrize("shift", [(60.0, 0.0, 0.0), (float("nan"), 0.0, 0.0)])
def test_what_is_too_far_or_no_number_is_not_taken(tab, shift):
    move(tab, shift)
    assert tab.draft == {}
    assert "not taken" in tab.verdict.content


def test_a_new_plan_ends_the_draft(tab):
    move(tab, (1.0, 0.0, 0.0))
    tab.page.show_plan(make_plan())
    assert tab.draft == {}
    assert tuple(tab.shift.value) == (0.0, 0.0, 0.0)


def test_a_verdict_says_what_a_target_means():
    text = verdict_text(VERDICT)
    assert "1.3 mm and 0.4°" in text
    assert "overlap 0.6 mm" in text
    assert "84 N and 3.1 N m" in text
    assert "bone would press on bone with 310 N" in text


def test_a_plan_that_does_not_say_how_sure_it_is_cannot_be_changed():
    desk = Desk(CASE, {})
    with pytest.raises(InputError, match="no plan"):
        desk.recheck()
    desk.take_plan(make_plan())
    with pytest.raises(InputError, match="no verdict on the target of wing"):
        desk.recheck()


def test_a_second_bodys_target_is_moved_beside_the_first_one_not_in_its_place(tab):
    earlier = replace(make_plan(shift=SHIFT), method="given: wing, ramus; mirror")
    tab.page.show_plan(earlier)
    tab.body.value = "ramus"
    tab._again()
    move(tab, (0.0, 1.0, 0.0))
    wait(lambda: "would refuse" in tab.verdict.content)
    assert set(tab.desk.judged[-1][1]) == {"wing", "ramus"}
    tab.name.value = "Dr. Who"
    tab._ask_for_plan()
    ((targets, _),) = tab.desk.asked
    assert_same(targets["wing"], SHIFT @ TARGETS["wing"])
    moved = RigidTransform.from_translation((0.0, 1.0, 0.0))
    assert_same(targets["ramus"], moved @ SHIFT @ TARGETS["ramus"])
