"""The arm controller on an elastic bench: it reaches the target, follows, slows, holds, and never jumps."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from rafr.control.adjustment import Adjustment
from rafr.control.arm import ArmControlConfig, ArmMode
from rafr.control.correction import displaced
from rafr.geometry import RigidTransform, screw_interpolate
from rafr.trajectory.reduction_path import ReductionPath
from rafr.units import to_metres

TARGET_DISTANCE = 2e-4  # m: the bound for the final error of the fragment
TARGET_ANGLE = np.radians(0.2)


@pytest.mark.parametrize(
    ("seed", "pins"),
    [
        pytest.param(0, (6e4, 400.0), id="pins"),
        pytest.param(1, (2e4, 150.0), id="soft-pins", marks=pytest.mark.slow),
        pytest.param(2, (1e6, 5e3), id="stiff-pins", marks=pytest.mark.slow),
    ],
)
def test_fragment_reaches_the_target_although_pins_give_way_and_the_tracker_is_noisy(tools, seed, pins):
    bench = tools.bench(seed=seed, pins=pins).reducing()
    finished = bench.run(60.0)
    assert finished is not None
    assert finished.success, finished.message
    distance, angle = bench.error()
    assert distance < TARGET_DISTANCE
    assert angle < TARGET_ANGLE
    assert bench.command.state == ArmMode.CLAMPED
    assert finished.peak_force < bench.config.force_limit


@pytest.mark.slow
def test_without_the_correction_the_same_fragment_stays_short_of_its_target(tools):
    config = ArmControlConfig(
        correction_gain=0.05, settle_timeout=1.0, accept_distance=5e-3, accept_angle=0.1
    )
    bench = tools.bench(config=config).reducing()
    bench.run(30.0)
    assert bench.error()[0] > 2 * TARGET_DISTANCE


@pytest.mark.slow
def test_commands_never_outrun_the_joint_speed_limit_from_start_to_release(tools):
    bench = tools.bench().reducing()
    assert bench.run(60.0).success
    assert bench.controller.request_release().accepted
    assert bench.run(5.0).success
    assert bench.command.state == ArmMode.IDLE
    assert bench.largest_step <= bench.config.joint_speed * tools.dt * (1 + 1e-9)


def test_a_bumped_table_is_followed(tools):
    bench = tools.bench().reducing()
    bench.run(3.0)
    bump = RigidTransform.from_rotvec([0.0, 0.0, 0.003], [2e-3, -1e-3, 1e-3])
    bench.plant.T_base_pelvis = bump @ bench.plant.T_base_pelvis
    finished = bench.run(60.0)
    assert finished.success, finished.message
    assert bench.error()[0] < TARGET_DISTANCE


def test_stiff_tissue_holds_at_the_force_limit_and_the_arm_then_stands_still(tools):
    bench = tools.bench(tissue=(6e4, 60.0), config=ArmControlConfig(stall_time=2.0)).reducing()
    finished = bench.run(60.0)
    assert not finished.success
    assert bench.command.state == ArmMode.HOLDING
    assert "force" in bench.command.reason
    assert np.linalg.norm(bench.plant.wrench[:3]) < 1.02 * bench.config.force_limit
    bench.run(1.0, may_yield=False)
    held = bench.command.q
    bench.run(1.0, may_yield=False)
    assert np.array_equal(bench.command.q, held)


@pytest.mark.slow
def test_risk_slows_the_path_and_the_fragment_still_comes_home(tools):
    until = {}
    for slowing in (0.0, 0.5, 0.8):
        bench = tools.bench().reducing()
        ticks = 1
        while bench.tick(slowing=slowing).progress < 0.3:
            ticks += 1
        until[slowing] = tools.dt * ticks
    # half and a fifth of the speed, but for the moment in which it begins
    assert until[0.5] / until[0.0] == pytest.approx(2.0, rel=0.15)
    assert until[0.8] / until[0.0] == pytest.approx(5.0, rel=0.15)
    finished = bench.run(60.0)
    assert finished.success, finished.message


def pulled(bench, force):
    """The tissue's rest pose moves by what raises the force by so much (N): a surge of traction."""
    shift = RigidTransform.from_translation([0.0, 0.0, force / bench.plant.tissue[0]])
    bench.plant.start = shift @ bench.plant.start


