"""The tension asked of the leg's cord while a body is on its way."""

from __future__ import annotations

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.planning.plan import BodyPlan, PathPose
from rafr.procedure.traction import TractionFollower

WAY_MM = 20.0


def at(share: float) -> RigidTransform:
    """m."""
    return RigidTransform.from_translation([share * WAY_MM * 1e-3, 0.0, 0.0])


def follower(tensions: list[float] | None, prescribed: float = 100.0) -> TractionFollower:
    shares = np.linspace(0.0, 1.0, len(tensions or [0.0, 0.0]))
    poses = [RigidTransform.from_translation([s * WAY_MM, 0.0, 0.0]) for s in shares]
    path = tuple(PathPose(T, 1.0, 10.0, 1.0, tensions[k] if tensions else None) for k, T in enumerate(poses))
    return TractionFollower(BodyPlan("left", (1,), poses[-1], 0.5, {}, {}, path), np.zeros(3), prescribed)


def test_the_tension_is_that_of_the_place_on_the_path():
    following = follower([0.0, 40.0, 90.0])
    aside = RigidTransform.from_translation([0.25 * WAY_MM * 1e-3, 1e-3, 0.0])
    assert following.tension(at(0.75)) == pytest.approx(65.0)
    assert following.tension(aside) == pytest.approx(20.0)
    assert following.tension(at(2.0)) == pytest.approx(90.0)
    assert following.tension(None) == 0.0


def test_never_more_than_prescribed_and_as_prescribed_without_a_plan_of_it():
    assert follower([0.0, 90.0], prescribed=50.0).tension(at(1.0)) == 50.0
    assert follower(None, prescribed=50.0).tension(at(0.5)) == 50.0


def test_a_path_of_one_pose_has_its_tension():
    assert follower([30.0]).tension(at(0.0)) == 30.0


def test_it_is_asked_again_only_where_it_changes_or_was_not_done():
    following = follower([0.0, 90.0])
    assert following.ask(None) == 0.0
    assert following.ask(None) is None
    assert following.ask(at(0.005)) is None
    assert following.ask(at(0.5)) == pytest.approx(45.0)
    assert following.ask(None) is None  # not tracked: as it is
    following.unanswered()
    assert following.ask(at(0.5)) == pytest.approx(45.0)
