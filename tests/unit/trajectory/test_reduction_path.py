"""What a joint trajectory says about when its fragment is where on the approved path."""

import numpy as np
import pytest

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.trajectory.reduction_path import ReductionPath, minimum_jerk, time_path

TOLERANCE = 0.01  # m
T = np.linspace(0.0, 4.0, 401)


def shifted(x):
    return RigidTransform.from_translation((x, 0.0, 0.0))


@pytest.fixture
def path():
    return ReductionPath([shifted(x) for x in np.linspace(0.0, 0.02, 9)], np.zeros(3))


@pytest.mark.parametrize("short", [0.0, 5e-4, 2e-3])  # m
def test_a_trajectory_that_ends_short_of_the_target_arrives_there_without_a_jump(path, short):
    way = minimum_jerk(T / T[-1])
    timing = time_path(path, T, [shifted(x) for x in (0.02 - short) * way], TOLERANCE)
    u = np.array([timing.at(t) for t in T])
    assert u[0] == pytest.approx(0.0, abs=1e-9)
    assert timing.end == 1.0
    usual = np.diff(way).max()
    assert np.diff(u).min() >= 0.0
    assert np.diff(u).max() < 1.02 * usual
    assert u[-20:] == pytest.approx(way[-20:], abs=1e-3)  # it slows down as the trajectory does


def test_a_trajectory_that_ends_too_far_from_the_target_is_refused(path):
    way = minimum_jerk(T / T[-1])
    with pytest.raises(InfeasibleError, match=r"ends 12\.0 mm from the plan's target"):
        time_path(path, T, [shifted(0.008 * w) for w in way], TOLERANCE)


def test_a_fragment_that_stands_at_its_target_has_a_timing_too(path):
    timing = time_path(path, T, [path.target] * len(T), TOLERANCE)
    assert timing.end == 1.0
