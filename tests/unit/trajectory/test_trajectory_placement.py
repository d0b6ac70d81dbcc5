"""Where the base stands: strength, the joint programme, and why a request cannot be met."""

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.trajectory.test_trajectory_mission import R_SUPINE, pins_from

from rafr.errors import Cause, InfeasibleError, InputError
from rafr.geometry import RigidTransform, screw_interpolate
from rafr.robot.collision import ArmCollision
from rafr.robot.mobile import DifferentialDrive, floor_transform
from rafr.robot.shortfall import shortfall, surely_beyond
from rafr.robot.strength import holding_torque, torque_share
from rafr.room import Disc
from rafr.trajectory import mission
from rafr.trajectory.arm import approach_motion
from rafr.trajectory.paths import follow
from rafr.trajectory.placement import Grid, PlacementConfig, choose_docking_pose
from rafr.trajectory.placement.candidates import candidates, is_free
from rafr.trajectory.placement.choose import best_of
from rafr.trajectory.placement.examine import Examiner
from rafr.trajectory.placement.joint import JointPlacement, at_pose
from rafr.trajectory.placement.request import Request, way_along
from rafr.trajectory.placement.service import merit
from rafr.trajectory.surroundings import arm_surroundings
from rafr.units import to_metres

FEW = Grid((0.0,), (0.6, 0.7), (0.0, -60.0, 60.0))
SMALL = PlacementConfig(coarse=FEW, fine=FEW)
GRID = replace(SMALL, improved=0)


@pytest.fixture(scope="module")
def drive():
    return DifferentialDrive.from_yaml()


@pytest.fixture(scope="module")
def path(robot):
    height = robot.room.table.height + robot.room.pelvis_height
    target = RigidTransform.from_rotvec(np.radians([3.0, -4.0, 5.0]), (8.0, -6.0, 10.0))
    steps = screw_interpolate(RigidTransform.identity(), target, np.linspace(0, 1, 12))
    T_world_pelvis = RigidTransform(R_SUPINE, np.array([0.0, 0.0, height]))
    return mission.clamp_path(T_world_pelvis, steps, to_metres(pins_from("left")))


def moved(path, *shift):
    return [RigidTransform.from_translation(shift) @ T for T in path]


def pulling(path, *force):
    return np.tile([*force, 0.0, 0.0, 0.0], (len(path), 1))


def request(robot, drive, path, load=None, config=SMALL, room=None):
    way = way_along(path, load, config.standoff)
    return Request(robot.arm, path, way, room or robot.room, "left", drive, None, config)


def refusal(robot, path, **options):
    with pytest.raises(InfeasibleError) as caught:
        choose_docking_pose(robot.arm, path, options.pop("room", robot.room), **options)
    return caught.value


@pytest.fixture(scope="module")
def served(robot, drive, path):
    """The best of the small grid without a load."""
    asked = request(robot, drive, path)
    base = choose_docking_pose(robot.arm, path, robot.room, config=GRID).base
    return best_of(Examiner(asked).branches(base))


# -- the load ------------------------------------------------------------------------------------------


def test_a_load_is_one_finite_wrench_for_every_pose(robot, path):
    for load in (np.zeros((3, 6)), np.full((len(path), 6), np.nan)):
        with pytest.raises(InputError, match="one row per pose"):
            choose_docking_pose(robot.arm, path, robot.room, load=load)


def test_the_pose_with_the_largest_load_is_examined_wherever_it_is(path):
    for k in range(len(path)):
        load = pulling(path, 0.0, 0.0, -10.0)
        load[k] *= 2.0
        assert way_along(path, load, 0.09).load[:, 2].min() == -20.0


def test_the_base_stands_where_the_arm_holds_the_load(robot, path):
    load = pulling(path, 60.0, 0.0, -60.0)
    place = choose_docking_pose(robot.arm, path, robot.room, load=load, config=SMALL)
    base, assessment = place.base, place.assessment
    T = (floor_transform(base) @ robot.arm.T_base_armbase).inverse()
    F = load[-1] @ np.kron(np.eye(2), T.rotation).T
    starts = robot.arm.inverse_all(T @ path[-1], robot.parked_arm)
    shares = [torque_share(robot.arm, q, F).max() for q in starts]
    assert min(shares) <= SMALL.torque_share
    assert any("in any direction beside the load" in reason for reason in assessment.reasons)