@pytest.mark.slow
def test_a_held_fragment_gives_way_to_a_load_that_is_too_high_but_only_so_far_and_only_if_allowed(tools):
    forces, moved = {}, {}
    for allowed in (True, False):
        bench = tools.bench().reducing()
        bench.run(1.0)
        bench.controller.hold("asked")
        bench.run(0.3)
        before = bench.command.q
        pulled(bench, 600.0)
        bench.run(4.0, may_yield=allowed)
        assert bench.command.state == ArmMode.HOLDING
        forces[allowed] = np.linalg.norm(bench.plant.wrench[:3])
        moved[allowed] = np.linalg.norm(bench.command.q[:3] - before[:3])
    assert moved[False] == 0.0
    assert 2e-3 < moved[True] <= bench.config.hold_linear + 1e-6
    assert forces[True] < forces[False] - 10.0  # N: 8 mm against tissue of 5 N/mm


@pytest.mark.slow
def test_a_sudden_pull_meets_a_fragment_that_yields_and_comes_back(tools):
    peaks = {}
    for stiffness in (2e4, 1e7):
        config = ArmControlConfig(yield_stiffness=stiffness, force_limit=600.0, torque_limit=60.0)
        bench = tools.bench(pins=(2e5, 2e3), tissue=(4e4, 300.0), config=config)
        bench.reducing()
        bench.run(0.5)
        pulled(bench, 200.0)
        before = bench.command.force
        peaks[stiffness] = 0.0
        for _ in range(150):
            bench.tick()
            peaks[stiffness] = max(peaks[stiffness], np.linalg.norm(bench.plant.wrench[:3]) - before)
    assert peaks[2e4] < peaks[1e7]


@pytest.mark.slow
def test_after_yielding_the_reduction_still_ends_at_its_target(tools):
    bench = tools.bench().reducing()
    bench.run(1.0)
    pulled(bench, 60.0)
    finished = bench.run(60.0)
    assert finished.success, finished.message
    assert bench.error()[0] < TARGET_DISTANCE


@pytest.mark.slow
def test_a_fragment_is_led_back_the_way_it_came(tools):
    bench = tools.bench().reducing()
    bench.run(3.0)
    bench.controller.hold("asked")
    bench.run(0.2)
    ask = bench.controller.request_retrace
    assert "was not reset" in ask("left", 0.0, bench.approved).reasons[0]
    assert bench.controller.reset().accepted
    bench.tick()
    assert "approval" in ask("left", 0.0, "").reasons[0]
    assert "not behind" in ask("left", 1.0, bench.approved).reasons[0]
    far = bench.command.progress
    assert far > 0.3
    assert ask("left", 0.1, bench.approved).accepted
    finished = bench.run(60.0)
    assert finished.success, finished.message
    assert "10 % of its path" in finished.message
    assert bench.command.progress == pytest.approx(0.1, abs=1e-6)
    path = ReductionPath.of_plan(bench.plan.body("left"), tools.pivot)
    assert path.deviation(bench.plant.fragment, path.at(0.1)) < 5e-4  # m
    assert bench.command.state == ArmMode.CLAMPED


@pytest.mark.slow
def test_what_moves_faster_or_with_more_power_than_allowed_holds_with_its_own_reason(tools):
    for config, word in (
        (ArmControlConfig(linear_speed_limit=2e-3), "speed"),
        (ArmControlConfig(angular_speed_limit=0.02), "turn rate"),
        (ArmControlConfig(power_limit=0.2), "power"),
    ):
        bench = tools.bench(config=config).reducing()
        finished = bench.run(10.0)
        assert not finished.success
        assert word in finished.message


@pytest.mark.slow
def test_warnings_come_before_the_limit(tools):
    bench = tools.bench(config=ArmControlConfig(force_limit=110.0)).reducing()
    seen = set()
    for _ in range(2000):
        command = bench.tick()
        seen |= {text.split()[0] for text in command.warnings}
        if command.finished is not None:
            break
    assert command.finished.success, command.finished.message
    assert "force" in seen


