"""Virtual lifters: mechanics against closed forms, signals that follow the load."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.risk.fatigue import FatigueTrendConfig, fatigue_trends
from rafr.risk.features.emg import median_frequency
from rafr.risk.lifting.mechanics import joint_moments, sensor_poses
from rafr.risk.lifting.movement import Movement, lift_boxes
from rafr.risk.lifting.person import draw_person
from rafr.risk.lifting.session import LiftingConfig, simulate_people, simulate_session
from rafr.risk.physiology import GRAVITY, MuscleConfig, SurfaceEmg, felt

RATE = 148.148


def person(seed=0):
    return draw_person(np.random.default_rng(seed))


def still(arm, elbow, n=60):
    zero = np.zeros(n)
    return Movement(zero, zero, np.full(n, arm), np.full(n, elbow), zero, np.full(n, 0.1), np.ones(n))


def test_a_box_held_still_asks_for_the_moments_of_statics():
    p, load = person(), 6.0
    moments = joint_moments(p, still(0.3, 1.2), load, RATE)
    fore = 0.3 + 1.2
    of_forearm = p.forearm_mass * 0.682 * p.forearm + load * p.hand_reach
    elbow = GRAVITY * of_forearm * np.sin(fore)
    below = p.upper_arm_mass * 0.436 * p.upper_arm + (p.forearm_mass + load) * p.upper_arm
    assert moments.elbow[30] == pytest.approx(elbow)
    assert moments.shoulder[30] == pytest.approx(elbow + GRAVITY * below * np.sin(0.3))


def test_a_swinging_arm_asks_for_the_moment_of_its_inertia():
    p, n = person(1), 400
    t = np.arange(n) / RATE
    swing = 0.2 * np.sin(2 * np.pi * 0.8 * t)
    zero = np.zeros(n)
    moments = joint_moments(p, Movement(zero, zero, swing, zero, zero, zero, zero), 0.0, RATE)
    # a straight arm is one pendulum about the shoulder
    at_fore = p.upper_arm + 0.682 * p.forearm
    inertia = p.upper_arm_mass * ((0.322 * p.upper_arm) ** 2 + (0.436 * p.upper_arm) ** 2)
    inertia += p.forearm_mass * ((0.468 * p.forearm) ** 2 + at_fore**2)
    weight = GRAVITY * (p.upper_arm_mass * 0.436 * p.upper_arm + p.forearm_mass * at_fore)
    expected = -inertia * (2 * np.pi * 0.8) ** 2 * swing + weight * np.sin(swing)
    inner = slice(20, -20)
    # N m; what the smoothing derivative loses of the swing
    np.testing.assert_allclose(moments.shoulder[inner], expected[inner], atol=0.02 * np.abs(expected).max())


def test_a_sensor_at_rest_feels_gravity_along_the_hanging_arm():
    position, rotation = sensor_poses(person(), replace(still(0.0, 0.2), out=np.zeros(60)), "biceps", "right")
    np.testing.assert_allclose(
        np.swapaxes(rotation, 1, 2) @ rotation, np.tile(np.eye(3), (60, 1, 1)), atol=1e-12
    )
    assert np.linalg.det(rotation) == pytest.approx(np.ones(60))
    np.testing.assert_allclose(felt(position, rotation, 1 / RATE)[30], [-GRAVITY, 0, 0, 0, 0, 0], atol=1e-9)


def test_the_box_is_in_the_hands_most_of_the_time_but_not_always():
    held = lift_boxes(person(), 10.0, 1.0, 40.0, RATE, np.random.default_rng(0)).held
    assert held.min() == 0.0
    assert held.max() == 1.0
    assert 0.4 < held.mean() < 0.8


def test_heavy_boxes_take_more_muscle_of_everybody(lifters):
    level = {(r.subject, r.trial.split()[0]): np.log(r.emg.std(axis=1)).mean() for r in lifters}
    for subject in {s for s, _ in level}:
        assert level[subject, "High"] > level[subject, "Low"] + 0.2


def test_the_same_seed_is_the_same_person_and_another_is_not():
    config = LiftingConfig(trials=1, seconds=3.0)
    (one, *_), (again, *_), (other, *_) = (simulate_people(1, s, config) for s in (5, 5, 6))
    np.testing.assert_array_equal(one.emg, again.emg)
    assert not np.allclose(one.reference, other.reference)


def test_loads_come_in_random_order():
    """Fatigue grows over a visit: were the heavy trials always last, it would tell the load."""
    config = LiftingConfig(trials=1, seconds=3.0)
    rng = np.random.default_rng(0)
    first = [simulate_session("P", rng, config)[1][0].trial for _ in range(8)]
    assert set(first) == {"Low 1", "High 1"}


def test_the_loads_of_the_config_are_lifted():
    def loudness(**options):
        config = LiftingConfig(trials=1, seconds=6.0, **options)
        _, trials = simulate_session("P", np.random.default_rng(3), config)
        return {r.trial: r.emg.std(axis=1).mean() for r in trials}

    base = loudness()
    # a heavier box than 15 kg is beyond some people
    assert loudness(high_load=7.0)["High 1"] < base["High 1"] / 1.2
    assert loudness(low_load=12.0)["Low 1"] > 1.2 * base["Low 1"]
    assert loudness(contact_drift=0.5) != base
    assert loudness(sharing=0.6) != base
    assert loudness(load_spread=0.3) != base
    assert loudness(pause=0.0) != base


def test_a_tiring_muscle_is_found_and_a_rested_one_is_not():
    rate = 1259.0

    def minute(effort):
        emg = SurfaceEmg(1, rate, np.random.default_rng(1), MuscleConfig())
        blocks = [emg.read(np.full((1, 1259), effort)) for _ in range(60)]
        return np.concatenate(blocks, axis=1), float(emg.fatigue.state[0])

    from rafr.risk.data.recording import Recording

    trends, truth = {}, {}
    for effort in (0.05, 0.6):
        signal, truth[effort] = minute(effort)
        (trends[effort],) = fatigue_trends(Recording("P", "1", ("m",), signal, rate))
    assert truth[0.6] > 0.3 > 0.1 > truth[0.05]
    assert trends[0.6].fatiguing
    assert not trends[0.05].fatiguing
    begin = median_frequency(signal[:, None, : 5 * 1259], rate)  # of the last one, at 0.6
    assert trends[0.6].start_hz == pytest.approx(float(begin[0, 0]), rel=0.15)
    assert trends[0.6].frequency < -5.0  # Hz a minute
    few = FatigueTrendConfig(least_windows=50)
    assert fatigue_trends(Recording("P", "1", ("m",), signal[:, : 20 * 1259], rate), few) == []
