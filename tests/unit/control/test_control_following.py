"""A late, stuck or weak drive is told from a sound one at any speed."""

import numpy as np
import pytest

from rafr.control.config import ArmControlConfig
from rafr.control.following import Following

DT = 0.01  # s
CONFIG = ArmControlConfig()


def largest(command, measured, seconds=3.0, config=CONFIG):
    """The largest deviation seen, and when the tolerance was first passed; functions of time (s)."""
    following, values, times = Following(config), [], np.arange(0.0, seconds, DT)
    for t in times:
        values.append(following.add(t, np.array([command(t)]), np.array([measured(t)]))[0])
    past = times[np.array(values) > config.follow_tolerance]
    return max(values), past[0] if len(past) else None


def swing(t):
    """From rest, up to 0.3 rad/s."""
    return 0.3 * (1.0 - np.cos(max(t, 0.0)))


@pytest.mark.parametrize("speed", [0.01, 1.0, 3.0])
def test_a_sound_drive_is_inside_at_any_speed(speed):
    rng = np.random.default_rng(0)
    off, _ = largest(lambda t: swing(speed * t), lambda t: swing(speed * (t - 0.04)) + rng.normal(0, 1e-5))
    assert off < 1e-4


def test_a_drive_that_is_late_is_found_while_it_moves_and_one_that_is_stuck_soon():
    assert largest(swing, lambda t: swing(t - 0.25))[1] < 0.5
    stuck = largest(swing, lambda t: swing(min(t, 1.0)))[1]
    # s: 3 mrad at 250 mrad/s, beside the delay that is allowed and the time it must last
    assert 1.0 < stuck < 1.0 + CONFIG.follow_lag + CONFIG.follow_time + 0.05


def test_a_single_wrong_reading_does_not_count():
    assert largest(swing, lambda t: swing(t) + 0.1 * (abs(t - 1.0) < 0.5 * DT))[1] is None


def test_every_tunable_counts():
    late = ArmControlConfig(follow_lag=0.3)
    assert largest(swing, lambda t: swing(t - 0.25), config=late)[1] is None
    at_once = ArmControlConfig(follow_time=0.0)
    assert largest(swing, lambda t: swing(t) + 0.1 * (abs(t - 1.0) < 0.5 * DT), config=at_once)[1]