@pytest.mark.slow
def test_an_adjusted_path_is_taken_up_without_a_jump_and_leads_to_its_own_end(tools):
    bench = tools.bench().reducing()
    bench.run(2.0)
    u = bench.command.progress
    shift = np.array([2e-3, -1e-3, 0.0, 0.0, 0.01, 0.0])
    adjustment = Adjustment(np.linspace(u, 1.0, 6), np.linspace(0, 1, 6)[:, None] * shift, "asked")
    ask = bench.controller.adjust
    assert not ask("f" * 64, "left", adjustment).accepted
    assert not ask(bench.plan.hash, "right", adjustment).accepted
    assert (
        "jump"
        in ask(bench.plan.hash, "left", Adjustment(np.array([0.0, 1.0]), np.tile(shift, (2, 1)))).reasons[0]
    )
    far = Adjustment(adjustment.shares, 5.0 * adjustment.offsets)
    assert "new approval" in ask(bench.plan.hash, "left", far).reasons[0]
    assert (
        "NaN"
        in ask(bench.plan.hash, "left", Adjustment(adjustment.shares, np.nan * adjustment.offsets)).reasons[0]
    )
    assert ask(bench.plan.hash, "left", adjustment).accepted
    bench.run(0.5)
    assert bench.command.adjustment > 0.0
    finished = bench.run(60.0)
    assert finished.success, finished.message
    wanted = displaced(to_metres(bench.plan.body("left").T_reduced_displaced), shift, tools.pivot)
    assert (
        np.linalg.norm(wanted.apply(tools.pivot) - bench.plant.fragment.apply(tools.pivot)) < TARGET_DISTANCE
    )
    assert bench.largest_step <= bench.config.joint_speed * tools.dt * (1 + 1e-9)


def test_commands_keep_the_limits_of_acceleration_and_jerk_stops_included(tools):
    bench = tools.bench().reducing()
    commands = []
    for k in range(400):
        if k == 200:
            bench.controller.hold("asked")
        commands.append(bench.tick().q)
    speed = np.diff(commands, axis=0) / tools.dt
    acceleration = np.diff(speed, axis=0) / tools.dt
    assert np.abs(acceleration).max() <= bench.config.joint_acceleration * (1 + 1e-6)
    assert np.abs(np.diff(acceleration, axis=0)).max() <= 2.0 * bench.config.joint_jerk * tools.dt
    still = next(k for k in range(200, 399) if not speed[k:].any())
    assert (still - 199) * tools.dt < 0.1  # s from the wish to standing


@pytest.mark.slow
def test_an_arm_at_the_end_of_its_strength_ends_near_the_target_and_says_which_joint(tools):
    free = tools.bench().reducing()
    assert free.run(60.0).success
    bench = tools.bench()
    bench.plant.arm.limits = replace(bench.plant.arm.limits, effort=np.full(6, 1.0))  # N, N m
    bench.plant.strongest[3] = (
        free.plant.q[3] - 0.008
    )  # short of the angle that settles, within what is accepted
    bench.reducing()
    finished = bench.run(60.0)
    assert finished.success, finished.message
    assert "joint 4 stands" in finished.message
    # the command does not run away from an arm that cannot follow
    assert np.abs(bench.command.q - bench.plant.q).max() < 0.03


def meeting_bone(tools, short, **config):
    """A bench whose fragment meets hard bone `short` (m) before its target, on the way."""
    bench = tools.bench(config=ArmControlConfig(**config))
    target = to_metres(bench.plan.body("left").T_reduced_displaced).apply(tools.pivot)
    way = target - bench.plant.start.apply(tools.pivot)
    normal = way / np.linalg.norm(way)
    bench.plant.bone = (normal, float(normal @ target) - short)
    return bench.reducing()


def test_a_fragment_that_meets_bone_is_pressed_no_more_than_to_know_it(tools):
    bench = meeting_bone(tools, 4e-4)
    finished = bench.run(60.0)
    assert finished.success, finished.message
    assert "bone bears it" in finished.message
    assert bench.error()[0] < 4e-4
    assert finished.peak_force < 200.0  # N: 101 by the tissue, 45 by arriving
    pressing = meeting_bone(tools, 4e-4, settle_load=200.0).run(60.0)
    assert pressing.peak_force > 250.0


@pytest.mark.slow
def test_bone_too_far_from_the_target_is_no_place_to_end(tools):
    finished = meeting_bone(tools, 1.5e-3).run(60.0)
    assert not finished.success


def test_torque_about_the_fragments_centre_has_a_limit_of_its_own(tools):
    config = ArmControlConfig(torque_limit=3.0, stall_time=2.0)
    bench = tools.bench(config=config).reducing()
    assert not bench.run(60.0).success
    assert bench.plant.torque_at_centre == pytest.approx(3.0, rel=0.15)  # slowing, filter and lever's noise