@pytest.mark.slow
def test_the_approach_takes_a_branch_that_holds_the_load_though_another_is_nearer(robot, path):
    load = pulling(path, 0.0, 0.0, -200.0)
    base = choose_docking_pose(robot.arm, path, robot.room, load=load, config=SMALL).base
    T_armbase_world = (floor_transform(base) @ robot.arm.T_base_armbase).inverse()
    goals = [T_armbase_world @ T for T in path]
    at_arm = load @ np.kron(np.eye(2), T_armbase_world.rotation).T
    collision = ArmCollision(robot.arm, arm_surroundings(robot.room, floor_transform(base)))
    before = goals[0] @ RigidTransform.from_translation((0.0, 0.0, -0.09))

    def share(q):
        return torque_share(robot.arm, follow(robot.arm, goals, q), at_arm).max()

    weak = [q for q in robot.arm.inverse_all(before, robot.parked_arm) if collision.free(q) and share(q) > 1]
    assert weak  # a branch to stand in from which the nearest way does not hold
    for known, held in ((None, False), (at_arm, True)):
        motion = approach_motion(
            robot.arm,
            weak[0],
            goals[0],
            collision=collision,
            rng=np.random.default_rng(0),
            then=goals,
            load=known,
        )
        assert (share(motion.trajectory.q[-1]) <= 1.0) == held


def test_an_approach_to_a_load_no_branch_holds_is_refused(robot, path):
    base = choose_docking_pose(robot.arm, path, robot.room, config=SMALL).base
    T_armbase_world = (floor_transform(base) @ robot.arm.T_base_armbase).inverse()
    goals = [T_armbase_world @ T for T in path]
    collision = ArmCollision(robot.arm, arm_surroundings(robot.room, floor_transform(base)))
    load, rng = pulling(path, 0.0, 0.0, -2000.0), np.random.default_rng(0)
    with pytest.raises(InfeasibleError, match="cannot hold the load") as caught:
        approach_motion(
            robot.arm, robot.parked_arm, goals[0], collision=collision, rng=rng, then=goals, load=load
        )
    assert caught.value.cause is Cause.TOO_MUCH_FORCE


# -- the joint programme -------------------------------------------------------------------------------


def test_the_programmes_terms_are_those_of_pinocchio(robot, drive, path):
    arm, function, rng = robot.arm, at_pose(robot.arm), np.random.default_rng(1)
    for q in rng.uniform(-2.0, 2.0, (5, 6)):
        base = np.array([*rng.normal(size=2), rng.uniform(-3.0, 3.0)])
        T_world_armbase = floor_transform(base) @ arm.T_base_armbase
        T, wrench = T_world_armbase @ arm.forward(q), rng.normal(size=6) * 50.0
        position, rotation, torque, lever, softest = function(base, q, T.rotation, T.translation, wrench)
        in_arm = np.kron(np.eye(2), T_world_armbase.rotation.T) @ wrench
        # the same products in another order: round-off
        assert np.abs(np.array(position)).max() < 1e-9
        assert np.abs(np.array(rotation)).max() < 1e-9
        assert np.array(torque).ravel() == pytest.approx(holding_torque(arm, q, in_arm)[0], abs=1e-8)
        levers = np.linalg.norm(arm.jacobian(q)[:3], axis=0)
        assert np.array(lever).ravel() == pytest.approx(levers, abs=2e-6)  # m: rounded off at 1e-6
        bound = float(softest) ** -0.5
        assert 6 ** (-1 / 16) * arm.manipulability(q) - 1e-9 <= bound <= arm.manipulability(q) + 1e-9


def test_the_joint_programme_finds_a_place_of_more_merit(robot, drive, path, served):
    asked = request(robot, drive, path)
    base = JointPlacement(asked).improved(served.base, served.q, 0.07)
    better = best_of(Examiner(asked).branches(base))
    assert better.service.merit > served.service.merit
    # m: what it may move, and the solver's tolerance
    assert np.abs(np.subtract(base, served.base)[:2]).max() < 0.07 + 1e-6


