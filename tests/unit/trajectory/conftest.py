"""A robot, a room and a path like that of a fragment."""

import numpy as np
import pytest

from rafr.geometry import RigidTransform, screw_interpolate
from rafr.trajectory.mission import Robot

FOLDED = np.radians([0.0, -120.0, 120.0, -90.0, -90.0, 0.0])


@pytest.fixture(scope="session")
def robot():
    return Robot.named()


@pytest.fixture(scope="session")
def arm(robot):
    return robot.arm


@pytest.fixture(scope="session")
def folded():
    return FOLDED


@pytest.fixture(scope="session")
def reduction_path(arm):
    """25 mm and 8 degrees from the folded arm's clamp pose."""
    start = arm.forward(FOLDED)
    goal = start @ RigidTransform.from_rotvec(np.radians([5.0, -6.0, 3.0]), (0.015, -0.01, -0.018))
    return screw_interpolate(start, goal, np.linspace(0.0, 1.0, 15))
