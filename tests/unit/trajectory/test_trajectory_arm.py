"""Motions of the arm: along a path, to the pins, and away."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.errors import Cause, InfeasibleError
from rafr.geometry import RigidTransform
from rafr.robot.collision import ArmCollision, Block
from rafr.trajectory.arm import (
    approach_motion,
    free_motion,
    retreat_motion,
)
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.motion import toppra_duration
from rafr.trajectory.path_motion import path_motion
from rafr.trajectory.paths import ClampSpeed
from rafr.trajectory.roadmap import find_way
from rafr.trajectory.verify import verify_arm


def behind_a_pole(arm):
    """Two configurations and a pole the clamp would hit halfway on the straight line between them."""
    start, goal = np.radians([[pan, -80.0, 100.0, -110.0, -90.0, 0.0] for pan in (-45.0, 45.0)])
    middle = arm.T_base_armbase @ arm.forward((start + goal) / 2)
    pole = Block("pole", RigidTransform.from_translation(middle.translation), (0.04, 0.04, 0.3))
    return start, goal, ArmCollision(arm, [pole])


@pytest.fixture(scope="module")
def motion(arm, folded, reduction_path):
    return path_motion(arm, reduction_path, folded)


@pytest.mark.slow
def test_the_clamp_follows_the_path_from_end_to_end(arm, folded, reduction_path, motion):
    trajectory = motion.trajectory
    assert motion.assessment.accepted
    assert trajectory.q[0] == pytest.approx(folded, abs=1e-9)
    error = reduction_path[-1].inverse() @ arm.forward(trajectory.q[-1])
    assert np.linalg.norm(error.translation) < 1e-5
    assert error.angle < 1e-5


def test_speed_stays_below_the_limit_and_duration_near_toppras(arm, motion, reduction_path):
    speed = ArmPathConfig().reduction
    bound = toppra_duration(motion.paths)
    # the tube lets it cut corners; jerk costs a little
    assert 0.95 * bound <= motion.trajectory.duration < 1.05 * bound
    share = speed.lengths([arm.forward(q) for q in motion.trajectory.q]) / np.diff(motion.trajectory.t)
    assert share.max() <= 1.0


def test_acceleration_is_gentle_at_the_patient(arm, motion):
    gentleness = ArmPathConfig().gentleness
    assert (np.abs(motion.trajectory.qdd) <= gentleness * arm.limits.acceleration).all()
    assert (np.abs(motion.trajectory.qddd) <= gentleness * arm.limits.jerk).all()


@pytest.mark.slow
def test_a_path_with_a_corner_is_followed_within_tolerance(arm, folded):
    start = arm.forward(folded)
    corner = start @ RigidTransform.from_translation((0.02, 0.0, 0.0))
    end = start @ RigidTransform.from_translation((0.02, 0.02, 0.0))
    trajectory = path_motion(arm, [start, corner, end], folded).trajectory
    points = np.array([(start.inverse() @ arm.forward(q)).translation for q in trajectory.q])
    off = np.minimum(
        np.hypot(points[:, 1], points[:, 2]) + np.maximum(points[:, 0] - 0.02, 0),
        np.hypot(points[:, 0] - 0.02, points[:, 2]) + np.maximum(-points[:, 1], 0),
    )
    assert off.max() < 1e-3  # m: the configured half millimetre and the sampling of the check


@pytest.mark.slow
def test_a_start_a_little_off_the_path_is_blended_in(arm, folded, reduction_path):
    moved = [RigidTransform.from_translation((0.004, 0.0, 0.002)) @ T for T in reduction_path]
    trajectory = path_motion(arm, moved, folded).trajectory
    assert trajectory.q[0] == pytest.approx(folded, abs=1e-9)
    assert arm.forward(trajectory.q[-1]).translation == pytest.approx(moved[-1].translation, abs=1e-5)


def test_a_start_far_off_the_path_is_refused(arm, folded, reduction_path):
    moved = [RigidTransform.from_translation((0.03, 0.0, 0.0)) @ T for T in reduction_path]
    with pytest.raises(InfeasibleError, match=r"stands 30\.0 mm"):
        path_motion(arm, moved, folded)


def test_a_path_out_of_reach_is_refused_with_the_pose(arm, folded):
    start = arm.forward(folded)
    away = RigidTransform.from_translation((-2.0, 0.0, 0.0)) @ start
    with pytest.raises(InfeasibleError, match=r"cannot reach pose|another branch"):
        path_motion(arm, [start, away], folded)


def test_a_path_without_length_is_standing_still(arm, folded):
    here = arm.forward(folded)
    motion = path_motion(arm, [here, here], folded)
    assert not motion.trajectory.qd.any()
    assert motion.assessment.reasons == ("there is nothing to move",)


def test_the_verifier_names_what_a_finished_motion_would_hit(arm, motion):
    at_end = arm.T_base_armbase @ arm.forward(motion.trajectory.q[-1])
    block = Block("thing", at_end, (0.02, 0.02, 0.02))
    check = verify_arm(motion.trajectory, arm, clearance=ArmCollision(arm, [block], margin=0.0).touching)
    assert any("collision: clamp and thing" in reason for reason in check.reasons)


def test_an_obstacle_on_the_path_is_refused(arm, folded, reduction_path):
    middle = arm.T_base_armbase @ reduction_path[-1]
    block = Block("thing", middle @ RigidTransform.from_translation((0, 0, 0.02)), (0.1, 0.1, 0.02))
    with pytest.raises(InfeasibleError, match=r"on the path .*thing are too close"):
        path_motion(arm, reduction_path, folded, collision=ArmCollision(arm, [block], margin=0.0))


@pytest.mark.slow
def test_the_approach_ends_straight_along_the_clamps_axis(arm, folded):
    down = np.diag([1.0, -1.0, -1.0])
    goal = RigidTransform(down, np.array([0.6, 0.2, 0.1]))
    collision = ArmCollision(arm)
    trajectory = approach_motion(
        arm, folded, goal, collision=collision, rng=np.random.default_rng(0)
    ).trajectory
    error = goal.inverse() @ arm.forward(trajectory.q[-1])
    assert np.linalg.norm(error.translation) < 1e-4
    seen = np.array([(goal.inverse() @ arm.forward(q)).translation for q in trajectory.q])
    near = seen[np.linalg.norm(seen, axis=1) < 0.085]
    assert len(near) > 20
    assert np.abs(near[:, :2]).max() < 6e-4  # m, sideways: the path tolerance
    assert (np.diff(near[:, 2]) > -1e-9).all()


def test_free_motion_goes_round_an_obstacle(arm):
    start, goal, collision = behind_a_pole(arm)
    assert not collision.free_line(start, goal)
    motion = free_motion(arm, start, goal, collision=collision, rng=np.random.default_rng(2))
    assert len(motion.paths) > 1
    assert all(collision.free(q) for q in motion.trajectory.q)


@pytest.mark.slow
def test_the_approach_chooses_a_branch_that_can_go_on(arm, folded):
    down = np.diag([1.0, -1.0, -1.0])
    goal = RigidTransform(down, np.array([0.5, 0.1, 0.1]))
    then = [goal, RigidTransform.from_translation((0.1, 0.1, 0.05)) @ goal]
    approach = approach_motion(
        arm, folded, goal, collision=ArmCollision(arm), rng=np.random.default_rng(0), then=then
    )
    path_motion(arm, then, approach.trajectory.q[-1], speed=ClampSpeed(0.05, 0.5))


def test_an_approach_that_cannot_be_says_why(arm, folded):
    rng = np.random.default_rng(0)
    far = RigidTransform.from_translation((3.0, 0.0, 0.0))
    with pytest.raises(InfeasibleError, match="out of the arm's reach") as caught:
        approach_motion(arm, folded, far, collision=ArmCollision(arm), rng=rng)
    assert caught.value.cause is Cause.OUT_OF_REACH
    goal = RigidTransform(np.diag([1.0, -1.0, -1.0]), np.array([0.55, 0.2, 0.1]))
    at = arm.T_base_armbase @ goal
    block = Block("lid", RigidTransform.from_translation(at.translation), (0.3, 0.3, 0.1))
    with pytest.raises(InfeasibleError, match="lid are too close") as caught:
        approach_motion(arm, folded, goal, collision=ArmCollision(arm, [block]), rng=rng)
    assert caught.value.cause is Cause.COLLISION


@pytest.mark.slow
def test_the_retreat_backs_out_before_it_turns_away(arm, folded, motion):
    q = motion.trajectory.q[-1]
    goal = folded + np.radians([30.0, 0, 0, 0, 0, 0])
    back = retreat_motion(arm, q, goal, collision=ArmCollision(arm), rng=np.random.default_rng(0))
    start = arm.forward(q)
    seen = np.array([(start.inverse() @ arm.forward(row)).translation for row in back.trajectory.q])
    first = seen[: int(np.argmax(seen[:, 2] < -0.085))]
    assert np.abs(first[:, :2]).max() < 6e-4
    assert back.trajectory.q[-1] == pytest.approx(goal, abs=1e-6)


def test_the_same_seed_finds_the_same_way(arm):
    start, goal, collision = behind_a_pole(arm)
    ways = [find_way(start, goal, collision, arm.limits, np.random.default_rng(s)) for s in (7, 7, 8)]
    assert np.array_equal(ways[0], ways[1])
    assert ways[0].shape != ways[2].shape or not np.allclose(ways[0], ways[2])


@pytest.mark.parametrize(
    ("message", "spoil"),
    [
        ("leaves its range", lambda t: replace(t, q=t.q + 4.0 * np.eye(6)[2])),
        ("velocity limit", lambda t: replace(t, qd=400 * t.qd)),
        ("acceleration limit", lambda t: replace(t, qdd=200 * t.qdd)),
        ("jerk limit", lambda t: replace(t, qddd=200 * t.qddd)),
        ("qd is not the derivative", lambda t: replace(t, qd=1.2 * t.qd)),
        ("time does not increase", lambda t: replace(t, t=t.t[::-1])),
        ("permitted speed", lambda t: replace(t, t=t.t / 2, qd=2 * t.qd, qdd=4 * t.qdd)),
        ("not at rest", lambda t: replace(t, qd=t.qd + 0.05)),
        ("leaves its path", lambda t: replace(t, q=t.q + 0.02 * np.sin(np.pi * t.t / t.t[-1])[:, None])),
        ("misses the path's end", lambda t: replace(t, q=t.q * np.linspace(1, 1.01, len(t.q))[:, None])),
    ],
)
def test_the_verifier_refuses_spoilt_trajectories(arm, motion, reduction_path, message, spoil):
    config = ArmPathConfig()
    arguments = {"speed": config.reduction, "path": reduction_path}
    assert verify_arm(motion.trajectory, arm, **arguments).accepted
    check = verify_arm(spoil(motion.trajectory), arm, **arguments)
    assert not check.accepted
    assert any(message in reason for reason in check.reasons), check.reasons
