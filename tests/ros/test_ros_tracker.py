"""The tracker node lets trusted poses pass and nothing else."""

import math

import pytest

pytestmark = pytest.mark.ros
POSE = (0.1, 0.2, 1.5)


@pytest.fixture
def tracker(lab):
    from diagnostic_msgs.msg import DiagnosticArray
    from rafr_msgs.msg import ToolPoses
    from rosgraph_msgs.msg import Clock

    from rafr.nodes.runtime import SENSOR

    lab.listen(ToolPoses, "tracker/tools", SENSOR)
    lab.listen(DiagnosticArray, "/diagnostics")
    lab.publisher = lab.node.create_publisher(ToolPoses, "tracker/raw", SENSOR)
    lab.clock = lab.node.create_publisher(Clock, "/clock", 10)
    # a pose older than 0.1 s is not trusted: on its own clock the test does not depend on the machine's load
    lab.start("tracker", use_sim_time=True)
    lab.wait_ready("tracker")
    assert lab.wait(lambda: lab.publisher.get_subscription_count() and lab.clock.get_subscription_count())
    lab.frame_number = 0
    # best-effort messages may be lost while the processes still find each other
    assert any(exchange(lab, {}, 1.0) for _ in range(60))
    return lab


def exchange(lab, tools, seconds):
    """Publish clock and frame, 60 Hz apart; the frame once the node has answered it, else None."""
    from geometry_msgs.msg import Point, Pose, Quaternion
    from rafr_msgs.msg import ToolPose, ToolPoses
    from rosgraph_msgs.msg import Clock

    from rafr.nodes.convert import time_message

    lab.frame_number += 1
    message = ToolPoses(frame_number=lab.frame_number)
    message.header.stamp = time_message(10.0 + lab.frame_number / 60.0)
    message.header.frame_id = "tracker"
    for name, (valid, x) in tools.items():
        pose = Pose(position=Point(x=x, y=0.2, z=1.5), orientation=Quaternion(w=1.0))
        message.tools.append(ToolPose(name=name, valid=valid, pose=pose, error=1e-4))
    lab.clock.publish(Clock(clock=message.header.stamp))
    lab.publisher.publish(message)
    seen = len(lab.received["tracker/tools"])
    answered = lab.wait(lambda: len(lab.received["tracker/tools"]) > seen, seconds)
    return message if answered else None


def send(lab, **tools):
    """Publish one frame; a tool is (valid, x). Returns the node's tools and the frame."""
    message = exchange(lab, tools, 30.0)
    assert message, lab.log("tracker")
    return {t.name: t for t in lab.received["tracker/tools"][-1].tools}, message


def test_a_coherent_tool_passes_with_the_devices_stamp_and_a_hidden_one_carries_no_pose(tracker):
    for _ in range(4):
        tools, sent = send(tracker, reference=(True, 0.1), base=(False, 0.5))
    assert tools["reference"].valid
    assert tools["reference"].pose.position.x == pytest.approx(0.1, abs=1e-12)
    assert tracker.received["tracker/tools"][-1].header.stamp == sent.header.stamp
    assert not tools["base"].valid
    assert math.isnan(tools["base"].pose.position.x)


def test_a_jump_is_not_passed_on_and_its_reason_is_said(tracker):
    for _ in range(4):
        tools, _ = send(tracker, reference=(True, 0.1))
    assert tools["reference"].valid
    tools, _ = send(tracker, reference=(True, 0.4))
    assert not tools["reference"].valid

    def said():
        return any(
            "reference" in status.message and any("jumped" in v.value for v in status.values)
            for array in tracker.received["/diagnostics"]
            for status in array.status
        )

    assert tracker.wait(said)


def test_an_unknown_driver_ends_the_node_with_one_line_and_exit_code_2(lab):
    process = lab.start("tracker", driver="polaris9")
    assert process.wait(timeout=90) == 2
    assert lab.log("tracker").strip().splitlines()[-1].startswith("rafr: tracker: driver is 'polaris9'")
