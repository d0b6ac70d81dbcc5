"""TF is published where `tf2_msgs` exists, and its absence costs nothing. ROS without a running node."""

import sys
import types
from dataclasses import dataclass, field

import pytest

from rafr.geometry import RigidTransform
from rafr.nodes.convert import time_message
from rafr.nodes.frames import TfPublisher, frame_message


@dataclass
class TFMessage:
    transforms: list


@dataclass
class FakeNode:
    published: list = field(default_factory=list)

    def create_publisher(self, message_type, topic, _qos):
        assert (message_type, topic) == (TFMessage, "/tf")
        return self

    def publish(self, message):
        self.published.append(message)

    def get_subscription_count(self):
        return 1


def frames(count):
    T = RigidTransform.from_translation([1.0, 2.0, 3.0])
    return (frame_message("tracker", f"tool{k}_marker", T, time_message(12.5)) for k in range(count))


def test_frames_go_out_in_one_message_and_none_goes_out_empty(monkeypatch):
    module = types.ModuleType("tf2_msgs.msg")
    module.TFMessage = TFMessage
    monkeypatch.setitem(sys.modules, "tf2_msgs", types.ModuleType("tf2_msgs"))
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", module)
    node = FakeNode()
    tf = TfPublisher(node)
    assert tf.watched
    tf.publish(frames(2))
    tf.publish(frames(0))
    ((first, second),) = [message.transforms for message in node.published]
    assert (first.header.frame_id, first.child_frame_id) == ("tracker", "tool0_marker")
    assert second.transform.translation.z == 3.0
    assert (first.header.stamp.sec, first.header.stamp.nanosec) == (12, 500_000_000)


def test_without_tf2_msgs_no_frame_is_even_made(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2_msgs", None)
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", None)
    node = FakeNode()
    tf = TfPublisher(node)

    def made():
        pytest.fail("made a frame that nobody can get")
        yield

    tf.publish(made())
    assert not tf.watched
    assert node.published == []