@pytest.mark.slow
def test_the_lever_from_clamp_to_fragment_does_not_count_as_torque(tools):
    bench = tools.bench(tissue=(1e4, 5.0)).reducing()
    assert bench.run(60.0).success
    assert bench.command.torque == pytest.approx(bench.plant.torque_at_centre, abs=0.6)  # N m: lever 2 mm off
    assert np.linalg.norm(bench.plant.wrench[3:]) > bench.command.torque + 2.0


@pytest.mark.slow
def test_the_path_runs_slower_near_the_force_limit(tools):
    durations = []
    for limit in (300.0, 110.0):
        bench = tools.bench(config=ArmControlConfig(force_limit=limit)).reducing()
        finished = bench.run(60.0)
        assert finished.success, finished.message
        durations.append(bench.plant.t)
    assert durations[1] > 1.1 * durations[0]


def test_a_single_wrench_spike_is_not_believed_but_a_lasting_one_holds(tools):
    bench = tools.bench().reducing()
    bench.run(1.0)
    spike = np.full(6, 900.0)
    for _ in range(2):
        bench.tick(wrench=spike)
    assert bench.command.state == ArmMode.REDUCING
    bench.run(0.1, wrench=spike)
    assert bench.command.state == ArmMode.HOLDING


def test_a_wrist_sensor_that_repeats_itself_holds_the_reduction(tools):
    bench = tools.bench().reducing()
    bench.run(1.0)
    assert bench.command.state == ArmMode.REDUCING
    bench.run(0.15, wrench=np.array([20.0, 1.0, 2.0, 0.1, 0.2, 0.3]))
    assert bench.command.state == ArmMode.HOLDING
    assert bench.command.reason == "the wrist sensor repeats its last reading"


@pytest.mark.slow
def test_a_marker_that_slips_on_its_pin_holds_before_the_arm_has_followed_it_far(tools):
    bench = tools.bench().reducing()
    bench.run(1.0)
    began = bench.plant.t
    for _ in range(1500):
        tracking = bench.plant.tracking()
        drift = RigidTransform.from_translation([0.0, 1e-3 * (bench.plant.t - began), 0.0])  # 1 mm/s
        drifted = {name: drift @ pose for name, pose in tracking.T_current_displaced.items()}
        bench.tick(tracking=replace(tracking, T_current_displaced=drifted))
        if bench.command.state != ArmMode.REDUCING:
            break
    assert bench.command.state == ArmMode.HOLDING
    assert "from where the clamp holds it" in bench.command.reason
    assert bench.plant.t - began < 8.0  # s: 2 mm and what the force allows besides


def test_a_marker_that_is_bumped_holds_at_once_and_is_named(tools):
    bench = tools.bench().reducing()
    bench.run(1.5)
    began = bench.plant.t
    for _ in range(100):
        tracking = bench.plant.tracking()
        bump = RigidTransform.from_translation([0.008, 0.0, 0.0])
        bumped = {name: bump @ pose for name, pose in tracking.T_current_displaced.items()}
        bench.tick(tracking=replace(tracking, T_current_displaced=bumped))
        if bench.command.state != ArmMode.REDUCING:
            break
    assert "marker that slipped" in bench.command.reason
    assert bench.plant.t - began < 0.1  # s


@pytest.mark.slow
def test_a_short_loss_of_the_tracker_pauses_the_path_and_a_long_one_holds(tools):
    bench = tools.bench().reducing()
    bench.run(2.0)
    bench.run(0.4, tracking=None)
    paused = bench.command.progress
    bench.run(0.3, tracking=None)
    assert bench.command.state == ArmMode.REDUCING
    assert bench.command.progress == paused
    bench.run(0.5)
    assert bench.command.progress > paused
    bench.run(1.5, tracking=None)
    assert bench.command.state == ArmMode.HOLDING
    assert "tracked" in bench.command.reason


@pytest.mark.slow
def test_one_wild_tracker_sample_does_not_move_the_fragment(tools):
    quiet, wild = tools.bench().reducing(), tools.bench().reducing()
    for bench in (quiet, wild):
        bench.run(2.0)
    tracking = wild.plant.tracking()
    jump = RigidTransform.from_translation([0.05, 0.0, 0.0]) @ tracking.T_current_displaced["left"]
    quiet.tick()
    wild.tick(tracking=replace(tracking, T_current_displaced={"left": jump}))
    for bench in (quiet, wild):
        bench.run(0.3)
    # rad and m: one missed sample, and the smoothing's answer to it
    assert np.abs(wild.command.q - quiet.command.q).max() < 1.5e-3


