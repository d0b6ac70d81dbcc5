"""Free motion is no faster, and touches no harder, than a bystander may bear."""

import numpy as np
import pytest

from rafr.control.arm import ArmControlConfig, ArmController
from rafr.control.bystander import (
    BystanderConfig,
    Bystanders,
    SpeedLimit,
    base_speed,
    contact_speed,
    reduced_mass,
    slowed_base,
    speed_limit,
)
from rafr.control.signals import ArmInput, ArmMode
from rafr.errors import InputError
from rafr.limits import BODY_REGIONS, BYSTANDER_FORCE, FORCE_LIMIT
from rafr.robot.arm import ArmModel
from rafr.robot.description import urdf_text
from rafr.robot.urdf import description_mass
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory

ARM = ArmModel.named()
REGION = {region.name: region for region in BODY_REGIONS}
AREA = 1e-4  # m^2


def straight(way=1.2, seconds=1.0, arm=ARM):
    t = np.linspace(0.0, seconds, 21)
    s, ds = (t / seconds) ** 2 * (3 - 2 * t / seconds), 6 * t / seconds**2 * (1 - t / seconds)
    q = arm.parked + s[:, None] * way * np.eye(arm.dof)[0]
    qd = ds[:, None] * way * np.eye(arm.dof)[0]
    return ArmTrajectory(arm.joint_names, t, q, qd, np.zeros_like(q), np.zeros_like(q))


def clamp_speeds(trajectory, arm=ARM):
    rows = zip(trajectory.q, trajectory.qd, strict=True)
    return np.array([np.linalg.norm(arm.jacobian(q)[:3] @ qd) for q, qd in rows])


# -- the standard's formulas ---------------------------------------------------------------------------


def test_the_reduced_mass_is_that_of_two_bodies():
    assert reduced_mass(15.0, 40.0) == pytest.approx(600.0 / 55.0)
    assert reduced_mass(1e9, 40.0) == pytest.approx(40.0)


@pytest.mark.parametrize(
    ("name", "force", "by_hand"),
    [
        # v = F_transient / sqrt(mu k), for a robot of 10 kg; the force from the pressure on 1 cm^2 where less
        ("chest", 240.0, 240.0 / np.sqrt(8.0 * 25e3)),  # 2 * 120 N of pressure, mu = 8 kg: 0.537 m/s
        ("lower legs", 260.0, 260.0 / np.sqrt(10 * 75 / 85 * 60e3)),  # 0.357 m/s
        ("hands and fingers", 280.0, 280.0 / np.sqrt(10 * 0.6 / 10.6 * 75e3)),  # 1.359 m/s
        ("face", 65.0, 65.0 / np.sqrt(44 / 14.4 * 75e3)),  # no transient factor: 0.136 m/s
    ],
)
def test_the_speed_of_a_contact_is_what_the_formula_gives_by_hand(name, force, by_hand):
    region = REGION[name]
    assert region.transient * min(region.force, region.pressure * AREA) == pytest.approx(force)
    assert contact_speed(region, 10.0, AREA) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("region", BODY_REGIONS, ids=lambda r: r.name)
def test_at_that_speed_the_springs_energy_is_that_of_the_motion(region):
    v = contact_speed(region, 12.0, 1e-2)  # so wide that the force decides
    energy = 0.5 * reduced_mass(12.0, region.mass) * v**2
    assert energy == pytest.approx((region.transient * region.force) ** 2 / (2 * region.stiffness))


def test_a_heavier_robot_and_a_smaller_edge_must_be_slower():
    chest = REGION["chest"]
    assert contact_speed(chest, 20.0, AREA) < contact_speed(chest, 10.0, AREA)
    assert contact_speed(chest, 10.0, 0.5 * AREA) == pytest.approx(0.5 * contact_speed(chest, 10.0, AREA))


def test_of_all_regions_the_face_sets_the_limits_and_the_patients_are_others():
    assert BYSTANDER_FORCE == 65.0
    assert speed_limit(BODY_REGIONS, 15.0, AREA).region == "face"
    assert FORCE_LIMIT > 4 * BYSTANDER_FORCE


def test_contact_of_a_free_motion_cannot_be_allowed_beyond_the_bystanders():
    from rafr.config import check_config

    assert ArmControlConfig().free_force_limit <= BYSTANDER_FORCE
    with pytest.raises(InputError, match="free_force_limit is 66"):
        check_config(ArmControlConfig(free_force_limit=66.0), "test")


# -- the arm -------------------------------------------------------------------------------------------


def test_the_effective_mass_is_what_an_impulse_at_the_clamp_meets():
    """dv of an impulse p: J M^-1 J^T p, M with the rotors; never less than the standard's rule of thumb."""
    guard = Bystanders(ARM, BystanderConfig())
    rotors = np.diag([j.rotor_inertia for j in ARM.chain if j.moves])
    rng = np.random.default_rng(0)
    for _ in range(20):
        q, u = ARM.parked + rng.uniform(-1, 1, ARM.dof), rng.normal(size=3)
        u /= np.linalg.norm(u)
        inertia, _ = ARM.inertia_and_bias(q, np.zeros(ARM.dof))
        J = ARM.jacobian(q)[:3]
        dv = J @ np.linalg.inv(inertia + rotors) @ J.T @ u
        moving = sum(j.inertia.mass for j in ARM.chain if j.moves)
        tool = sum(j.inertia.mass for j in ARM.chain if not j.moves)
        assert guard.effective_mass(q, u) == pytest.approx(max(1.0 / (u @ dv), moving / 2 + tool))


