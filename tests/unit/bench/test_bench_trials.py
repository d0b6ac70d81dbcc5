"""The trials' own work on the smallest sizes, and what becomes of them without their peers."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from rafr.bench import fixation, hops, risk
from rafr.bench.blocks import KINDS, make
from rafr.bench.measure import Peer, Setting
from rafr.bench.patients import displaced_hip
from rafr.bench.peers import elastix, known, ompl_way, ruckig_motion
from rafr.bench.peers.plain_risk import features, leave_one_out
from rafr.bench.run import run_bench
from rafr.bench.scans import error_mm
from rafr.cases.virtual import virtual_pelvis
from rafr.errors import InfeasibleError, InputError
from rafr.geometry import RigidTransform
from rafr.progress import silent
from rafr.risk.features.table import WindowConfig, window_table
from rafr.risk.lifting.session import LiftingConfig, simulate_people
from rafr.robot.collision import ArmCollision
from rafr.robot.mobile import floor_transform
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.mission import Robot
from rafr.trajectory.motion import toppra_duration
from rafr.trajectory.paths import joint_path
from rafr.trajectory.surroundings import arm_surroundings

QUICK = Setting(quick=True)
ABSENT = Peer("nobody's", program="rafr-no-such-program", install="nothing")


def test_a_displaced_hip_follows_from_its_seed_and_its_goal_closes_the_pelvis():
    hip, same, next_one = displaced_hip(0), displaced_hip.__wrapped__(0), displaced_hip(1)
    assert (hip.body, next_one.body) == ("left", "right")
    assert np.array_equal(hip.meshes["left"].mesh.vertices, same.meshes["left"].mesh.vertices)
    whole = virtual_pelvis(np.random.default_rng(0)).left_hip.vertices
    assert hip.reduced.apply(hip.meshes["left"].mesh.vertices) == pytest.approx(whole, abs=1e-9)
    moved = np.linalg.norm(hip.meshes["left"].mesh.vertices - whole, axis=1)
    assert moved.mean() > 2.0  # mm
    assert displaced_hip(0, "right").body == "right"
    assert hip.case.traction is None
    assert displaced_hip(0, traction=True).case.traction.side == "left"


@pytest.mark.parametrize("kind", KINDS)
def test_the_problems_of_bone_are_clamped_and_loaded(kind):
    problem, forces = make(kind, 2)
    assert len(forces) == len(problem.mesh.nodes)
    assert np.abs(forces.sum(axis=0)).max() > 1.0  # N
    assert bool(problem.contacts) is kind.endswith("contact")


def test_without_calculix_the_time_is_measured_and_the_comparison_left_out(monkeypatch):
    monkeypatch.setattr(fixation, "CALCULIX", ABSENT)
    monkeypatch.setattr(fixation, "_QUICK", (("linear", 2), ("linear", 3)))
    found = fixation.run(QUICK, silent)
    assert list(found) == ["fixation.time"]
    assert found["fixation.time"].peer is None
    assert (found["fixation.time"].ours > 0).all()


@pytest.mark.skipif(not known.CALCULIX.found, reason="CalculiX (ccx) is not installed")
def test_calculix_gives_the_same_displacements_in_the_same_run(monkeypatch):
    monkeypatch.setattr(fixation, "_QUICK", (("linear", 2), ("contact", 2)))
    found = fixation.run(QUICK, silent)
    assert len(found["fixation.time"].peer) == 2
    assert found["fixation.linear_difference"].ours.max() < 1e-4
    assert 0.0 < found["fixation.contact_difference"].ours.max() < 0.2  # the coarsest of meshes


def test_the_plain_loop_knows_a_sine():
    rate, hertz, size = 2000.0, 100.0, 0.3
    t = np.arange(8000) / rate
    recording = SimpleNamespace(emg=size * np.sin(2 * np.pi * hertz * t + 0.1)[None], emg_rate=rate)
    mean, spread, _, _, _, crossings, turns, centre, middle, *_ = features(recording, 0.5, WindowConfig())
    assert mean == pytest.approx(size * 2 / np.pi, rel=5e-3)  # twenty samples per period
    assert spread == pytest.approx(size / np.sqrt(2), rel=1e-3)
    assert crossings == pytest.approx(2 * hertz * WindowConfig().length, abs=1)
    assert turns == pytest.approx(2 * hertz * WindowConfig().length, abs=1)
    assert (centre, middle) == pytest.approx((hertz, hertz), abs=0.5)


def test_people_left_out_are_judged_one_by_one():
    people = simulate_people(3, 0, LiftingConfig(trials=1, seconds=8.0))
    scores = leave_one_out(window_table(people, WindowConfig()))
    assert scores.shape == (3,)
    assert ((scores >= 0.0) & (scores <= 1.0)).all()
    assert risk.ACCURACY.peer.found


def test_a_program_that_fails_is_an_error_with_its_last_line():
    with pytest.raises(InfeasibleError, match=r"control_latency failed: .*invalid float value"):
        hops.measured("control_latency", "--seconds", "many")


def test_without_ros_hops_say_so(monkeypatch):
    monkeypatch.setattr(hops, "RCLPY", Peer("ROS", module="rafr_no_such_module"))
    with pytest.raises(InputError, match="ROS 2 is not installed"):
        hops.measured("control_latency")


def test_a_run_of_one_room_reports_it(monkeypatch):
    monkeypatch.setattr(fixation, "CALCULIX", ABSENT)
    monkeypatch.setattr(fixation, "_QUICK", (("linear", 2),))
    report = run_bench(fixation.TRIALS, (fixation.SECONDS,), QUICK)
    (row,) = report["measures"]
    assert row["name"] == "fixation.time"
    assert row["value"]["q50"] > 0.0


def test_ruckig_goes_along_the_path_within_its_limits_and_slower_than_the_quickest():
    pytest.importorskip("ruckig")
    arm = Robot.named().arm
    start = np.radians([0.0, -120.0, 120.0, -90.0, -90.0, 0.0])
    path = joint_path(arm, np.array([start, start + 0.3]), ArmPathConfig().free)
    found = ruckig_motion.durations(arm, path, np.full(arm.dof, 0.3))
    assert found.along > toppra_duration([path])  # its jerk is bounded
    assert found.joint > 0.3 / 0.3
    assert found.joint_off_mm < 50.0


def test_ompl_joins_both_ends_without_collision():
    pytest.importorskip("ompl")
    robot = Robot.named()
    base = robot.room.parking.pose
    collision = ArmCollision(robot.arm, arm_surroundings(robot.room, floor_transform(base)))
    start = robot.parked_arm
    goal = start + np.array([0.4, 0.0, 0.0, 0.0, 0.3, 0.0])
    way = ompl_way.find_way(robot.arm.limits, collision, start, goal)
    assert way[0] == pytest.approx(start)
    assert way[-1] == pytest.approx(goal)
    between = [a + s * (b - a) for a, b in pairwise(way) for s in np.linspace(0, 1, 20)]
    assert all(collision.free(q) for q in between)


def test_elastix_starts_within_5_mm_and_5_degrees_of_the_truth():
    rng, centre = np.random.default_rng(0), np.array([40.0, -20.0, 300.0])
    true = RigidTransform.from_rotvec([0.3, -0.2, 0.1], [10.0, 50.0, -30.0])
    starts = [elastix.start_near(true, centre, rng) for _ in range(200)]
    off = [np.linalg.norm(T.apply(centre) - true.apply(centre)) for T in starts]
    turned = [np.degrees((T @ true.inverse()).angle) for T in starts]
    assert 4.5 < max(off) <= 5.0 + 1e-9
    assert 4.5 < max(turned) <= 5.0 + 1e-9


def test_the_error_over_a_surface_is_the_shift_of_every_point():
    mesh = displaced_hip(0).meshes["left"].mesh
    shifted = RigidTransform.from_translation([0.0, 3.0, 4.0])
    assert error_mm(shifted, RigidTransform.identity(), mesh) == pytest.approx((5.0, 5.0))