@pytest.mark.parametrize("what", ["nan-joints", "no-wrench", "late", "unsafe", "disturbed"])
def test_lost_signals_hold_within_their_age_and_nothing_jumps(tools, what):
    bench = tools.bench().reducing()
    bench.run(1.0)
    changes = {
        "nan-joints": {"q": np.full(6, np.nan)},
        "no-wrench": {"wrench": None},
        "late": {"t": bench.plant.t + 0.5},
        "unsafe": {"safety_ok": False},
        "disturbed": {"q": bench.plant.q + 0.08},
    }[what]
    for _ in range(13):
        bench.tick(**changes)
    assert bench.command.state == ArmMode.HOLDING
    assert bench.largest_step <= bench.config.joint_speed * tools.dt * (1 + 1e-9)
    assert np.isfinite(bench.command.q).all()


@pytest.mark.slow
def test_a_hold_stays_until_reset_and_the_reduction_then_goes_on_from_where_it_stands(tools):
    bench = tools.bench().reducing()
    bench.run(3.0)
    bench.controller.hold("asked")
    bench.run(1.0)
    assert bench.command.state == ArmMode.HOLDING
    assert not bench.controller.request_reduction("left", bench.trajectory(), bench.approved).accepted
    assert bench.controller.reset().accepted
    bench.tick()
    assert bench.command.state == ArmMode.CLAMPED
    half = bench.command.fragment
    target = to_metres(bench.plan.body("left").T_reduced_displaced)
    rest = screw_interpolate(half, target, [0.0, 1.0])
    answer = bench.controller.request_reduction("left", bench.trajectory(path=rest), bench.approved)
    assert answer.accepted, answer.reasons
    assert bench.run(60.0).success
    assert bench.error()[0] < TARGET_DISTANCE


def test_withdrawing_the_approval_or_loading_another_plan_stops_at_once(tools):
    for change in ("withdraw", "other plan", "no plan and withdraw"):
        bench = tools.bench().reducing()
        bench.run(1.0)
        if "withdraw" in change:
            bench.approved = ""
        if change == "no plan and withdraw":
            bench.controller.load_plan(None)
        if change == "other plan":
            bench.controller.load_plan(tools.plan(shift_mm=(12.0, -8.0, 15.5)))
        before = bench.command.q
        bench.tick()
        assert bench.command.state == ArmMode.HOLDING
        assert "approval" in bench.command.reason
        bench.run(0.1)
        stopped = bench.command.q
        assert np.abs(stopped - before).max() < 2e-3  # m, rad: slowing down
        bench.run(0.5)
        assert np.array_equal(bench.command.q, stopped)


def test_reduction_is_refused_with_the_reason(tools):
    bench = tools.bench().clamped()
    trajectory, good = bench.trajectory(), bench.plan.hash
    ask = bench.controller.request_reduction
    assert "approval" in ask("left", trajectory, "").reasons[0]
    assert "approval" in ask("left", trajectory, good[:-1] + "x").reasons[0]
    assert "not clamped" in ask("right", trajectory, good).reasons[0]
    start = [to_metres(p.T_path_displaced) for p in bench.plan.body("left").path]
    aside = [start[0], RigidTransform.from_translation([0.0, 0.02, 0.0]) @ start[-1]]
    reasons = ask("left", bench.trajectory(path=aside), good).reasons
    assert any("strays" in r for r in reasons)
    assert any("target" in r for r in reasons)
    short = [start[0], start[4]]
    assert any("target" in r for r in ask("left", bench.trajectory(path=short), good).reasons)
    assert bench.controller.mode == ArmMode.CLAMPED


def test_free_motion_is_refused_while_clamped_and_stops_at_contact(tools):
    bench = tools.bench().ready()
    t = np.linspace(0, 3, 31)
    lift = bench.plant.q + ((t / 3) ** 2 * (3 - 2 * t / 3))[:, None] * np.array([0, 0, 0.1, 0, 0, 0])
    trajectory = tools.joint_trajectory(t, lift)
    assert bench.controller.request_free(trajectory).accepted
    bench.run(1.0)
    bench.run(0.1, wrench=bench.plant.bias + np.array([0, 0, 80.0, 0, 0, 0]))
    assert bench.command.state == ArmMode.HOLDING
    assert "contact" in bench.command.reason
    bench = tools.bench().clamped()
    assert "IDLE" in bench.controller.request_free(trajectory).reasons[0]


