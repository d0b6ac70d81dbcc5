"""Handles stand on their bone, give back its target, and are refused whenever a plan counts."""

import numpy as np
import pytest

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.review.handles import OPEN_PHASE, Handle, Permission, in_front, same_place

CUBE = TriangleMesh(
    np.array([[0, 0, 0], [40, 0, 0], [0, 20, 0], [0, 0, 10]], dtype=float) + 300.0,
    np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]),
)


@pytest.fixture
def target():
    return RigidTransform.from_rotvec([0.1, -0.2, 0.3], [0.01, 0.02, -0.03])


def test_a_handle_stands_where_the_bone_will_be_and_is_as_long(target):
    handle = Handle.of(CUBE)
    assert handle.size == pytest.approx(0.040)
    moved = target.apply(CUBE.centroid * 1e-3)
    assert handle.pose(target).translation == pytest.approx(moved)


def test_a_handle_that_stays_gives_the_target_back(target):
    handle = Handle.of(CUBE)
    assert same_place(handle.target(handle.pose(target)), target)


def test_turning_a_handle_turns_the_bone_about_its_middle(target):
    handle = Handle.of(CUBE)
    turn = RigidTransform.from_rotvec([0.0, 0.0, 0.5])
    turned = handle.target(handle.pose(target) @ turn)
    centre = CUBE.centroid * 1e-3
    assert turned.apply(centre) == pytest.approx(target.apply(centre))
    assert (target.inverse() @ turned).angle == pytest.approx(0.5)


def test_what_is_drawn_in_front_stands_before_the_whole_bone():
    front = CUBE.centroid * 1e-3 + in_front(CUBE)
    assert front[1] == pytest.approx(1e-3 * CUBE.vertices[:, 1].min() - 0.02)
    assert front[[0, 2]] == pytest.approx(1e-3 * CUBE.centroid[[0, 2]])


def permission(**changes):
    return Permission(**{"phase": "approval", "active": True, "heard": 10.0, "plan_hash": "a"} | changes)


def test_targets_may_be_moved_while_a_plan_waits_for_approval():
    assert permission(approved_hash="of an older plan").refusal(11.0) == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phase": "reduction"}, "in reduction"),
        ({"phase": ""}, "no phase"),
        ({"active": False}, "in approval"),
        ({"approved_hash": "a"}, "approved"),
        ({"plan_hash": ""}, "no plan"),
        ({"heard": 7.0}, "silent"),
    ],
)
def test_otherwise_the_reason_is_said(changes, reason):
    assert reason in permission(**changes).refusal(11.0)


def test_every_other_phase_of_the_procedure_refuses():
    from rafr.procedure.phases import BY_NAME, PHASES

    for phase in PHASES:
        assert bool(permission(phase=phase.name).refusal(11.0)) == (phase.name != OPEN_PHASE)
    assert not BY_NAME[OPEN_PHASE].needs_approval
