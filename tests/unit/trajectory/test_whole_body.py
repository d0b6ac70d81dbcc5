"""Base and arm together: what is returned, what is refused, and what happens then."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.errors import Cause, InfeasibleError
from rafr.geometry import RigidTransform, screw_interpolate
from rafr.robot.collision import ArmCollision
from rafr.robot.mobile import floor_transform
from rafr.room import R_WORLD_SUPINE, Disc
from rafr.trajectory import mission
from rafr.trajectory.docking import optimise_docking
from rafr.trajectory.placement import Service, examine_docking_pose
from rafr.trajectory.surroundings import arm_surroundings, standing_things
from rafr.trajectory.whole_body import reach as reaching
from rafr.trajectory.whole_body.config import WholeBodyConfig
from rafr.trajectory.whole_body.guess import guesses
from rafr.trajectory.whole_body.optimise import Task, WholeBodyOptimiser
from rafr.trajectory.whole_body.reach import Journey, reach
from rafr.trajectory.whole_body.result import WholeBodyTrajectory
from rafr.trajectory.whole_body.stand import Stand, standoff
from rafr.trajectory.whole_body.verify import verify_whole_body
from rafr.units import to_metres

DOCKED = (0.06, 0.75, np.pi)
QUICK = WholeBodyConfig(knots=20)


def clamp_poses(room):
    """`T_world_clamp` along a small reduction: pins in the right iliac crest, from in front and the side."""
    T_world_pelvis = RigidTransform(
        R_WORLD_SUPINE, np.array([0.0, 0.0, room.table.height + room.pelvis_height])
    )
    out = np.array([-np.sin(0.7), -np.cos(0.7), 0.0])
    axes = np.column_stack([[0.0, 0.0, -1.0], np.cross(-out, [0.0, 0.0, -1.0]), -out])
    pins = RigidTransform(axes, np.array([-110.0, -80.0, 60.0]) + 110 * out)
    target = RigidTransform.from_rotvec(np.radians([3.0, -4.0, 5.0]), (8.0, -6.0, 10.0))
    path = screw_interpolate(RigidTransform.identity(), target, np.linspace(0, 1, 20))
    return mission.clamp_path(T_world_pelvis, path, to_metres(pins))


@pytest.fixture(scope="module")
def journey(robot):
    room = robot.room
    docking = optimise_docking((-0.9, 1.3, 0.0), DOCKED, room.obstacles, robot.drive)
    return Journey(robot.parked_arm, docking, DOCKED, clamp_poses(room), room)


class Refusing:
    """In place of an optimiser: it finds nothing."""

    def __init__(self, robot):
        self.arm, self.drive = robot.arm, robot.drive

    def optimise(self, task, guesses, room):
        raise InfeasibleError(("together nothing goes",))


def test_where_together_fails_one_after_the_other_is_taken_and_said(robot, journey):
    found = reach(Refusing(robot), journey, "fixed", rng=np.random.default_rng(0))
    assert found.together is None
    assert found.pose == DOCKED
    assert found.sequential_duration == journey.docking.t[-1] + found.arm.duration
    assert found.assessment.accepted
    assert found.assessment.reasons == ("base and arm move one after the other", "together nothing goes")


@pytest.mark.slow
def test_where_both_fail_the_reasons_of_both_and_the_cause_are_given(robot, journey, monkeypatch):
    def blocked(*_, **__):
        raise InfeasibleError(("blocked",))

    monkeypatch.setattr(reaching, "free_motion", blocked)
    with pytest.raises(InfeasibleError, match="one after the other: no way") as caught:
        reach(Refusing(robot), journey, "free", rng=np.random.default_rng(0))
    assert caught.value.cause is Cause.COLLISION
    assert caught.value.reasons.count("together nothing goes") == 3  # neighbourhoods


@pytest.mark.slow
def test_one_after_the_other_the_arm_keeps_clear_of_whoever_stands_in_the_room(robot, journey):
    alone = reach(Refusing(robot), journey, "fixed", rng=np.random.default_rng(0)).arm
    T_world_armbase = floor_transform(DOCKED) @ robot.arm.T_base_armbase
    wrist = T_world_armbase.apply(robot.arm.forward(alone.q[len(alone.q) // 2]).translation)
    crowded = replace(robot.room, discs=(Disc("nurse", *wrist[:2], 0.05),))
    found = reach(Refusing(robot), replace(journey, room=crowded), "fixed", rng=np.random.default_rng(0))
    T_world_base = floor_transform(DOCKED)
    blocks = arm_surroundings(crowded, T_world_base) + standing_things(crowded, T_world_base)
    collision = ArmCollision(robot.arm, blocks, 0.0)
    assert not all(collision.free(q) for q in alone.q[::5])  # where the nurse stands matters
    assert all(collision.free(q) for q in found.arm.q[::5])


def test_pins_behind_the_arm_are_out_of_reach(robot, journey):
    away = [RigidTransform.from_translation((4.0, 0.0, 0.0)) @ T for T in journey.T_world_clamp_path]
    with pytest.raises(InfeasibleError) as caught:
        reach(
            Refusing(robot),
            replace(journey, T_world_clamp_path=away),
            "fixed",
            rng=np.random.default_rng(0),
        )
    assert caught.value.cause is Cause.OUT_OF_REACH


@pytest.fixture(scope="module")
def optimiser(robot):
    return WholeBodyOptimiser(robot.arm, robot.drive, QUICK)


@pytest.fixture(scope="module")
def found(robot, journey, optimiser):
    """By variant."""
    return {v: reach(optimiser, journey, v, rng=np.random.default_rng(0)) for v in ("fixed", "free")}


@pytest.fixture(scope="module")
def task(journey, found):
    """Of the variant with the fixed end."""
    ends = (journey.docking.poses[0], journey.q, journey.unwound_pose, found["fixed"].together.arm.q[-1])
    return Task(*ends, standoff(journey.T_world_clamp_path, mission.ArmPathConfig()))


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["fixed", "free"])
def test_together_is_quicker_and_ends_before_the_pins(robot, journey, found, variant):
    result = found[variant]
    motion = result.together
    assert motion.duration < 0.9 * result.sequential_duration
    arm = robot.arm
    there = floor_transform(motion.base.poses[-1]) @ arm.T_base_armbase @ arm.forward(motion.arm.q[-1])
    gap = standoff(journey.T_world_clamp_path, mission.ArmPathConfig()).inverse() @ there
    assert np.linalg.norm(gap.translation) < 1e-4  # m: the solver's tolerance
    off = np.abs(motion.base.poses[-1] - journey.unwound_pose)
    reach_of = np.array([QUICK.final_offset, QUICK.final_offset, QUICK.final_turn])
    assert (off <= (reach_of if variant == "free" else 1e-4) + 1e-5).all()


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["fixed", "free"])
def test_the_whole_path_is_served_from_where_the_base_ends(robot, journey, found, variant):
    result = found[variant]
    path, room = journey.T_world_clamp_path, robot.room
    assert isinstance(examine_docking_pose(robot.arm, result.pose, path, room), Service)
    assert Stand(robot.arm, result.pose, path, room).serves(result.together.arm.q[-1])


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["fixed", "free"])
def test_jerk_stays_below_the_joints_limits_and_base_and_arm_share_one_clock(robot, found, variant):
    motion = found[variant].together
    assert (np.abs(motion.arm.qddd) <= robot.arm.limits.jerk).all()
    assert (motion.arm.t == motion.base.t).all()
    assert np.diff(motion.arm.t).max() <= QUICK.sample_period + 1e-9
    assert np.abs(motion.arm.qd[len(motion.arm.t) // 2]).max() > 0.01  # rad/s: it does move on the way
    assert np.abs(motion.base.wheel[len(motion.arm.t) // 2]).max() > 0.1


def changed(motion, **arm):
    fields = ("joint_names", "t", "q", "qd", "qdd", "qddd")
    return WholeBodyTrajectory(
        motion.base, type(motion.arm)(**({n: getattr(motion.arm, n) for n in fields} | arm))
    )


@pytest.mark.slow
def test_the_check_refuses_what_the_optimiser_would_never_send(robot, found, task):
    motion, arm = found["fixed"].together, robot.arm

    def reasons(wrong, room=robot.room, config=QUICK):
        return " ".join(verify_whole_body(wrong, arm, robot.drive, room, task, config).reasons)

    assert reasons(motion) == ""
    assert "different clocks" in reasons(changed(motion, t=motion.arm.t * 1.001))
    assert "clamp misses its goal" in reasons(changed(motion, q=motion.arm.q + 0.01 * np.eye(6)[5]))
    middle = motion.arm.q[len(motion.arm.q) // 2]
    over = (
        floor_transform(motion.base.poses[len(motion.arm.q) // 2]) @ arm.T_base_armbase @ arm.forward(middle)
    )
    nurse = Disc("nurse", *over.translation[:2], 0.1)
    assert "nurse" in reasons(motion, replace(robot.room, discs=(*robot.room.discs, nurse)))
    assert "in the room" in reasons(motion, config=WholeBodyConfig(time_to_contact=20.0))
    fast = WholeBodyTrajectory(replace(motion.base, t=motion.base.t / 5), motion.arm)
    fast = replace(fast, arm=replace(motion.arm, t=motion.arm.t / 5))
    assert "wheel accelerates" in reasons(fast)


@pytest.mark.slow
def test_too_few_iterations_are_no_motion(robot, journey):
    config = WholeBodyConfig(knots=10, max_iterations=10)
    hasty = WholeBodyOptimiser(robot.arm, robot.drive, config)
    found = reach(hasty, journey, "fixed", rng=np.random.default_rng(0))
    assert found.together is None


@pytest.mark.slow
def test_fatrop_and_ipopt_find_motions_of_about_the_same_duration(robot, journey, found, task):
    result = found["fixed"]
    other = WholeBodyOptimiser(robot.arm, robot.drive, replace(QUICK, solver="fatrop"))
    second = other.optimise(task, guesses(journey.docking, result.arm), robot.room)
    assert second.duration == pytest.approx(result.together.duration, rel=0.1)  # both are local optima
