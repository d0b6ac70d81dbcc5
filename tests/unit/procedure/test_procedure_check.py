"""How far the bodies stand from the plan after the reduction."""

from __future__ import annotations

import numpy as np
import pytest

from rafr.assessment import ACCEPTED
from rafr.geometry import RigidTransform
from rafr.geometry.plane import Plane
from rafr.geometry.residual import Residual
from rafr.planning.plan import BodyPlan, ReductionPlan, SymmetryPlane
from rafr.procedure.check import check_reduction

WAY = np.array([0.02, 0.0, 0.0])  # m, from where the fragment was to where it belongs
MOST = Residual(3e-3, 0.05)
SURFACES = {"hip": np.random.default_rng(0).normal(scale=0.05, size=(50, 3))}  # m


@pytest.fixture
def plan() -> ReductionPlan:
    target = RigidTransform.from_translation(1e3 * WAY)
    hip = BodyPlan("hip", (11,), target, 0.5, {}, {}, ())
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 0.2)
    return ReductionPlan("made-up", "by hand", (hip,), plane, ("hip",), ACCEPTED, 0.0)


# where the pelvis lies in the second image
T_CBCT_PELVIS = RigidTransform.from_rotvec([0.3, -0.2, 0.1], [0.05, 0.1, -0.2])


def check(plan: ReductionPlan, left: RigidTransform, surfaces=SURFACES):
    """The image shows the hip off its target by this motion."""
    hip = T_CBCT_PELVIS @ RigidTransform.from_translation(WAY) @ left
    return check_reduction(plan, "reference", {"reference": T_CBCT_PELVIS, "hip": hip}, surfaces, MOST)


def moved(mm: float) -> RigidTransform:
    return RigidTransform.from_translation([0.0, 1e-3 * mm, 0.0])


def test_a_body_within_the_limits_is_noted_and_fails_nothing(plan):
    found = check(plan, moved(2.0))
    assert found.failed == ()
    assert found.message == "xray_check: hip 2.00 mm, 0.00 degrees from the plan"


def test_a_body_too_far_away_fails_and_is_noted_all_the_same(plan):
    found = check(plan, moved(3.5))
    assert found.message == "hip stands 3.50 mm, 0.00 degrees from the plan"
    assert len(found.notes) == 1


def test_a_turned_body_fails_wherever_its_surface_is(plan):
    found = check(plan, RigidTransform.from_rotvec([0.0, 0.06, 0.0]), {"hip": np.zeros((1, 3))})
    assert found.failed == ("hip stands 0.00 mm, 3.44 degrees from the plan",)


@pytest.mark.parametrize("found", ["hip", "reference"])
def test_what_the_image_does_not_show_fails(plan, found):
    check = check_reduction(plan, "reference", {found: T_CBCT_PELVIS}, SURFACES, MOST)
    assert check.failed == ("hip was not found in the CBCT",)