def test_a_fast_motion_is_slowed_to_the_limit_along_the_same_way_and_that_is_said():
    guard = Bystanders(ARM, BystanderConfig())
    fast = straight()
    assert clamp_speeds(fast).max() > 0.3
    slow, said = guard.slowed(fast)
    assert "face of a bystander" in said
    limits = [
        guard.limit_at(q, ARM.jacobian(q)[:3] @ qd).speed
        for q, qd in zip(slow.q[1:-1], slow.qd[1:-1], strict=True)
    ]
    speeds = clamp_speeds(slow)[1:-1]
    assert np.all(speeds <= np.array(limits) * 1.002)  # the peak is looked for at four points a knot
    assert np.max(speeds / limits) == pytest.approx(1.0, abs=0.01)  # no slower than needed
    assert slow.q == pytest.approx(fast.q)
    assert slow.t[-1] > 2 * fast.t[-1]


def test_a_slow_motion_is_left_as_it_is():
    slow = straight(seconds=20.0)
    assert Bystanders(ARM, BystanderConfig()).slowed(slow) == (slow, "")


def test_where_no_head_can_be_met_the_legs_decide_and_a_sharper_edge_is_slower():
    def fastest(**options):
        return clamp_speeds(Bystanders(ARM, BystanderConfig(**options)).slowed(straight())[0]).max()

    assert fastest(head_may_be_met=False) > 1.5 * fastest()
    assert fastest(contact_area=2e-5) < 0.5 * fastest()


def test_the_arm_controller_moves_no_faster_than_that_and_says_so():
    config = ArmControlConfig()
    controller = ArmController(ARM, ARM.T_base_armbase, config, bystanders=Bystanders(ARM, BystanderConfig()))
    rng, q, t, qs = np.random.default_rng(0), ARM.parked, 0.0, []

    def tick():
        nonlocal q, t
        t += 0.01
        signals = ArmInput(t=t, q=q, wrench=rng.normal(size=6), wrench_t=t, safety_ok=True)
        command = controller.update(signals)
        q = command.q
        return command

    for _ in range(40):
        tick()
    answer = controller.request_free(straight())
    assert answer.accepted
    assert "slowed" in answer.reasons[0]
    while controller.mode == ArmMode.MOVING:
        assert tick().state != ArmMode.HOLDING
        qs.append(ARM.forward(q).translation)
        assert t < 30.0
    assert np.linalg.norm(np.diff(qs, axis=0), axis=1).max() / 0.01 < 0.135  # m/s
    assert q == pytest.approx(straight().q[-1], abs=3e-3)


# -- the base ------------------------------------------------------------------------------------------


def drive(v=0.4, omega=0.0, seconds=5.0):
    t = np.linspace(0.0, seconds, 11)
    zero = np.zeros_like(t)
    return BaseTrajectory(t, v * t, zero, omega * t, zero + v, zero + omega, np.zeros((len(t), 2)))


def test_the_base_meets_legs_with_all_of_its_mass():
    mass = description_mass(urdf_text())
    assert 300.0 < mass < 400.0  # kg: 240 body, 40 column, wheels, 33 arm
    by_hand = 260.0 / np.sqrt(mass * 75 / (mass + 75) * 60e3)
    assert base_speed(mass, BystanderConfig()) == SpeedLimit(pytest.approx(by_hand), "lower legs")


@pytest.mark.parametrize(("v", "omega"), [(0.4, 0.0), (0.2, 0.5), (0.0, 1.0)])
def test_no_corner_of_the_base_is_faster_than_legs_may_bear(v, omega):
    limit = SpeedLimit(0.13, "lower legs")
    slow, said = slowed_base(drive(v, omega), limit, half_length=0.4, half_width=0.3)
    assert "lower legs" in said
    for x in (-0.4, 0.4):
        for y in (-0.3, 0.3):
            assert np.hypot(slow.v - slow.omega * y, slow.omega * x).max() <= 0.85 * limit.speed + 1e-9
    assert slow.poses == pytest.approx(drive(v, omega).poses)


def test_the_base_is_slowed_where_it_is_too_fast_only_and_covers_the_same_way():
    t = np.linspace(0.0, 5.0, 501)
    v = 0.4 * np.sin(np.pi * t / 5.0) ** 2
    zero = np.zeros_like(t)
    x = 0.4 * (t / 2 - 5 / (4 * np.pi) * np.sin(2 * np.pi * t / 5))
    fast = BaseTrajectory(t, x, zero, zero, v, zero, np.zeros((len(t), 2)))
    slow, _ = slowed_base(fast, SpeedLimit(0.2, "lower legs"), 0.4, 0.3)
    assert slow.v.max() == pytest.approx(0.85 * 0.2)
    untouched = fast.v < 0.16
    assert slow.v[untouched] == pytest.approx(fast.v[untouched])
    assert np.trapezoid(slow.v, slow.t) == pytest.approx(x[-1], rel=1e-3)
    assert np.gradient(slow.x, slow.t)[5:-5] == pytest.approx(slow.v[5:-5], abs=2e-3)
    # no harder acceleration than before
    assert np.abs(np.gradient(slow.v, slow.t)).max() <= np.abs(np.gradient(fast.v, fast.t)).max() * 1.01


def test_a_base_that_is_slow_enough_is_left_alone():
    slow = drive(0.05)
    assert slowed_base(slow, SpeedLimit(0.13, "lower legs"), 0.4, 0.3) == (slow, "")