def test_the_joint_programme_keeps_the_base_off_obstacles(robot, drive, path, served):
    free = JointPlacement(request(robot, drive, path)).improved(served.base, served.q, 0.07)
    before, after = drive.disc_centres([served.base, free])
    way = (after - before)[np.linalg.norm(after - before, axis=1).argmax()]
    _, radius = drive.footprint()
    # half the way that the disc of the footprint went is left to it
    gap = radius + SMALL.clearance + 0.1 + np.linalg.norm(way) / 2
    where = before[np.linalg.norm(after - before, axis=1).argmax()] + way / np.linalg.norm(way) * gap
    room = replace(robot.room, discs=(*robot.room.discs, Disc("stool", *where, 0.1)))
    assert is_free(served.base, room.obstacles, drive, SMALL.clearance)
    assert not is_free(free, room.obstacles, drive, SMALL.clearance)
    kept = JointPlacement(request(robot, drive, path, room=room)).improved(served.base, served.q, 0.07)
    assert kept is not None
    assert is_free(kept, room.obstacles, drive, SMALL.clearance)


def test_what_is_improved_never_ranks_lower_than_the_grid(robot, drive, path, served):
    base = choose_docking_pose(robot.arm, path, robot.room, config=SMALL).base
    assert best_of(Examiner(request(robot, drive, path)).branches(base)).rank > served.rank


def test_merit_grows_with_each_of_its_parts_by_its_weight():
    config = PlacementConfig(force_weight=0.5, margin_weight=0.4, joint_margin=0.5)
    one = merit(0.1, 100.0, 0.2, config)
    assert merit(0.2, 100.0, 0.2, config) - one == pytest.approx(np.log(2.0))
    assert merit(0.1, 200.0, 0.2, config) - one == pytest.approx(0.5 * np.log(2.0))
    assert merit(0.1, 100.0, 0.3, config) - one == pytest.approx(0.4 * 0.1 / 0.5)
    assert merit(0.1, 100.0, 5.0, config) == merit(0.1, 100.0, 0.5, config)


# -- the search -----------------------------------------------------------------------------------------


@pytest.fixture
def examined(monkeypatch):
    """The base poses that are examined."""
    seen, branches = [], Examiner.branches
    monkeypatch.setattr(Examiner, "branches", lambda self, base: seen.append(base) or branches(self, base))
    return seen


ONLY_FINE = replace(GRID, coarse=Grid((), (), ()))


def test_the_search_ends_with_enough_perfect_places(robot, path, examined):
    choose_docking_pose(robot.arm, path, robot.room, config=replace(ONLY_FINE, enough=1))
    first = len(examined)
    choose_docking_pose(robot.arm, path, robot.room, config=replace(ONLY_FINE, enough=2))
    assert 0 < first < len(examined) - first


def test_where_no_place_is_perfect_no_more_are_tried_than_wanted(robot, path, examined):
    far = replace(ONLY_FINE, uncertainty=(1.0, 0.0), tried=3)  # pins 1 m off plan are never reached
    choose_docking_pose(robot.arm, path, robot.room, config=far)
    assert len(examined) == 3


def test_the_base_keeps_the_clearance_asked_for(robot, drive, path):
    wide = Grid((0.0,), (0.7, 0.8), (0.0, -60.0, 60.0))
    for clearance in (0.06, 0.15):
        config = replace(GRID, coarse=wide, fine=wide, clearance=clearance)
        bases = candidates(request(robot, drive, path), wide, robot.room.obstacles)
        base = choose_docking_pose(robot.arm, path, robot.room, config=config).base
        assert is_free(base, robot.room.obstacles, drive, clearance)
    assert not all(is_free(base, robot.room.obstacles, drive, 0.15) for base in bases)


def test_more_room_round_the_arm_than_there_is_refuses_every_place(robot, path):
    assert refusal(robot, path, config=replace(SMALL, arm_clearance=0.3)).cause is Cause.COLLISION


def test_the_stand_off_lies_back_along_the_clamps_axis(path):
    way = way_along(path, None, 0.05)
    assert path[0].inverse().apply(way.poses[1].translation) == pytest.approx([0.0, 0.0, -0.05])


