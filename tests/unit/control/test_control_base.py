"""The base follows its path within limits, brakes when it stands, and never drives with a held bone."""

import math
from dataclasses import replace

import numpy as np
import pytest

from rafr.control.base import (
    BaseControlConfig,
    BaseController,
    BaseInput,
    BaseMode,
    body_error,
    wrap,
)
from rafr.trajectory.result import BaseTrajectory

DT = 0.02


def arc(turn=1.2, length=1.5, duration=6.0, reverse=False):
    """A trajectory along a circular arc, at rest at both ends."""
    t = np.linspace(0.0, duration, 121)
    s = (lambda r: r**3 * (10 - 15 * r + 6 * r**2))(t / duration)
    theta = turn * s
    v = np.gradient(length * s, t) * (-1 if reverse else 1)
    x = np.concatenate(
        [[0.0], np.cumsum(0.5 * np.diff(t) * (v[1:] * np.cos(theta[1:]) + v[:-1] * np.cos(theta[:-1])))]
    )
    y = np.concatenate(
        [[0.0], np.cumsum(0.5 * np.diff(t) * (v[1:] * np.sin(theta[1:]) + v[:-1] * np.sin(theta[:-1])))]
    )
    return BaseTrajectory(t, x, y, theta, v, np.gradient(theta, t), np.zeros((len(t), 2)))


class Room:
    """A unicycle whose wheels turn a little less than asked and that answers the brakes a tick later."""

    def __init__(self, start=(0.0, 0.0, 0.0), slip=0.97, config=None):
        self.config = config or BaseControlConfig()
        self.core = BaseController(self.config)
        self.pose = np.array(start, dtype=float)
        self.slip = slip
        self.brakes = True
        self.t = 0.0
        self.fastest = (0.0, 0.0)

    def tick(self, **changes):
        self.t += DT
        signals = BaseInput(self.t, self.pose.copy(), self.t, self.brakes, True, True)
        command = self.core.update(replace(signals, **changes))
        self.fastest = (max(self.fastest[0], abs(command.v)), max(self.fastest[1], abs(command.omega)))
        if not self.brakes:
            self.pose += (
                DT
                * self.slip
                * np.array(
                    [command.v * math.cos(self.pose[2]), command.v * math.sin(self.pose[2]), command.omega]
                )
            )
        assert not (command.brakes and (command.v or command.omega)), "drove against its brakes"
        self.brakes = command.brakes
        return command

    def run(self, seconds, **changes):
        for _ in range(round(seconds / DT)):
            command = self.tick(**changes)
            if command.finished is not None:
                break
        return command


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("start", [(0, 0, 0), (0.0, 0.03, 0.0), (-0.02, -0.02, 0.05)])
def test_base_docks_within_its_tolerance_from_a_start_that_is_a_little_off(reverse, start):
    room = Room(start)
    trajectory = arc(reverse=reverse)
    room.tick()
    assert room.core.request(trajectory).accepted
    command = room.run(15.0)
    assert command.finished is not None
    assert command.finished[0], command.finished[1]
    goal = np.array([trajectory.x[-1], trajectory.y[-1], trajectory.theta[-1]])
    error = body_error(room.pose, goal)
    assert np.hypot(*error[:2]) <= room.config.arrived_distance
    assert abs(error[2]) <= room.config.arrived_angle
    assert command.state == BaseMode.DOCKED
    assert room.tick().brakes
    assert room.fastest[0] <= room.config.linear_speed
    assert room.fastest[1] <= room.config.angular_speed


@pytest.mark.parametrize(
    "changes",
    [
        {"safety_ok": False},
        {"arm_idle": False},
        {"pose": None},
        {"odometry_t": -10.0},
        {"pose": np.full(3, np.nan)},
    ],
)
def test_base_stops_at_once_and_stays_until_reset(changes):
    room = Room()
    room.tick()
    room.core.request(arc())
    room.run(2.0)
    command = room.tick(**changes)
    assert (command.v, command.omega, command.brakes) == (0.0, 0.0, True)
    assert command.state == BaseMode.HOLDING
    assert command.finished is not None
    assert not command.finished[0]
    assert room.run(1.0).state == BaseMode.HOLDING
    assert not room.core.request(arc()).accepted
    assert room.core.reset().accepted
    assert room.tick().state == BaseMode.BRAKED


def test_base_does_not_start_while_the_arm_holds_a_fragment_or_from_elsewhere():
    room = Room()
    room.tick(arm_idle=False)
    assert "arm" in room.core.request(arc()).reasons[0]
    room = Room((0.4, 0.0, 0.0))
    room.tick()
    assert "starts" in room.core.request(arc()).reasons[0]


def test_a_path_that_goes_sideways_is_refused():
    room = Room()
    room.tick()
    path = arc()
    assessment = room.core.request(replace(path, lateral=np.zeros_like(path.t)))
    assert not assessment.accepted
    assert "sideways" in assessment.reasons[0]


def test_base_pushed_off_its_path_and_brakes_that_stick_both_hold():
    room = Room()
    room.tick()
    room.core.request(arc())
    room.run(2.0)
    room.pose[1] += 0.5
    assert "off its path" in room.tick().reason
    room = Room()
    room.tick()
    room.core.request(arc())
    for _ in range(200):
        command = room.tick(brakes_engaged=True)
    assert "brakes" in command.reason


@pytest.mark.parametrize("angle", [-7.0, -math.pi, 0.0, 3.2, 100.0])
def test_wrapped_angles_are_the_same_direction(angle):
    assert -math.pi <= wrap(angle) <= math.pi
    assert math.cos(wrap(angle)) == pytest.approx(math.cos(angle), abs=1e-12)
    assert math.sin(wrap(angle)) == pytest.approx(math.sin(angle), abs=1e-12)


def test_a_path_faster_than_allowed_is_driven_slower_and_still_ends_at_its_goal():
    room = Room(slip=1.0, config=BaseControlConfig(linear_speed=0.2, angular_speed=0.2))
    room.tick()
    assert room.core.request(arc()).accepted
    command = room.run(40.0)
    assert command.finished is not None
    assert command.finished[0], command.finished[1]
    assert room.fastest[0] <= 0.2
    assert room.t > 6.5
