"""The fastest motion within a tube about a path, with a fragment and its tissue in the clamp."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.config import check_config
from rafr.errors import Cause, InputError
from rafr.geometry import RigidTransform, screw_interpolate
from rafr.limits import FORCE_LIMIT, TORQUE_LIMIT
from rafr.planning.path.load import Cord, Pull
from rafr.robot.arm import ArmModel
from rafr.tissue.cables import Cable, Rider, TissueModel
from rafr.tissue.tension import TensionLaw, TensionLaws
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.load import FragmentLoad
from rafr.trajectory.motion import toppra_duration
from rafr.trajectory.path_motion import InfeasibleMotionError, path_motion
from rafr.trajectory.tube.config import TubeConfig

GRIP = RigidTransform.from_translation((0.01, 0.0, -0.1))  # the clamp, seen from the fragment
CENTROID = np.array([0.0, 0.01, 0.02])


@pytest.fixture(scope="module")
def load(arm, folded):
    """A strap that the reduction path stretches by some centimetres, and a cord along the leg."""
    strap = Cable("strap", np.array([[0.0, 0.0, 0.0], [0.03, 0.02, 0.12]]), (Rider.BODY, Rider.GROUND), 0.1)
    laws = TensionLaws.of([TensionLaw(limit=1e3, stiffness=2.5e3, toe=0.01)])
    tissue = TissueModel((strap,), laws, CENTROID, np.zeros(1))
    cord = Cord(hip=np.array([0.0, 0.02, 0.0]), winch=np.array([0.0, 0.6, -0.6]), prescribed=20.0)
    return FragmentLoad(Pull(tissue, cord), arm.forward(folded) @ GRIP.inverse(), GRIP)


@pytest.fixture(scope="module")
def carried(arm, folded, reduction_path, load):
    return path_motion(arm, reduction_path, folded, load=load)


def peak_force(arm, load, trajectory):
    return max(float(np.linalg.norm(load.wrench(arm.forward(q))[:3])) for q in trajectory.q)


def test_what_the_clamp_holds_is_the_same_wrench_about_another_point(arm, folded, load):
    pose = arm.forward(folded) @ RigidTransform.from_rotvec((0.1, -0.05, 0.2), (0.01, 0.02, 0.0))
    at_centre, at_clamp = load.wrench(pose), load.on_clamp(pose)
    centre = pose.apply(load.lever)
    assert centre == pytest.approx((pose @ GRIP.inverse()).apply(CENTROID), abs=1e-12)
    moment = at_centre[3:] + np.cross(centre - pose.translation, at_centre[:3])
    assert at_clamp == pytest.approx(np.concatenate([at_centre[:3], moment]), abs=1e-9)


def test_the_stiffness_is_the_wrenchs_derivative(arm, folded, reduction_path, load):
    pose, step = reduction_path[-1], 1e-6
    without_cord = replace(load, pull=replace(load.pull, cord=None))
    centre = pose.apply(load.lever)
    for axis in range(6):
        d = step * np.eye(6)[axis]
        turn = RigidTransform.from_rotvec(d[3:])
        about = RigidTransform.from_translation(centre) @ turn @ RigidTransform.from_translation(-centre)
        moved = RigidTransform.from_translation(d[:3]) @ about @ pose
        change = (without_cord.wrench(moved) - without_cord.wrench(pose)) / step
        # N/m, N m/rad: differences of 1e-6 of forces of 100 N
        assert change == pytest.approx(-without_cord.stiffness(pose)[:, axis], abs=2.0)


def test_a_loaded_motion_keeps_every_limit_and_is_as_fast_as_toppra_without_jerk(arm, load, carried):
    trajectory, config = carried.trajectory, ArmPathConfig()
    assert carried.assessment.reasons == ()
    assert trajectory.duration <= 1.05 * toppra_duration(carried.paths)
    # by differences of the angles alone: nothing the optimiser says is believed
    h = trajectory.t[1] - trajectory.t[0]
    jerk = np.abs(np.diff(trajectory.q, n=3, axis=0)) / h**3
    assert (jerk <= config.gentleness * arm.limits.jerk).all()
    assert (np.abs(np.diff(trajectory.q, n=2, axis=0)) / h**2 <= 0.1 * arm.limits.acceleration).all()
    assert 30.0 < peak_force(arm, load, trajectory) < FORCE_LIMIT


def test_the_fragments_centre_stays_in_the_tube(arm, reduction_path, load, carried):
    middle = np.array([pose.apply(load.lever) for pose in reduction_path])
    line = middle[-1] - middle[0]
    fine = np.linspace(0.0, 1.0, 2000)
    dense = np.stack([np.interp(fine, np.linspace(0, 1, len(middle)), c) for c in middle.T], axis=1)
    got = np.array([arm.forward(q).apply(load.lever) for q in carried.trajectory.q])
    off = np.linalg.norm(got[:, None] - dense[None], axis=2).min(axis=1)
    assert off.max() < TubeConfig().position + 1e-4  # m: the screw's arc between the path's poses
    assert np.linalg.norm(got[-1] - middle[-1]) < 1e-5
    assert np.linalg.norm(line) > 0.02


@pytest.mark.slow
def test_a_redundant_arm_keeps_to_the_middle_of_its_null_space_and_is_as_fast(load):
    arm = ArmModel.named("lbr_med14")
    start = arm.forward(arm.parked)
    goal = start @ RigidTransform.from_rotvec(np.radians([5.0, -6.0, 3.0]), (0.015, -0.01, -0.018))
    path = screw_interpolate(start, goal, np.linspace(0.0, 1.0, 15))
    motion = path_motion(arm, path, arm.parked, load=replace(load, T_frame_pelvis=start @ GRIP.inverse()))
    assert motion.assessment.reasons == ()
    assert motion.trajectory.duration <= 1.05 * toppra_duration(motion.paths)
    middle = motion.paths[0].spline(np.linspace(0.0, 1.0, 500))
    away = np.abs(motion.trajectory.q[:, None] - middle[None]).max(axis=2).min(axis=1)
    assert away.max() < 0.012  # rad: the bound of the problem and the samples of the middle


@pytest.mark.slow
def test_a_wider_tube_is_faster_round_a_corner(arm, folded):
    start = arm.forward(folded)
    ends = [RigidTransform.from_translation(p) for p in ((0.02, 0.0, 0.0), (0.02, 0.02, 0.0))]
    durations = []
    for width in (5e-4, 3e-3):
        config = ArmPathConfig(tube=TubeConfig(position=width))
        motion = path_motion(arm, [start, *(start @ end for end in ends)], folded, config=config)
        durations.append(motion.trajectory.duration)
    assert durations[1] < 0.97 * durations[0]


@pytest.mark.slow
def test_both_solvers_find_the_same_motion(arm, folded, reduction_path, load, carried):
    config = ArmPathConfig(tube=TubeConfig(solver="fatrop"))
    motion = path_motion(arm, reduction_path, folded, load=load, config=config)
    assert motion.trajectory.duration == pytest.approx(carried.trajectory.duration, rel=2e-3)


@pytest.mark.slow
def test_too_much_force_is_refused_with_the_force_and_the_least_violating_motion(
    arm, folded, reduction_path, load, carried
):
    peak = peak_force(arm, load, carried.trajectory)
    weak = replace(load, force_limit=0.6 * peak)
    with pytest.raises(InfeasibleMotionError, match="the tissue's force would reach") as refused:
        path_motion(arm, reduction_path, folded, load=weak)
    assert refused.value.cause is Cause.TOO_MUCH_FORCE
    relaxation = refused.value.relaxation
    assert 0.6 * peak < peak_force(arm, weak, relaxation) < 1.01 * peak
    # what need not give way does not
    assert (np.abs(relaxation.qddd) <= ArmPathConfig().gentleness * arm.limits.jerk).all()


def test_a_force_limit_that_the_tube_can_respect_is_respected(arm, folded, reduction_path, load, carried):
    # the end is given, so the load there is; a limit just above it holds all along
    limit = float(np.linalg.norm(load.wrench(reduction_path[-1])[:3])) * 1.03
    motion = path_motion(arm, reduction_path, folded, load=replace(load, force_limit=limit))
    assert peak_force(arm, load, motion.trajectory) <= limit


@pytest.mark.slow
def test_a_joint_too_weak_for_the_load_is_named(arm, folded, reduction_path, load, carried):
    q = carried.trajectory.q[-1]
    needed = np.abs(arm.gravity(q) - arm.jacobian(q).T @ load.on_clamp(arm.forward(q)))
    weak = ArmModel.named()
    effort = arm.limits.effort.copy()
    effort[1] = 0.8 * needed[1]
    weak.limits = replace(arm.limits, effort=effort)
    with pytest.raises(InfeasibleMotionError, match="shoulder_lift_joint needs 1") as refused:
        path_motion(weak, reduction_path, folded, load=load)
    assert refused.value.cause is Cause.TOO_MUCH_FORCE


@pytest.mark.slow
def test_a_path_close_to_a_singularity_is_refused_as_such(arm, folded, reduction_path):
    singular = arm.manipulability(folded)
    config = ArmPathConfig(tube=TubeConfig(min_manipulability=min(1.5 * singular, 0.3)))
    with pytest.raises(InfeasibleMotionError, match="singularity") as refused:
        path_motion(arm, reduction_path, folded, config=config)
    assert refused.value.cause is Cause.SINGULAR


def test_limits_of_load_are_those_of_the_house(load):
    assert (load.force_limit, load.torque_limit) == (FORCE_LIMIT, TORQUE_LIMIT)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("position", 0.02),
        ("rotation", 0.2),
        ("margin", 1.1),
        ("inner", 0.1),
        ("min_manipulability", -0.1),
        ("smoothness", -1.0),
        ("jerk_share", float("nan")),
        ("centring", 11.0),
    ],
)
def test_every_tunable_has_bounds(name, value):
    with pytest.raises(InputError, match=name):
        check_config(replace(TubeConfig(), **{name: value}), "tube")


def test_an_unknown_solver_is_refused(arm, folded, reduction_path):
    config = ArmPathConfig(tube=TubeConfig(solver="magic"))
    with pytest.raises(InputError, match="magic"):
        path_motion(arm, reduction_path, folded, config=config)