# -- why not -------------------------------------------------------------------------------------------


def test_a_load_no_place_can_hold_is_said_with_joint_and_share(robot, path):
    error = refusal(robot, path, load=pulling(path, 0.0, 0.0, -3000.0), config=SMALL)
    assert error.cause is Cause.TOO_MUCH_FORCE
    assert "the arm cannot hold the load" in error.reasons[0]
    assert "% of its torque at pose" in error.reasons[0]


def test_the_share_of_the_torque_decides_what_is_too_much(robot, path):
    load = pulling(path, 0.0, 0.0, -120.0)
    choose_docking_pose(robot.arm, path, robot.room, load=load, config=SMALL)
    error = refusal(robot, path, load=load, config=replace(SMALL, torque_share=0.2))
    assert error.cause is Cause.TOO_MUCH_FORCE


def test_pins_too_high_are_said_to_be_out_of_reach_and_by_how_much(robot, path):
    error = refusal(robot, moved(path, 0.0, 0.0, 1.6), config=SMALL)
    assert error.cause is Cause.OUT_OF_REACH
    assert "m beyond the arm's reach" in error.reasons[0]
    assert "too high" in error.reasons[0]


def test_pins_across_the_table_are_too_far(robot, path):
    error = refusal(robot, moved(path, 0.0, 1.8, 0.0), side="left", config=SMALL)
    assert error.cause is Cause.OUT_OF_REACH
    assert "too far" in error.reasons[0]


def test_out_of_reach_under_a_load_is_not_called_too_much_force(robot, path):
    high = moved(path, 0.0, 0.0, 1.6)
    assert (
        refusal(robot, high, load=pulling(path, 0.0, 0.0, -3000.0), config=SMALL).cause is Cause.OUT_OF_REACH
    )


def test_obstacles_on_every_place_box_the_base_in(robot, path):
    crowd = tuple(Disc(f"person {k}", x, -0.95, 0.3) for k, x in enumerate(np.arange(-1.0, 1.6, 0.5)))
    error = refusal(robot, path, room=replace(robot.room, discs=crowd), config=SMALL)
    assert error.cause is Cause.BOXED_IN
    assert "person" in error.reasons[0]


def test_pins_from_below_the_table_make_the_arm_collide(robot, path):
    T_world_pelvis = RigidTransform(R_SUPINE, np.array([0.0, 0.0, 0.94]))
    below = mission.clamp_path(
        T_world_pelvis, [RigidTransform.identity()] * 2, to_metres(pins_from("left", 160.0))
    )
    error = refusal(robot, below, config=SMALL)
    assert error.cause is Cause.COLLISION
    assert "table" in error.reasons[0]


def test_too_little_room_to_a_singularity_is_named(robot, path):
    error = refusal(robot, path, config=replace(SMALL, min_manipulability=0.3))
    assert error.cause is Cause.SINGULAR
    assert "at least 0.300 m is needed" in error.reasons[0]


def test_the_shortfall_is_the_way_a_stretched_arms_pose_was_moved_out(robot):
    arm = robot.arm
    q = np.radians([20.0, -30.0, 0.0, -60.0, -90.0, 0.0])
    stretched = arm.forward(q)
    lift = arm.chain[0].T_parent_joint.translation
    out = stretched.translation - lift
    out[2] = 0.0
    out /= np.linalg.norm(out)
    direction = np.array(
        [np.cos(np.radians(30.0)) * out[0], np.cos(np.radians(30.0)) * out[1], np.sin(np.radians(30.0))]
    )
    beyond = RigidTransform.from_translation(0.2 * direction) @ stretched
    assert shortfall(arm, stretched, q) < 1e-6
    # m: the links lie along the way out, so nothing brings the clamp nearer than 0.2
    assert shortfall(arm, beyond, q) == pytest.approx(0.2, abs=0.01)


def test_what_is_surely_beyond_reach_has_no_joint_angles(robot):
    arm, rng = robot.arm, np.random.default_rng(0)
    for q in rng.uniform(-3.0, 3.0, (200, 6)):
        assert not surely_beyond(arm, arm.forward(q))
    far = RigidTransform.from_translation((1.6, 0.0, 0.0))
    assert surely_beyond(arm, far)
