"""Wheels and tracker together know the base better than either, and neither can carry it off alone."""

import numpy as np
import pytest

from rafr.control.base_pose import BasePose, BasePoseConfig
from rafr.geometry import RigidTransform
from rafr.robot.mobile import floor_transform

T_BASE_MARKER = RigidTransform.from_rotvec([0.1, 0.2, 0.3], [-0.2, 0.1, 0.6])
T_WORLD_TRACKER = RigidTransform.from_rotvec([0.4, -1.2, 0.3], [2.0, -1.0, 2.2])


class Drive:
    """A base that drives an arc while its wheels report 4 % too little way and 3 % too much turn."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.true = np.array([0.5, -0.3, 0.2])
        self.wheels = self.true.copy()
        self.filter = BasePose(T_BASE_MARKER)

    def step(self, v, omega, *, seen=True, dt=0.02, jump=0.0):
        for pose, way, turn in ((self.true, 1.0, 1.0), (self.wheels, 0.96, 1.03)):
            pose[2] += turn * omega * dt
            pose[:2] += way * v * dt * np.array([np.cos(pose[2]), np.sin(pose[2])])
        self.filter.moved(self.wheels + 1e-4 * self.rng.standard_normal(3))
        if seen:
            view = T_WORLD_TRACKER.inverse() @ floor_transform(self.true) @ T_BASE_MARKER
            noise = RigidTransform.from_rotvec(
                3e-4 * self.rng.standard_normal(3), 5e-4 * self.rng.standard_normal(3)
            )
            self.filter.tracked_at(RigidTransform.from_translation([jump, 0.0, 0.0]) @ view @ noise)

    def drive(self, seconds=15.0, **options):
        for _ in range(round(seconds / 0.02)):
            self.step(0.15, 0.1, **options)

    def off(self, pose):
        return float(np.linalg.norm(pose[:2] - self.true[:2]))


def test_the_marker_takes_out_what_the_wheels_slip():
    base = Drive()
    for _ in range(100):
        base.step(0.0, 0.0)
    assert base.filter.tracked
    base.drive()
    assert base.off(base.wheels) > 0.05  # m
    assert base.off(base.filter.pose) < 0.005
    assert base.filter.pose[2] == pytest.approx(base.true[2], abs=0.005)
    # 3 sigma: it knows how well it knows
    assert base.off(base.filter.pose) < 3.0 * np.sqrt(np.trace(base.filter.covariance[:2, :2])) + 1e-3


def test_without_the_tracker_it_is_the_wheels_pose_and_says_how_uncertain():
    base = Drive()
    base.drive(5.0, seen=False)
    assert not base.filter.tracked
    assert np.linalg.norm(base.filter.pose[:2] - base.wheels[:2]) < 1e-3
    assert base.off(base.filter.pose) < 3.0 * np.sqrt(np.trace(base.filter.covariance[:2, :2])) + 0.03


def test_the_trackers_place_is_learnt_only_while_the_base_stands():
    base = Drive()
    base.drive(5.0)
    assert not base.filter.tracked


def test_a_tracker_that_was_moved_is_not_believed():
    base = Drive()
    for _ in range(100):
        base.step(0.0, 0.0)
    before = base.filter.pose.copy()
    for _ in range(20):
        base.step(0.0, 0.0, jump=0.3)
    assert base.filter.refused == 20
    assert np.abs(base.filter.pose - before).max() < 1e-3


class Watched(Drive):
    """A base that stands, and a tracker that can be moved."""

    def __init__(self):
        super().__init__()
        self.said = []
        for _ in range(100):
            self.step(0.0, 0.0)

    def watch(self, T_world_tracker, frames=1):
        for _ in range(frames):
            view = T_world_tracker.inverse() @ floor_transform(self.true) @ T_BASE_MARKER
            self.said.append(self.filter.tracked_at(view))
            self.filter.moved(self.wheels)

    @property
    def told(self):
        return [m for m in self.said if m is not None]


def test_the_new_place_of_a_tracker_that_was_moved_is_learnt_while_the_base_stands():
    base = Watched()
    before = base.filter.pose.copy()
    moved = RigidTransform.from_translation((-2.8, 0.1, 0.0)) @ T_WORLD_TRACKER
    base.watch(moved, BasePoseConfig().learning_frames)
    assert base.told == pytest.approx([np.hypot(2.8, 0.1)], abs=0.01)
    assert base.filter.refused == 0
    base.watch(moved, 50)
    assert base.filter.refused == 0
    assert len(base.told) == 1
    assert np.abs(base.filter.pose - before).max() < 2e-3


def test_no_place_is_learnt_of_a_tracker_that_is_still_being_moved():
    base = Watched()
    for k in range(100):
        base.watch(RigidTransform.from_translation((-0.3 - 0.02 * k, 0.0, 0.0)) @ T_WORLD_TRACKER)
    assert not base.told
    assert base.filter.refused == 100
    base.watch(RigidTransform.from_translation((-2.4, 0.0, 0.0)) @ T_WORLD_TRACKER, 70)
    assert base.told == pytest.approx([2.4], abs=0.02)


def test_a_few_frames_that_are_wrong_do_not_add_up_over_time():
    base = Watched()
    wrong = RigidTransform.from_translation((-1.0, 0.0, 0.0)) @ T_WORLD_TRACKER
    for _ in range(10):
        base.watch(wrong, 20)
        base.watch(T_WORLD_TRACKER, 1)
    assert not base.told


def test_a_short_loss_of_sight_is_bridged():
    base = Drive()
    for _ in range(100):
        base.step(0.0, 0.0)
    base.drive(5.0)
    base.drive(2.0, seen=False)
    assert base.off(base.filter.pose) < 0.02
    base.drive(2.0)
    assert base.off(base.filter.pose) < 0.005


def test_what_is_believed_is_a_tunable():
    trusting, wary = (BasePose(T_BASE_MARKER, BasePoseConfig(gate=g)) for g in (20.0, 2.0))
    for base in (trusting, wary):
        view = T_WORLD_TRACKER.inverse() @ floor_transform([0, 0, 0]) @ T_BASE_MARKER
        for _ in range(80):
            base.moved(np.zeros(3))
            base.tracked_at(view)
        base.tracked_at(RigidTransform.from_translation([0.02, 0.0, 0.0]) @ view)
    assert trusting.refused == 0
    assert wary.refused == 1
