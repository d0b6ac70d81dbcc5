"""Sensors say the truth plus what they are known to add, and each fault really changes something."""

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.risk.physiology import ImuConfig
from rafr.simulation.sensors import (
    ImuSensor,
    JointSensor,
    JointSensorConfig,
    TrackerConfig,
    TrackerSensor,
    WrenchSensor,
    WrenchSensorConfig,
)

POSE = RigidTransform.from_rotvec([0.1, 0.2, 0.3], [0.2, -0.1, 1.8])


def frames(config, seconds=20.0, seed=0, in_sight=("reference",)):
    sensor = TrackerSensor(config, RigidTransform.identity(), np.random.default_rng(seed))
    out = []
    for tick in range(round(seconds * 100)):
        now = tick * 0.01
        if sensor.due(now):
            sensor.expose(now, {"reference": POSE}, in_sight)
        out += [(now, frame) for frame in sensor.delivered(now)]
    return out


def test_the_tracker_keeps_rate_latency_and_numbers():
    got = frames(TrackerConfig())
    assert len(got) == pytest.approx(20 * 60, rel=0.01)
    delays = np.array([now - frame.stamp for now, frame in got])
    assert delays.min() >= 0.015 - 1e-9
    assert delays.max() <= 0.015 + 0.01  # s: delivered at the next 10 ms tick
    assert [frame.number for _, frame in got] == list(range(1, len(got) + 1))


def test_the_tracker_is_noisier_along_its_line_of_sight():
    config = TrackerConfig(dropout=0.0)
    shifts = np.array([f.tools[0].T_tracker_marker.translation - POSE.translation for _, f in frames(config)])
    # 1200 samples: standard deviations within 10 %
    assert shifts[:, 2].std() == pytest.approx(config.noise_z, rel=0.1)
    assert shifts[:, 0].std() == pytest.approx(config.noise_xy, rel=0.1)
    turns = [(f.tools[0].T_tracker_marker @ POSE.inverse()).angle for _, f in frames(config, 5.0)]
    assert np.sqrt(np.mean(np.square(turns))) == pytest.approx(config.noise_angle * np.sqrt(3), rel=0.1)


def test_dropouts_have_no_pose():
    unseen = [f.tools[0].T_tracker_marker is None for _, f in frames(TrackerConfig(dropout=0.2))]
    assert np.mean(unseen) == pytest.approx(0.2, abs=0.05)


def test_a_hidden_tool_has_no_pose_and_changes_nothing_else():
    hidden = [f.tools[0] for _, f in frames(TrackerConfig(), 2.0, in_sight=())]
    assert all(tool.T_tracker_marker is None for tool in hidden)
    seen = [f.tools[0] for _, f in frames(TrackerConfig(), 2.0)]
    assert [tool.error for tool in hidden] == [tool.error for tool in seen]


def test_the_wrist_has_a_constant_bias_and_noise():
    config = WrenchSensorConfig()
    sensor = WrenchSensor(config, np.random.default_rng(1))
    true = np.array([10.0, -20.0, 30.0, 1.0, 2.0, 3.0])
    read = np.array([sensor.read(true) for _ in range(2000)])
    assert read[:, :3].std(axis=0) == pytest.approx(config.force_noise, rel=0.1)
    bias = read.mean(axis=0) - true
    assert 0.1 < np.abs(bias[:3]).max() < 5.0 * config.force_bias


def test_encoders_add_their_noise():
    config = JointSensorConfig()
    sensor = JointSensor(config, np.random.default_rng(1))
    read = np.array([sensor.read(np.ones(6), np.zeros(6)) for _ in range(1000)])
    assert (read[:, 0] - 1.0).std() == pytest.approx(config.noise, rel=0.1)
    assert read[:, 1].std() == pytest.approx(config.rate_noise, rel=0.1)


def imu_readings(pose_at, seconds=2.0, **changes):
    sensor = ImuSensor(ImuConfig(**changes), np.random.default_rng(0))
    return np.array([sensor.read(0.01, pose_at(0.01 * k)) for k in range(round(seconds * 100))])


EXACT_IMU = {"acceleration_noise": 0.0, "rate_noise": 0.0, "acceleration_bias": 0.0, "rate_bias": 0.0}


def test_an_inertial_sensor_at_rest_feels_its_weight_in_its_own_axes():
    lying = RigidTransform.from_rotvec([0.0, np.pi / 2, 0.0], [1.0, 2.0, 3.0])  # its x axis points down
    read = imu_readings(lambda _: lying, **EXACT_IMU)
    assert np.allclose(read, [-9.81, 0.0, 0.0, 0.0, 0.0, 0.0], atol=1e-9)


def test_an_inertial_sensor_feels_how_it_is_swung_and_turned():
    swung = imu_readings(lambda t: RigidTransform.from_translation([0.0, 0.1 * t * t, 0.0]), **EXACT_IMU)
    assert np.allclose(swung[3:], [0.0, 0.2, 9.81, 0.0, 0.0, 0.0], atol=1e-6)
    turned = imu_readings(
        lambda t: RigidTransform.from_rotvec([0.0, 0.0, 0.3 * t], [0.0, 0.0, 0.0]), **EXACT_IMU
    )
    assert np.allclose(turned[3:], [0.0, 0.0, 9.81, 0.0, 0.0, 0.3], atol=1e-5)


def test_an_inertial_sensor_has_noise_and_a_bias():
    read = imu_readings(lambda _: POSE, 20.0)
    assert read[:, :3].std(axis=0) == pytest.approx(ImuConfig().acceleration_noise, rel=0.1)
    assert read[:, 3:].std(axis=0) == pytest.approx(ImuConfig().rate_noise, rel=0.1)
    assert 1e-4 < np.abs(read[:, 3:].mean(axis=0)).max() < 5.0 * ImuConfig().rate_bias
