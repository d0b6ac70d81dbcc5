"""The filter smooths, lags as it says, predicts, and knows how well."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.tracking.filter import PoseFilter, PoseFilterConfig

PERIOD = 1 / 60


def deviation(found, true):
    turn = RigidTransform(found.rotation @ true.rotation.T, np.zeros(3)).rotvec
    return np.concatenate([found.translation - true.translation, turn])


def noisy(T, config, rng):
    turn = RigidTransform.from_rotvec(rng.normal(0, config.filter_turn_noise, 3)).rotation
    return RigidTransform(turn @ T.rotation, T.translation + rng.normal(0, config.filter_noise, 3))


def path(t):
    """A bone moved by hand: some cm, some degrees, at half a hertz."""
    return RigidTransform.from_rotvec(
        [0.1 * np.sin(3 * t), 0, 0.05 * t], [0.02 * np.sin(3 * t), 0.01 * t, 1.5]
    )


def run(config, seconds=8.0, ahead=0.0, motion=path, seed=0):
    """Deviations (n, 6) of predictions `ahead` of each measurement and their covariances, once settled."""
    rng, smooth = np.random.default_rng(seed), PoseFilter(config)
    errors, covariances = [], []
    for t in np.arange(0.0, seconds, PERIOD):
        smooth.add(t, noisy(motion(t), config, rng))
        pose, covariance = smooth.predict(t + ahead)
        if t > 1.0:
            errors.append(deviation(pose, motion(t + ahead)))
            covariances.append(covariance)
    return np.array(errors), np.array(covariances)


@pytest.mark.parametrize(("period", "acceleration"), [(1 / 60, 0.5), (1 / 250, 2.0)])
def test_lag_under_acceleration_is_the_one_stated_and_none_at_constant_velocity(period, acceleration):
    smooth = PoseFilter()
    for a in (0.0, acceleration):
        smooth = PoseFilter()
        for k in range(400):
            t = k * period
            x = 0.05 * t + 0.5 * a * t**2
            smooth.add(t, RigidTransform.from_translation([x, 0, 1]))
        behind = x - smooth.predict(t)[0].translation[0]
        assert behind == pytest.approx(a * smooth.lag(period), rel=1e-3, abs=1e-9)
    assert 0 < smooth.lag(period) < 1e-3  # s^2: 1 m/s^2 costs less than a millimetre


def test_noise_of_a_still_tool_is_reduced_without_bias():
    config = PoseFilterConfig()
    errors, _ = run(config, motion=lambda _: path(0.0))
    assert np.all(errors[:, :3].std(axis=0) < 0.8 * config.filter_noise)
    assert np.all(errors[:, 3:].std(axis=0) < 0.8 * config.filter_turn_noise)
    assert np.all(np.abs(errors.mean(axis=0)[:3]) < 0.2 * config.filter_noise)


@pytest.mark.parametrize("ahead", [0.0, 0.05])
def test_the_stated_covariance_covers_the_error_of_a_moving_tool_now_and_predicted(ahead):
    errors, covariances = run(PoseFilterConfig(), ahead=ahead)
    scaled = np.einsum("ni,nij,nj->n", errors, np.linalg.inv(covariances), errors)
    # 6 where the motion is as random as assumed; a smooth one is predicted better
    assert 0.5 < scaled.mean() < 9.0


def test_prediction_beats_the_last_pose():
    errors, _ = run(PoseFilterConfig(), ahead=0.05)
    t = np.arange(1.0, 8.0, PERIOD)
    late = np.array([deviation(path(s), path(s + 0.05)) for s in t])
    assert np.sqrt((errors[:, 0] ** 2).mean()) < 0.3 * np.sqrt((late[:, 0] ** 2).mean())


def test_a_large_turn_is_followed_around_the_whole_circle():
    errors, _ = run(
        PoseFilterConfig(), motion=lambda t: RigidTransform.from_rotvec([0.0, 0.0, 2.0 * t], [0.0, 0.0, 1.0])
    )
    assert np.abs(errors[:, 3:]).max() < 5e-3  # rad


def test_nothing_is_said_beyond_the_horizon_nor_of_the_past_and_a_gap_starts_anew():
    smooth = PoseFilter()
    assert smooth.predict(0.0) is None
    for k in range(20):
        smooth.add(k * PERIOD, RigidTransform.from_translation([0.1 * k * PERIOD, 0, 1]))
    last = 19 * PERIOD
    assert smooth.predict(last + 0.099) is not None
    assert smooth.predict(last + 0.101) is None
    assert smooth.predict(last - 0.001) is None
    smooth.add(last + 5.0, RigidTransform.from_translation([7.0, 0, 1]))
    pose, _ = smooth.predict(last + 5.05)
    np.testing.assert_allclose(pose.translation, [7.0, 0, 1])  # no speed from before the gap


def test_a_repeated_or_older_pose_changes_nothing():
    smooth = PoseFilter()
    smooth.add(1.0, RigidTransform.identity())
    for stamp in (1.0, 0.5):
        smooth.add(stamp, RigidTransform.from_translation([1.0, 0, 0]))
    np.testing.assert_array_equal(smooth.predict(1.0)[0].translation, 0.0)


def test_a_measurement_with_a_larger_covariance_weighs_less():
    ends = []
    for factor in (1.0, 100.0):
        smooth = PoseFilter()
        for k in range(30):
            smooth.add(k * PERIOD, RigidTransform.identity())
        noise = factor * np.diag([1e-8] * 3 + [1e-6] * 3)
        smooth.add(30 * PERIOD, RigidTransform.from_translation([1e-3, 0, 0]), noise)
        ends.append(smooth.predict(30 * PERIOD)[0].translation[0])
    assert 0 < ends[1] < 0.2 * ends[0]


@pytest.mark.parametrize(
    "changed",
    [
        {"filter_noise": 1e-3},
        {"filter_turn_noise": 1e-2},
        {"filter_acceleration": 1.0},
        {"filter_turn_acceleration": 10.0},
        {"filter_horizon": 0.01},
    ],
)
def test_every_option_changes_the_smoothed_pose(changed):
    def outcome(config):
        smooth, rng = PoseFilter(config), np.random.default_rng(0)
        for t in np.arange(0.0, 1.0, PERIOD):
            smooth.add(t, noisy(path(t), PoseFilterConfig(), rng))
        pose, covariance = smooth.predict(t + 0.005)
        return np.concatenate([pose.matrix.ravel(), covariance.ravel()])

    default = PoseFilterConfig()
    assert not np.allclose(outcome(default), outcome(replace(default, **changed)), rtol=1e-6, atol=1e-12)
