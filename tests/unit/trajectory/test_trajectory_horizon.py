"""Re-planning along the path: closed loops on the real kinematics, checked between knots by other means."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from rafr.errors import InfeasibleError, InputError
from rafr.geometry import RigidTransform, screw_interpolate
from rafr.tissue.cables import Cable, Rider, TissueModel
from rafr.tissue.tension import TensionLaw, TensionLaws
from rafr.trajectory.horizon.config import HorizonConfig
from rafr.trajectory.horizon.path import FragmentPath
from rafr.trajectory.horizon.replan import Replanner
from rafr.trajectory.horizon.request import Request
from rafr.trajectory.horizon.result import HalfSpaces, Horizon, InfeasibleHorizonError, Measured
from rafr.trajectory.horizon.tissue import tissue_load
from rafr.trajectory.horizon.verify import verify_horizon
from rafr.trajectory.paths import ClampSpeed

GRIP = RigidTransform.from_translation((0.02, 0.0, 0.08))
STIFFNESS = np.diag([2.5e3] * 3 + [40.0] * 3)  # N/m, N m/rad: of a hip in its soft tissue
AT_REST = np.array([30.0, -20.0, 25.0, 1.0, 1.5, -1.0])  # N, N m where the path starts
STEP = HorizonConfig().step


class Patient:
    """An arm that does what it is told, a fragment in its clamp, and tissue like a spring."""

    def __init__(self, arm, q, noise=0.0, seed=0):
        self.arm, self.q, self.qd, self.t = arm, np.array(q), np.zeros(6), 0.0
        self.grip = GRIP
        self.start = arm.forward(q) @ GRIP
        self.extra = np.zeros(6)
        self.noise = noise * np.array([1, 1, 1, 0.05, 0.05, 0.05])
        self.rng = np.random.default_rng(seed)

    @property
    def fragment(self):
        return self.arm.forward(self.q) @ self.grip

    def wrench(self, pose):
        moved = np.r_[
            pose.translation - self.start.translation,
            RigidTransform(pose.rotation @ self.start.rotation.T, np.zeros(3)).rotvec,
        ]
        return AT_REST + self.extra - STIFFNESS @ moved

    def measured(self):
        pose = self.fragment
        wrench = self.wrench(pose) + self.rng.normal(0, 1, 6) * self.noise
        return Measured(self.t, self.q, self.qd, pose, wrench, STIFFNESS)

    def follow(self, horizon, joint_noise=0.0, period=STEP):
        """Carry out its beginning."""
        self.t += period
        state = horizon.at([self.t])[0]
        self.q, self.qd = state[:6] + self.rng.normal(0, joint_noise, 6), state[6:12]

    def run(self, replanner, steps, **given):
        horizons = []
        for _ in range(steps):
            horizons.append(replanner.replan(self.measured(), **given))
            self.follow(horizons[-1])
        return horizons


@pytest.fixture
def patient(arm, folded):
    return Patient(arm, folded)


@pytest.fixture(scope="module")
def poses(arm, folded):
    """25 mm and 8 degrees."""
    start = arm.forward(folded) @ GRIP
    goal = start @ RigidTransform.from_rotvec(np.radians([5.0, -6.0, 3.0]), (0.015, -0.01, -0.018))
    return screw_interpolate(start, goal, np.linspace(0.0, 1.0, 15))


@pytest.fixture(scope="module")
def shared(arm, poses):
    """One compiled problem for the tests that need no tunable of their own."""
    return Replanner(arm, poses)


@pytest.fixture
def replanner(shared, poses):
    shared.set_path(poses)
    shared.forget()
    return shared


class Line:
    """Densely spaced poses of a path, made without the code under test."""

    def __init__(self, poses):
        fractions = np.linspace(0.0, 1.0, 40)
        dense = [T for a, b in pairwise(poses) for T in screw_interpolate(a, b, fractions)]
        self.R = np.array([T.rotation for T in dense])
        self.p = np.array([T.translation for T in dense])

    def off(self, pose):
        """(mm, deg) to the nearest."""
        distance = np.linalg.norm(self.p - pose.translation, axis=1)
        near = int(np.argmin(distance))
        cosine = (np.trace(self.R[near].T @ pose.rotation) - 1.0) / 2.0
        return 1e3 * float(distance[near]), np.degrees(np.arccos(min(cosine, 1.0)))


@pytest.fixture(scope="module")
def line(poses):
    return Line(poses)


def test_a_path_passes_its_poses_at_the_permitted_speed(poses):
    path = FragmentPath(poses, ClampSpeed(0.008, np.radians(1.5)))
    way = poses[0].inverse() @ poses[-1]
    assert path.length >= way.angle / np.radians(1.5)
    R, p = path.at(np.array([0.0, path.length]))
    assert p == pytest.approx(np.array([poses[0].translation, poses[-1].translation]), abs=1e-9)
    assert pytest.approx(np.array([poses[0].rotation, poses[-1].rotation]), abs=1e-9) == R
    s, h = np.linspace(0.1, path.length - 0.1, 7), 1e-5
    velocity, _ = path.tangents(s)
    assert (path.at(s + h)[1] - path.at(s - h)[1]) / (2 * h) == pytest.approx(velocity, abs=1e-6)
    for at in (0.0, 0.4 * path.length, path.length):
        R, p = path.at(np.array([at]))
        assert path.project(RigidTransform(R[0], p[0])) == pytest.approx(at, abs=2e-3)


def test_the_fragment_arrives_in_closed_loop_under_noise(arm, folded, poses, replanner, line):
    patient = Patient(arm, folded, noise=1.0, seed=1)
    seen = []
    for _ in range(90):
        horizon = replanner.replan(patient.measured())
        patient.follow(horizon, joint_noise=3e-5)  # rad: some 0.03 mm at the fragment
        seen.append(line.off(patient.fragment))
        if horizon.states[0, -2] < 1e-2:
            break
    error = poses[-1].inverse() @ patient.fragment
    assert 1e3 * np.linalg.norm(error.translation) < 0.15  # mm
    assert np.degrees(error.angle) < 0.05
    assert max(distance for distance, _ in seen) < 0.3  # mm, well inside the tube of 1 mm
    # 7 s at full speed; starting and stopping cost half a second
    assert patient.t < 1.15 * FragmentPath(poses, ClampSpeed(0.008, np.radians(1.5))).length


def test_every_limit_holds_between_knots(arm, line, patient, replanner):
    config, limits = HorizonConfig(), arm.limits
    for horizon in patient.run(replanner, 30)[::6]:
        now_q = horizon.states[0, :6]
        grip = arm.forward(now_q).inverse() @ (arm.forward(now_q) @ GRIP)
        x = horizon.at(np.linspace(horizon.start, horizon.end, 151)[1:])
        q, qd, qdd = x[:, :6], x[:, 6:12], x[:, 12:18]
        assert (np.abs(qd) <= limits.velocity).all()
        assert (np.abs(qdd) <= config.gentleness * limits.acceleration + 1e-9).all()
        assert (np.abs(horizon.inputs[:, :6]) <= config.gentleness * limits.jerk).all()
        assert ((q >= limits.lower) & (q <= limits.upper)).all()
        assert np.gradient(q, horizon.step / 15, axis=0)[1:-1] == pytest.approx(qd[1:-1], abs=1e-4)
        for k in range(0, 150, 7):
            pose = arm.forward(q[k]) @ grip
            distance, angle = line.off(pose)
            assert distance < 1e3 * config.tube_position
            assert angle < np.degrees(config.tube_rotation)
            wrench = patient.wrench(pose)
            lever = pose.translation - arm.forward(q[k]).translation
            J = arm.jacobian(q[k])
            load = J[:3].T @ wrench[:3] + J[3:].T @ (wrench[3:] + np.cross(lever, wrench[:3]))
            inertia, bias = arm.inertia_and_bias(q[k], qd[k])
            assert (np.abs(inertia @ qdd[k] + bias - load) <= limits.effort).all()
            assert np.linalg.norm(wrench[:3]) <= config.force_limit


def test_calls_may_come_at_any_time(poses, patient, replanner):
    rng = np.random.default_rng(2)
    horizon = replanner.replan(patient.measured())
    while horizon.states[0, -2] > 1e-2 and patient.t < 12.0:
        patient.follow(horizon, period=rng.uniform(0.02, 0.4))
        horizon = replanner.replan(patient.measured())
    error = poses[-1].inverse() @ patient.fragment
    assert 1e3 * np.linalg.norm(error.translation) < 0.1  # mm


def test_a_call_after_the_end_of_the_last_plan_starts_anew(poses, patient, replanner):
    patient.follow(replanner.replan(patient.measured()), period=5.0)
    assert np.abs(patient.qd).max() < 1e-5
    assert replanner.replan(patient.measured()).progress > 0.3  # s of path


def test_real_tissue_predicts_the_force_along_the_horizon(arm, folded, poses):
    """The affine wrench in the arm's axes against the full model at the horizon's end."""
    strap = Cable("strap", np.array([[0.0, 0.0, 0.0], [0.03, 0.02, 0.12]]), (Rider.BODY, Rider.GROUND), 0.1)
    tissue = TissueModel(
        (strap,), TensionLaws.of([TensionLaw(500.0, stiffness=2e3)]), np.zeros(3), np.zeros(1)
    )
    T_armbase_pelvis = RigidTransform.from_rotvec([0.4, -0.3, 0.9], poses[0].translation)
    patient = Patient(arm, folded)

    def load(pose):
        current = RigidTransform(
            T_armbase_pelvis.rotation.T @ pose.rotation @ poses[0].rotation.T @ T_armbase_pelvis.rotation,
            T_armbase_pelvis.inverse().apply(pose.translation),
        )
        return tissue_load(tissue, T_armbase_pelvis, current)

    wrench, stiffness = load(patient.fragment)
    now = replace(patient.measured(), wrench=wrench, stiffness=stiffness)
    horizon = Replanner(arm, poses).replan(now)
    end = arm.forward(horizon.states[-1, :6]) @ GRIP
    moved = np.r_[end.translation - now.fragment.translation, (end @ now.fragment.inverse()).rotvec]
    change = load(end)[0] - wrench
    assert np.linalg.norm(change[:3]) > 2.0  # N
    # the tissue is no spring: 15 % over some 5 mm
    assert np.linalg.norm(change + stiffness @ moved) < 0.15 * np.linalg.norm(change)


def test_a_horizon_that_is_not_replaced_ends_at_rest_on_the_path(arm, line, patient, replanner):
    horizon = patient.run(replanner, 20)[-1]
    after = horizon.at([horizon.end, horizon.end + 5.0])
    assert after[0] == pytest.approx(after[1], abs=1e-6)
    assert np.abs(after[:, 6:18]).max() < 1e-4
    assert line.off(arm.forward(after[0, :6]) @ GRIP)[0] < 1.0  # mm
    trajectory = horizon.trajectory(arm.joint_names)
    assert trajectory.duration == pytest.approx(horizon.end - horizon.start)
    assert trajectory.q[-1] == pytest.approx(after[0, :6], abs=1e-9)


@pytest.mark.parametrize("push", [0.001, 0.003])
def test_a_fragment_pushed_off_its_path_is_brought_back(line, patient, replanner, push):
    patient.run(replanner, 20)
    patient.grip = patient.grip @ RigidTransform.from_translation((push, 0.0, 0.0))
    before = line.off(patient.fragment)[0]
    assert before > 0.5 * 1e3 * push
    patient.run(replanner, 14)
    assert line.off(patient.fragment)[0] < 0.25 * before


def test_a_force_above_the_prediction_slows_the_path_and_holds_it_at_the_limit(arm, folded, poses):
    at_target = Patient(arm, folded).wrench(poses[-1])[:3]
    config = HorizonConfig(force_limit=np.linalg.norm(at_target) + 10.0)
    left = {}
    for extra in (0.0, 20.0):
        patient, replanner = Patient(arm, folded), Replanner(arm, poses, config)
        patient.run(replanner, 25)
        patient.extra[:3] = extra * at_target / np.linalg.norm(at_target)
        horizons = patient.run(replanner, 55)
        left[extra] = horizons[-1].states[0, -2]
        assert np.linalg.norm(patient.wrench(patient.fragment)[:3]) <= config.force_limit
    assert left[0.0] < 0.01  # s: arrived
    assert left[20.0] > 0.3
    assert horizons[-1].progress < 0.05
    assert "tissue force" in horizons[-1].limited_by()


def test_a_changed_target_is_blended_in_without_a_jump(arm, poses, patient, replanner):
    before = patient.run(replanner, 25)[-1]
    moved = RigidTransform.from_translation((0.002, -0.002, 0.001))
    replanner.set_path([moved @ T for T in poses])
    after = replanner.replan(patient.measured())
    expected = before.at([patient.t])[0]
    assert after.states[0, :18] == pytest.approx(expected[:18], abs=1e-9)  # angles, rates, accelerations
    while after.states[0, -2] > 1e-2 and patient.t < 15.0:
        patient.follow(after)
        after = replanner.replan(patient.measured())
    error = (moved @ poses[-1]).inverse() @ patient.fragment
    assert 1e3 * np.linalg.norm(error.translation) < 0.1  # mm


def test_a_tissue_force_above_its_bound_is_named_with_the_force_needed(arm, poses, patient):
    replanner = Replanner(arm, poses, HorizonConfig(force_limit=30.0))
    force = np.linalg.norm(AT_REST[:3])  # 44 N
    with pytest.raises(InfeasibleHorizonError, match="tissue force at 1") as refused:
        replanner.replan(patient.measured())
    relaxation = refused.value.relaxation
    assert relaxation is not None
    # the tube is a little room to ease off
    assert 30.0 < 30.0 * relaxation.usage["tissue force"] < 1.02 * force
    assert relaxation.usage["joint torque"] < 1.0


def test_a_path_that_starts_elsewhere_is_named_as_the_tube(arm, poses, patient, replanner):
    replanner.set_path([RigidTransform.from_translation((0.0, 0.3, 0.0)) @ T for T in poses])
    with pytest.raises(InfeasibleHorizonError, match="tube position") as refused:
        replanner.replan(patient.measured())
    assert refused.value.relaxation is not None


def test_a_path_out_of_reach_is_followed_as_far_as_the_arm_goes(arm, folded):
    outward = np.radians([0.0, -60.0, 40.0, -70.0, -90.0, 0.0])
    start = arm.forward(outward) @ GRIP
    away = start.translation * [1.0, 1.0, 0.0]
    goal = RigidTransform.from_translation(0.6 * away / np.linalg.norm(away)) @ start
    config = HorizonConfig(linear_speed=0.1, return_speed=0.2, gentleness=1.0)
    patient, replanner = Patient(arm, outward), Replanner(arm, [start, goal], config)
    none = np.zeros((6, 6))
    for _ in range(30):
        now = replace(patient.measured(), wrench=np.zeros(6), stiffness=none)
        horizon = replanner.replan(now)
        patient.follow(horizon)
    assert horizon.progress < 1e-2
    assert "singularity" in horizon.limited_by()
    assert arm.manipulability(patient.q) >= config.min_manipulability


def test_a_load_beyond_the_arm_is_named_as_joint_torque(arm, poses, patient):
    replanner = Replanner(arm, poses, HorizonConfig(force_limit=600.0, torque_limit=60.0))
    now = replace(patient.measured(), wrench=np.array([0.0, 590.0, 0.0, 0.0, 0.0, 0.0]))
    with pytest.raises(InfeasibleHorizonError, match="joint torque"):
        replanner.replan(now)


def test_a_plane_on_the_path_stops_the_fragment_in_front_of_it(arm, poses, patient, replanner):
    way = poses[-1].translation - poses[0].translation
    way /= np.linalg.norm(way)
    wall = poses[0].translation + 0.01 * way
    for _ in range(40):
        gap = (wall - patient.fragment.translation) @ way
        planes = HalfSpaces(np.zeros((1, 3)), -way[None], np.array([gap]))
        horizon = replanner.replan(patient.measured(), planes)
        patient.follow(horizon)
    # at 1 cm of 25; the clearance kept and the slack of a linearised plane
    assert 0.45e-3 < (wall - patient.fragment.translation) @ way < 1.1e-3  # m
    assert "clearance" in horizon.limited_by()


def test_more_planes_than_there_is_room_for_are_refused(patient, replanner):
    many = HalfSpaces(np.zeros((9, 3)), np.tile([0.0, 0.0, 1.0], (9, 1)), np.full(9, 0.1))
    with pytest.raises(InputError, match="9 half-spaces"):
        replanner.replan(patient.measured(), many)


@pytest.mark.parametrize("solver", ["fatrop", "ipopt"])
def test_solvers_agree(arm, folded, poses, replanner, solver):
    patient = Patient(arm, folded)
    patient.run(replanner, 12)
    replanner.forget()
    one = replanner.replan(patient.measured())
    two = Replanner(arm, poses, HorizonConfig(solver=solver)).replan(patient.measured())
    assert two.progress == pytest.approx(one.progress, abs=5e-3)  # s of path
    assert two.states[:, :6] == pytest.approx(one.states[:, :6], abs=2e-4)  # rad


def test_a_warm_start_takes_fewer_iterations(arm, poses, patient):
    replanner = Replanner(arm, poses, HorizonConfig(solver="fatrop"))
    horizons = patient.run(replanner, 30)
    assert np.median([h.iterations for h in horizons[1:]]) <= horizons[0].iterations


def test_the_same_call_gives_the_same_answer(patient, replanner):
    first = replanner.replan(patient.measured())
    replanner.forget()
    assert replanner.replan(patient.measured()).states == pytest.approx(first.states, abs=1e-12)


@pytest.mark.parametrize(
    ("bad", "said"), [({"solver": "magic"}, "magic"), ({"knots": 1}, "knots"), ({"step": 9.0}, "step")]
)
def test_bad_tunables_are_refused_by_name(arm, poses, bad, said):
    with pytest.raises(InputError, match=said):
        Replanner(arm, poses, HorizonConfig(**bad))


def test_a_path_without_length_is_refused(arm, poses):
    with pytest.raises(InfeasibleError, match="no length"):
        Replanner(arm, [poses[0], poses[0]])


def answer(arm, folded, poses, config):
    """Motion and use of the limits with a fragment off its path between two planes."""
    up = np.array([0.0, 0.0, 1.0])
    planes = HalfSpaces(np.zeros((2, 3)), np.array([up, -up]), np.full(2, 0.003))
    horizon = Replanner(arm, poses, config).replan(Patient(arm, folded).measured(), planes)
    return np.r_[horizon.at(np.linspace(0, 0.9, 7)).ravel(), list(horizon.usage.values())]


@pytest.fixture(scope="module")
def pushed(poses):
    return [RigidTransform.from_translation((0.0, 0.0, 0.0025)) @ T for T in poses]


@pytest.fixture(scope="module")
def usual(arm, folded, pushed):
    return answer(arm, folded, pushed, HorizonConfig())


@pytest.mark.parametrize(
    "change",
    [
        {"knots": 12},
        {"step": 0.15},
        {"linear_speed": 0.004},
        {"angular_speed": 0.01},
        {"return_speed": 0.012},
        {"return_turn_rate": 0.1},
        {"progress_acceleration": 1.0},
        {"gentleness": 0.03},
        {"margin": 0.7},
        {"tube_position": 3e-4},
        {"tube_rotation": 2e-3},
        {"force_limit": 200.0},
        {"torque_limit": 20.0},
        {"min_manipulability": 0.06},
        {"min_clearance": 1e-3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_tunable_changes_the_horizon_or_what_it_is_held_against(arm, folded, usual, pushed, change):
    changed = answer(arm, folded, pushed, HorizonConfig(**change))
    assert np.abs(changed - usual).max() > 1e-4


@pytest.mark.parametrize(
    ("message", "spoil"),
    [
        ("joint range", lambda x, u: (x + 7.0 * np.eye(20)[2], u)),
        ("joint velocity", lambda x, u: (x + 3.0 * np.eye(20)[7], u)),
        ("joint acceleration", lambda x, u: (x + 1.0 * np.eye(20)[12], u)),
        ("joint jerk", lambda x, u: (x, u + 3.0 * np.eye(7)[0])),
        ("path speed", lambda x, u: (x + 0.5 * np.eye(20)[19], u)),
        ("fragment speed", lambda x, u: (x + 0.2 * np.eye(20)[6], u)),
        ("fragment turn rate", lambda x, u: (x + 0.2 * np.eye(20)[6], u)),
        ("tube position", lambda x, u: (x + 0.01 * np.eye(20)[1], u)),
        ("tube rotation", lambda x, u: (x + 0.02 * np.eye(20)[5], u)),
        ("do not follow", lambda x, u: (x + 1e-3 * np.arange(11)[:, None] * np.eye(20)[0], u)),
        ("does not start", lambda x, u: (x + 1e-4 * np.eye(20)[0], u)),
        ("not end at rest", lambda x, u: (x + 1e-3 * np.eye(20)[8], u)),
    ],
)
def test_the_check_refuses_spoilt_horizons(arm, poses, patient, replanner, message, spoil):
    horizon = patient.run(replanner, 10)[-1]
    patient.q, patient.qd, patient.t = horizon.states[0, :6], horizon.states[0, 6:12], horizon.start
    config = HorizonConfig()
    path = FragmentPath(poses, ClampSpeed(config.linear_speed, config.angular_speed))
    s = path.length - horizon.states[0, -2]
    request = Request.of(patient.measured(), path, HalfSpaces(), config, s)
    assert verify_horizon(horizon, arm, request)[0].accepted
    spoilt = Horizon(horizon.start, horizon.step, *spoil(horizon.states, horizon.inputs))
    check, _ = verify_horizon(spoilt, arm, request)
    assert not check.accepted
    assert any(message in reason for reason in check.reasons), check.reasons