def test_clamp_that_does_not_answer_counts_as_holding_the_fragment(tools):
    bench = tools.bench().ready()
    bench.answers = False
    assert bench.controller.request_clamp("left").accepted
    assert not bench.run(10.0).success
    assert bench.controller.reset().accepted
    assert bench.controller.mode == ArmMode.CLAMPED, "nobody knows whether it closed: no free motion"
    bench.answers = True
    assert bench.controller.request_release().accepted
    assert bench.run(5.0).success
    assert bench.controller.mode == ArmMode.IDLE


@pytest.mark.slow
def test_a_controller_started_beside_a_closed_clamp_measures_the_grip_and_goes_on(tools):
    first = tools.bench().reducing()
    first.run(2.0)
    second = tools.bench(plan=first.plan)  # the first one died: same room, another process
    second.plant = first.plant
    second.ready()
    second.controller.clamp_found("left")
    second.run(0.1)
    assert second.command.state == ArmMode.CLAMPED
    lift = tools.joint_trajectory(np.array([0.0, 1.0]), np.tile(second.plant.q, (2, 1)))
    assert "IDLE" in second.controller.request_free(lift).reasons[0]
    second.approved = second.plan.hash
    reasons = second.controller.request_reduction("left", first.trajectory(), second.approved).reasons
    assert "not clamped and measured" in reasons[0]
    assert not second.controller.request_clamp("right").accepted
    assert second.controller.request_clamp("left").accepted
    assert second.run(5.0).success
    target = to_metres(second.plan.body("left").T_reduced_displaced)
    rest = screw_interpolate(second.command.fragment, target, [0.0, 1.0])
    answer = second.controller.request_reduction("left", second.trajectory(path=rest), second.approved)
    assert answer.accepted, answer.reasons
    assert second.run(60.0).success
    assert second.error()[0] < TARGET_DISTANCE


def test_the_measured_clamp_pose_does_not_carry_the_wrench_bias_into_the_force(tools):
    bench = tools.bench().clamped()
    assert bench.command.force < 3.0  # N: noise of the sensor, not its bias of 6 N


def test_distance_to_the_target_is_that_of_the_fragments_surface(tools):
    bench = tools.bench().clamped()
    bench.run(0.2)
    target = to_metres(bench.plan.body("left").T_reduced_displaced)
    points = bench.surfaces["left"]
    true = np.linalg.norm(target.apply(points) - bench.plant.fragment.apply(points), axis=1).mean()
    assert bench.command.target_distance == pytest.approx(true, abs=3e-4)  # m: tracker noise


def test_free_motion_faster_than_allowed_is_slowed_and_arrives_where_it_ends(tools):
    bench = tools.bench(config=ArmControlConfig(joint_speed=0.1)).ready()
    t = np.linspace(0, 1, 21)
    q = bench.plant.q + (t**2 * (3 - 2 * t))[:, None] * np.array([0.2, 0.1, 0.05, 0.3, 0, 0])
    start = bench.plant.t
    assert bench.controller.request_free(tools.joint_trajectory(t, q)).accepted
    finished = bench.run(20.0)
    assert finished.success, finished.message
    assert bench.plant.t - start > 3.0  # s: 0.3 rad at no more than 0.1 rad/s
    assert np.abs(bench.plant.q - q[-1]).max() < 1e-3
    assert bench.largest_step <= 0.1 * tools.dt * (1 + 1e-9)


def test_a_path_that_only_twitches_makes_no_progress_and_holds(tools, monkeypatch):
    """Something that lets it go on for a moment now and then must not keep it waiting for ever."""
    ticks = itertools.count()

    def twitching(self, now):
        return (0.3 if next(ticks) % 200 < 5 else 0.0), "the traction"

    monkeypatch.setattr("rafr.control.reduction.Reduction._speed_share", twitching)
    bench = tools.bench(config=ArmControlConfig(stall_time=3.0)).reducing()
    finished = bench.run(60.0)
    assert not finished.success
    assert "no progress: waiting for the traction" in finished.message
    assert next(ticks) < 1000  # 10 s
