"""Targets a surgeon gives: taken exactly, checked against bone and against what the evidence says."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from rafr.assessment import ACCEPTED, Assessment
from rafr.cases.case import Body, Case
from rafr.cases.meshes import BodyMesh
from rafr.errors import InputError
from rafr.geometry import Plane, RigidTransform, TriangleMesh
from rafr.planning.plan import SymmetryPlane
from rafr.planning.target.given import given_targets
from rafr.planning.target.targets import METHOD, BodyTarget, TargetResult

FOUND = RigidTransform.from_translation([-20.0, 0.0, 0.0])  # the wing comes to lie 10 mm beside the sacrum


def box(label, centre):
    made = trimesh.creation.box((40.0, 40.0, 40.0)).subdivide().subdivide()
    mesh = TriangleMesh(np.asarray(made.vertices) + centre, np.asarray(made.faces))
    return mesh, {label: mesh}


WHERE = {"reference": (1, (0, 0, 0)), "wing": (11, (70, 0, 0)), "other": (21, (-90, 0, 0))}
MESHES = {name: BodyMesh(name, *box(label, centre)) for name, (label, centre) in WHERE.items()}
CASE = Case(
    Path("case"),
    "boxes",
    Path("ct.nii.gz"),
    Path("labels.nii.gz"),
    None,
    (Body("reference", (1,)), Body("wing", (11,)), Body("other", (21,))),
)


@pytest.fixture(autouse=True)
def _found(monkeypatch):
    """What the evidence says is given here: only the judgement of a given target is under test."""
    wing = BodyTarget("wing", FOUND, 1.5, 3.0, None, {"mirror:left_hip": 100.0}, 0.5, ACCEPTED)
    doubtful = Assessment(False, ("other: the target is uncertain",))
    other = BodyTarget("other", RigidTransform.identity(), 9.0, 12.0, None, {}, 0.0, doubtful)
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 0.5)
    result = TargetResult((wing, other), plane, ("wing", "other"), ACCEPTED)
    monkeypatch.setattr("rafr.planning.target.given.plan_targets", lambda *_, **__: result)


def given(**targets):
    return given_targets(CASE, MESHES, targets)


def test_a_given_target_is_taken_exactly_and_its_distance_counts_into_the_error():
    T = RigidTransform.from_translation([0.0, 0.0, 2.0]) @ FOUND
    result = given(wing=T)
    wing = result.body("wing")
    assert np.array_equal(wing.T_reduced_displaced.matrix, T.matrix)
    assert wing.assessment.accepted
    assert "2.0 mm and 0.0° from the one found" in wing.assessment.reasons[0]
    assert wing.expected_error_mm == pytest.approx(2.5)
    assert wing.error_bound_mm == pytest.approx(np.hypot(3.0, 2.0))
    assert result.method == f"given: wing; {METHOD}"


def test_what_a_file_rounds_off_does_not_make_another_target():
    """The path would differ in its last digits, and so would the hash."""
    rounded = RigidTransform.from_translation(FOUND.translation + 1e-9)
    wing = given(wing=rounded).body("wing")
    assert np.array_equal(wing.T_reduced_displaced.matrix, FOUND.matrix)
    moved = RigidTransform.from_translation(FOUND.translation + 1e-4)
    assert np.array_equal(given(wing=moved).body("wing").T_reduced_displaced.matrix, moved.matrix)


def test_bodies_without_a_target_keep_theirs_with_its_verdict():
    result = given(wing=FOUND)
    assert np.array_equal(result.body("other").T_reduced_displaced.matrix, np.eye(4))
    assert not result.assessment.accepted
    assert "other: the target is uncertain" in result.assessment.reasons


def test_a_doubtful_target_given_by_a_surgeon_is_not_refused_for_lack_of_evidence():
    assert given(wing=FOUND, other=RigidTransform.identity()).assessment.accepted


def test_a_target_inside_other_bone_is_refused_with_its_depth():
    result = given(wing=RigidTransform.from_translation([-35.0, 0.0, 0.0]), other=RigidTransform.identity())
    assert not result.assessment.accepted
    assert "wing: the target given drives it 5.0 mm into reference" in result.assessment.reasons


def test_a_target_inside_a_body_that_is_moved_is_refused():
    beside = RigidTransform.from_translation([195.0, 0.0, 0.0])
    result = given(wing=RigidTransform.identity(), other=beside)
    assert not result.body("wing").assessment.accepted
    assert any("into other" in r for r in result.body("wing").assessment.reasons)


def test_a_target_saved_the_wrong_way_round_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"40\.0 mm from the one found, its inverse 0\.0 mm"):
        given(wing=FOUND.inverse())


def test_a_target_far_from_what_the_evidence_says_is_not_accepted():
    wing = given(wing=RigidTransform.from_translation([0.0, 6.0, 0.0]) @ FOUND).body("wing")
    assert not wing.assessment.accepted
    assert "6.0 mm and 0.0° from the one found" in wing.assessment.reasons[0]
    assert "of this patient?" in wing.assessment.reasons[0]


def test_a_target_within_what_uncertain_evidence_leaves_open_is_accepted():
    """Its bound is 3 mm, the limit 4 mm: what lies between belongs to the surgeon."""
    assert (
        given(wing=RigidTransform.from_translation([0.0, 3.9, 0.0]) @ FOUND).body("wing").assessment.accepted
    )


def test_where_the_evidence_does_not_suffice_the_surgeon_has_the_word():
    other = given(other=RigidTransform.from_translation([0.0, 6.0, 0.0])).body("other")
    assert other.assessment.accepted
    assert "for which the evidence does not suffice" in other.assessment.reasons[0]


def test_a_body_the_case_does_not_move_is_refused():
    with pytest.raises(InputError, match="no moving body 'reference'"):
        given(reference=RigidTransform.identity())
