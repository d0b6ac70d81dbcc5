"""Tunables of the arm controller."""

from __future__ import annotations

from dataclasses import dataclass

from rafr.config import option
from rafr.limits import BYSTANDER_FORCE, FORCE_LIMIT, TORQUE_LIMIT


@dataclass(frozen=True, slots=True)
class ArmControlConfig:
    """Limits, gains and patience of `ArmController` (SI).

    The limits of a reduction are what the tissue may bear, those of free motion what a bystander may; both
    are in `rafr.limits`.
    """

    force_limit: float = option(
        FORCE_LIMIT, "force at the clamp that stops a reduction", unit="N", lower=10.0, upper=600.0
    )
    torque_limit: float = option(
        TORQUE_LIMIT,
        "torque about the fragment's centre that stops a reduction",
        unit="N m",
        lower=1.0,
        upper=60.0,
    )
    warning_fraction: float = option(
        0.7, "share of a limit from which the path is slowed", lower=0.1, upper=0.99
    )
    free_force_limit: float = option(
        60.0, "contact force that stops free motion", unit="N", lower=5.0, upper=BYSTANDER_FORCE
    )
    joint_speed: float = option(1.0, "largest commanded joint speed", unit="rad/s", lower=0.01, upper=2.0)
    linear_speed: float = option(
        0.03, "largest speed of a clamped fragment", unit="m/s", lower=1e-3, upper=0.1
    )
    angular_speed: float = option(
        0.15, "largest turn rate of a clamped fragment", unit="rad/s", lower=0.01, upper=0.5
    )
    joint_acceleration: float = option(
        8.0,
        "largest acceleration of a commanded joint, stops included",
        unit="rad/s^2",
        lower=0.5,
        upper=50.0,
    )
    joint_jerk: float = option(
        200.0, "largest jerk of a commanded joint, stops included", unit="rad/s^3", lower=5.0, upper=5000.0
    )
    linear_speed_limit: float = option(
        0.06, "measured speed of a held fragment's clamp that stops", unit="m/s", lower=2e-3, upper=0.3
    )
    angular_speed_limit: float = option(
        0.4, "measured turn rate of the clamp that stops", unit="rad/s", lower=0.02, upper=1.5
    )
    power_limit: float = option(
        8.0, "mechanical power into or out of a held fragment that stops", unit="W", lower=0.2, upper=80.0
    )
    joint_margin: float = option(
        0.01, "distance kept from every joint limit", unit="rad", lower=0.0, upper=0.2
    )
    joint_warning: float = option(
        0.1, "distance from a joint limit that warns", unit="rad", lower=0.0, upper=0.5
    )
    start_tolerance: float = option(
        0.02, "largest joint distance from a path's start", unit="rad", lower=1e-4, upper=0.1
    )
    follow_lag: float = option(
        0.1, "how late the arm may be where it was sent", unit="s", lower=0.02, upper=1.0
    )
    follow_time: float = option(
        0.03, "how long it must be further away than allowed", unit="s", lower=0.0, upper=1.0
    )
    follow_tolerance: float = option(
        0.003,
        "how far a joint may be from everything it was sent to within that time",
        unit="rad",
        lower=1e-3,
        upper=0.3,
    )
    overload_tolerance: float = option(
        0.05, "the same of a joint whose load is more than it can hold", unit="rad", lower=1e-3, upper=0.3
    )
    overload_share: float = option(
        0.8,
        "of a joint's torque that arm and load need, from which that is taken to be so",
        lower=0.1,
        upper=1.0,
    )
    damping: float = option(0.01, "damping of the inverse Jacobian", lower=1e-4, upper=0.3)
    path_tolerance: float = option(
        0.01,
        "how far a joint trajectory may stray from the approved path, and the fragment stand from its start",
        unit="m",
        lower=1e-4,
        upper=0.03,
    )
    correction_gain: float = option(
        6.0, "integral gain on the tracked error", unit="1/s", lower=0.05, upper=15.0
    )
    correction_linear: float = option(
        0.03, "bound of the correction's translation", unit="m", lower=1e-3, upper=0.06
    )
    correction_angular: float = option(
        0.2, "bound of the correction's rotation", unit="rad", lower=0.01, upper=0.5
    )
    patience: float = option(
        3.0, "how long the correction may stand at its bound", unit="s", lower=0.1, upper=60.0
    )
    pelvis_filter: float = option(1.0, "time constant of the pelvis's pose", unit="s", lower=0.01, upper=10.0)
    error_slow: float = option(
        3e-3,
        "tracked error from which the path is slowed; at twice this it waits",
        unit="m",
        lower=1e-4,
        upper=0.02,
    )
    error_stop: float = option(0.015, "tracked error that stops", unit="m", lower=1e-3, upper=0.05)
    angle_stop: float = option(0.12, "tracked rotation error that stops", unit="rad", lower=0.01, upper=0.5)
    traction_slow: float = option(
        8.0,
        "difference of the cord's pull from the planned one from which the path is slowed, beside a tenth of "
        "it; at twice this it waits",
        unit="N",
        lower=1.0,
        upper=200.0,
    )
    stall_time: float = option(
        20.0, "how long the path may wait before it is given up", unit="s", lower=0.5, upper=300.0
    )
    settle_distance: float = option(
        1.5e-4, "tracked error at which a reduction is finished", unit="m", lower=1e-5, upper=5e-3
    )
    settle_angle: float = option(
        2.6e-3, "tracked rotation error at which it is finished", unit="rad", lower=1e-4, upper=0.1
    )
    settle_time: float = option(
        0.5, "how long the error must stay that small", unit="s", lower=0.05, upper=5.0
    )
    settle_timeout: float = option(20.0, "longest wait for that", unit="s", lower=1.0, upper=120.0)
    settle_load: float = option(
        25.0,
        "growth of the load meanwhile, from which bone bears the fragment and it is pressed no more",
        unit="N",
        lower=2.0,
        upper=200.0,
    )
    accept_distance: float = option(
        1e-3,
        "error with which a reduction may end then, or at that timeout",
        unit="m",
        lower=1e-5,
        upper=5e-3,
    )
    accept_angle: float = option(
        0.0175, "rotation error with which it may end so", unit="rad", lower=1e-4, upper=0.1
    )
    grip_slip: float = option(
        2e-3,
        "how far the tracked fragment may be from where arm and grip have it, without load",
        unit="m",
        lower=5e-4,
        upper=0.05,
    )
    grip_turn: float = option(
        0.07, "how far it may be turned from there, without load", unit="rad", lower=5e-3, upper=0.5
    )
    grip_stiffness: float = option(
        2e4, "of pins and clamp, softest: what more a force allows", unit="N/m", lower=1e3, upper=1e7
    )
    grip_turn_stiffness: float = option(
        150.0, "of pins and clamp, softest: what more a torque allows", unit="N m/rad", lower=1.0, upper=1e5
    )
    yield_stiffness: float = option(
        2e4,
        "of the spring by which the path yields to what is not expected",
        unit="N/m",
        lower=1e3,
        upper=1e7,
    )
    yield_turn_stiffness: float = option(130.0, "the same for turning", unit="N m/rad", lower=5.0, upper=1e5)
    yield_time: float = option(
        0.4, "time constant of that spring and its damper", unit="s", lower=0.05, upper=5.0
    )
    yield_force: float = option(
        40.0, "unexpected force to which it does not yield", unit="N", lower=0.0, upper=600.0
    )
    yield_torque: float = option(
        5.0, "unexpected torque to which it does not yield", unit="N m", lower=0.0, upper=60.0
    )
    yield_linear: float = option(3e-3, "by which it yields at most", unit="m", lower=0.0, upper=0.02)
    yield_angular: float = option(0.035, "by which it turns away at most", unit="rad", lower=0.0, upper=0.2)
    hold_linear: float = option(
        8e-3,
        "by which a held fragment gives way at most to more than the warning load",
        unit="m",
        lower=0.0,
        upper=0.03,
    )
    hold_angular: float = option(0.07, "by which it turns at most", unit="rad", lower=0.0, upper=0.3)
    adjust_linear: float = option(
        5e-3, "by which the path may be adjusted without a new approval", unit="m", lower=0.0, upper=0.02
    )
    adjust_angular: float = option(
        0.05, "by which it may be turned without a new approval", unit="rad", lower=0.0, upper=0.2
    )
    retrace_speed: float = option(
        5e-3, "with which a fragment is led back the way it came", unit="m/s", lower=2e-4, upper=0.02
    )
    joint_age: float = option(0.08, "age of the joint state that stops", unit="s", lower=0.02, upper=1.0)
    wrench_age: float = option(0.08, "age of the wrench that stops", unit="s", lower=0.02, upper=1.0)
    tracker_pause: float = option(
        0.09, "age of the fragment's pose that pauses the path", unit="s", lower=0.02, upper=2.0
    )
    tracker_stop: float = option(
        1.0, "age of the fragment's pose that stops", unit="s", lower=0.05, upper=5.0
    )
    tracker_jump: float = option(
        0.01, "step of the fragment's pose that is not believed", unit="m", lower=1e-3, upper=0.1
    )
    measure_time: float = option(
        0.3, "how long is averaged for bias and clamp pose", unit="s", lower=0.05, upper=5.0
    )
    clamp_timeout: float = option(
        5.0, "longest wait for the clamp and for the clamp pose", unit="s", lower=0.5, upper=60.0
    )
