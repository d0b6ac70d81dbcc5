"""A plan reviewed without an operation: what is decided is kept in files, and only for the plan shown."""

import json
import threading
from pathlib import Path

import pytest
from tests.unit.review.test_review_page import MESHES, Client, make_plan

from rafr.cases.case import Body, Case
from rafr.cases.meshes import BodyMesh
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.planning.plan import ReductionPlan
from rafr.review.page import Decision
from rafr.review.standalone import DECISION, PLAN, StandaloneReview

BODIES = (Body("reference", (1,)), Body("wing", (11,)), Body("ramus", (12,)))
CASE = Case(Path("case"), "case-7", Path("ct.nii.gz"), Path("labels.nii.gz"), None, BODIES)
BY_WHO = Decision(make_plan().hash, "Dr. Who", True, "fits")


@pytest.fixture
def review(tmp_path):
    meshes = {name: BodyMesh(name, mesh, {1: mesh}) for name, mesh in MESHES.items()}
    told = []
    review = StandaloneReview(CASE, meshes, tmp_path / "kept", told.append)
    review.told, review.folder = told, tmp_path / "kept"
    yield review
    review.page.close()


def status(review):
    return review.page._known.status


def test_a_decision_is_kept_with_the_plan_it_is_about(review):
    plan = make_plan()
    review.show(plan)
    assert not review.folder.exists()  # nothing is written before somebody decides
    review._decide(BY_WHO)
    kept = json.loads((review.folder / DECISION).read_text(encoding="utf-8"))
    assert kept["plan_hash"] == plan.hash
    assert (kept["approve"], kept["approver"], kept["reason"]) == (True, "Dr. Who", "fits")
    assert (
        ReductionPlan.from_json(json.loads((review.folder / PLAN).read_text(encoding="utf-8"))).hash
        == plan.hash
    )
    assert "Approved by Dr. Who" in status(review)
    assert not review.page._known.decidable


def test_what_was_decided_before_counts_for_the_same_plan_only(review):
    review.show(make_plan())
    review._decide(BY_WHO)
    review.show(make_plan())
    assert "Approved by Dr. Who on" in status(review)
    moved = RigidTransform.from_translation((1.0, 0.0, 0.0))
    review.show(make_plan(shift=moved))
    assert "this one is not approved" in status(review)
    assert review.page._known.decidable


def test_a_decision_about_another_plan_is_not_kept(review):
    review.show(make_plan(shift=RigidTransform.from_translation((1.0, 0.0, 0.0))))
    review._decide(BY_WHO)
    assert not review.folder.exists()
    assert "another plan" in status(review)


def test_a_plan_the_planner_refuses_is_approved_with_a_reason_only(review):
    plan = make_plan(accepted=False)
    review.show(plan)
    review._decide(Decision(plan.hash, "Dr. Who", True))
    assert "say why" in status(review)
    assert not review.folder.exists()
    review._decide(Decision(plan.hash, "Dr. Who", True, "seen in the theatre"))
    assert (review.folder / DECISION).is_file()


def test_a_folder_that_cannot_be_written_is_said_and_nothing_is_approved(review):
    review.show(make_plan())
    review.folder.write_text("a file in its place")
    review._decide(BY_WHO)
    assert "Not kept" in status(review)
    assert review.page._known.decidable


def test_an_unreadable_decision_counts_as_none(review):
    review.folder.mkdir()
    (review.folder / DECISION).write_text("{half")
    review.show(make_plan())
    assert "waits for your decision" in status(review)


def test_planning_tells_how_far_it_is_and_why_it_failed(review):
    client = Client(0)
    review.page._enter(client)
    review.show(make_plan())

    def fail(progress):
        progress(0.5, "path")
        assert "50 % path" in status(review)
        raise InputError("plan", "no way", "one")

    review.make_plan(fail)
    assert "Not planned" in status(review)
    assert "no way" in review.told[-1]
    client.server.stop()


def test_a_changed_target_is_planned_beside_and_only_one_at_a_time(review, monkeypatch):
    review.show(make_plan())
    begun, go_on = threading.Event(), threading.Event()
    moved = make_plan(shift=RigidTransform.from_translation((0.0, 2.0, 0.0)))

    class Recheck:
        def plan(self, targets, progress):
            begun.set()
            assert go_on.wait(20.0)
            return moved

    monkeypatch.setattr(review._desk, "recheck", Recheck)
    review._adjust({"wing": RigidTransform.identity()}, "Dr. Who")
    assert begun.wait(20.0)
    review._adjust({"wing": RigidTransform.identity()}, "Dr. No")
    assert "wait for it" in status(review)
    go_on.set()
    for _ in range(200):
        if review.page._known.plan is moved:
            break
        threading.Event().wait(0.05)
    assert review.page._known.plan is moved
    assert review.told == ["Dr. Who moved the target of wing"]
