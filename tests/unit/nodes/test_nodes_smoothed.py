"""Smoothed poses go to those who listen, under names that ROS accepts."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from rclpy.validate_full_topic_name import validate_full_topic_name

from rafr.geometry import RigidTransform
from rafr.nodes.smoothed import SmoothedTools, topic_name
from rafr.tracking.filter import PoseFilterConfig


@dataclass
class FakeNode:
    """Its own publisher: `listeners` by topic."""

    listeners: int = 1
    topics: list = field(default_factory=list)
    published: list = field(default_factory=list)

    def create_publisher(self, _type, topic, _qos):
        self.topics.append(topic)
        return self

    def publish(self, message):
        self.published.append(message)

    def get_subscription_count(self):
        return self.listeners


@pytest.mark.parametrize("tool", ["reference", "Probe 1", "6D-tool", "", "_x", "Größe", "a/b"])
def test_every_name_of_a_tool_makes_a_topic(tool):
    validate_full_topic_name(f"/rafr/tracker/smoothed/{topic_name(tool)}")


def moving(smoothed, frames, delay):
    """A tool at 0.1 m/s, 100 Hz, used `delay` s after its exposure."""
    for k in range(frames):
        t = 10.0 + 0.01 * k
        smoothed.add(t, t + delay, {"probe": RigidTransform.from_translation([0.1 * t, 0, 1])}, {})
    return t


def test_the_pose_is_predicted_to_the_time_it_is_stamped_with():
    node = FakeNode()
    last = moving(SmoothedTools(node, PoseFilterConfig()), 100, delay=0.05)
    message = node.published[-1]
    assert message.header.frame_id == "tracker"
    assert message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec == pytest.approx(last + 0.05)
    assert message.pose.pose.position.x == pytest.approx(0.1 * (last + 0.05), abs=2e-5)  # m
    covariance = np.reshape(message.pose.covariance, (6, 6))
    assert np.all(np.linalg.eigvalsh(covariance) > 0)
    assert node.topics == ["tracker/smoothed/probe"]


def test_nothing_is_said_of_a_pose_older_than_the_horizon_or_when_nobody_listens():
    node = FakeNode()
    moving(SmoothedTools(node, PoseFilterConfig()), 20, delay=0.2)
    assert node.published == []
    node = FakeNode(listeners=0)
    moving(SmoothedTools(node, PoseFilterConfig()), 20, delay=0.0)
    assert node.published == []


def test_the_devices_own_covariance_is_used_where_it_gives_one():
    spreads = []
    for noise in ({}, {"probe": np.diag([1e-6] * 3 + [1e-4] * 3)}):
        node = FakeNode()
        smoothed = SmoothedTools(node, PoseFilterConfig())
        for k in range(50):
            t = 0.01 * k
            smoothed.add(t, t, {"probe": RigidTransform.identity()}, noise)
        spreads.append(node.published[-1].pose.covariance[0])
    assert spreads[1] > 5 * spreads[0]
