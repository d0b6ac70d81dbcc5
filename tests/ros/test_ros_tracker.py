"""The tracker node lets trusted poses pass and nothing else."""

import math

import pytest

pytestmark = [pytest.mark.ros, pytest.mark.slow]
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


# -- a device over OpenIGTLink -----------------------------------------------------------------------


class Peer:
    """Sends TDATA of the tools at 100 Hz whenever the lab spins, to whoever connects."""

    def __init__(self, port=0):
        import socket

        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.connection = None

    def accept(self):
        self.listener.settimeout(60)
        self.connection, _ = self.listener.accept()

    def send(self, time, **tools):
        """One frame; a tool is its x in mm, or None where it is not seen."""
        import struct

        from pyigtl.messages import CRC64

        body = b"".join(
            struct.pack(">20sBB12f", name.encode(), 2, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, *place)
            for name, place in (
                (n, (math.nan,) * 3 if x is None else (x, 200, 1500)) for n, x in tools.items()
            )
        )
        seconds = int(time)
        head = (1, b"TDATA", b"Tracker", seconds, int((time - seconds) * 2**32), len(body), CRC64(body))
        try:
            self.connection.sendall(struct.pack(">H12s20sIIQQ", *head) + body)
        except ConnectionError:  # one of the node's earlier attempts, given up meanwhile
            self.accept()

    def close(self):
        self.listener.close()
        if self.connection is not None:
            self.connection.close()


@pytest.fixture
def peer():
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def device(lab, peer):
    """The node connected to a peer whose clock stands 1000 s into its own time."""
    from diagnostic_msgs.msg import DiagnosticArray
    from rafr_msgs.msg import ToolPoses

    from rafr.nodes.runtime import SENSOR

    lab.listen(ToolPoses, "tracker/tools", SENSOR)
    lab.listen(DiagnosticArray, "/diagnostics")
    names = "ReferenceToTracker=reference,ArmToTracker=base"
    # what the machine's load does to the stamps is not the test's matter
    limits = {"max_age": 20.0, "max_speed": 1.0, "retry_first": 0.05, "retry_longest": 0.2}
    lab.start("tracker", driver="openigtlink", igtl_port=peer.port, tools=names, **limits)
    lab.wait_ready("tracker")
    peer.accept()
    return lab


def stream(lab, peer, until, start=1000.0, **tools):
    """Send frames every 10 ms until a condition on the newest tools holds."""
    seen = lab.received["tracker/tools"]
    seen.clear()
    for k in range(2000):
        peer.send(start + 0.01 * k, **tools)
        before = len(seen)
        lab.wait(lambda n=before: len(seen) > n, 0.01)
        if seen and until({t.name: t for t in seen[-1].tools}):
            return {t.name: t for t in seen[-1].tools}
    raise AssertionError(lab.log("tracker"))


def said(lab, word):
    return lab.wait(
        lambda: any(
            word in f"{status.message} {[(v.key, v.value) for v in status.values]}"
            for array in lab.received["/diagnostics"]
            for status in array.status
            if status.name == "rafr/tracker"
        )
    )


def test_a_device_over_openigtlink_is_renamed_stamped_with_host_time_and_gated(device, peer):
    import time

    tools = stream(
        device, peer, lambda t: t["reference"].valid, ReferenceToTracker=100.0, ArmToTracker=None, Stylus=5.0
    )
    assert tools.keys() == {"reference", "base"}
    assert tools["reference"].pose.position.x == pytest.approx(0.1, abs=1e-7)
    assert not tools["base"].valid
    assert math.isnan(tools["base"].pose.position.x)
    message = device.received["tracker/tools"][-1]
    assert message.header.frame_id == "tracker"
    assert abs(message.header.stamp.sec - time.time()) < 60  # not the device's 1000 s
    assert said(device, "unknown to `tools`: Stylus")


def test_a_device_that_goes_away_is_said_and_taken_up_again_when_it_returns(device, peer):
    stream(device, peer, lambda t: t["reference"].valid, ReferenceToTracker=100.0, ArmToTracker=300.0)
    peer.close()
    assert said(device, "no frames from the tracking device")
    assert said(device, "attempt")
    again = Peer(peer.port)  # the clock of a device that was restarted begins anew
    try:
        again.accept()
        stream(
            device, again, lambda t: t["reference"].valid, 5.0, ReferenceToTracker=150.0, ArmToTracker=300.0
        )
        assert said(device, "clock went back")
    finally:
        again.close()


def test_swapped_names_are_refused_and_said(device, peer):
    def all_valid(tools):
        return all(t.valid for t in tools.values())

    stream(device, peer, all_valid, ReferenceToTracker=100.0, ArmToTracker=300.0)
    stream(device, peer, lambda t: not all_valid(t), 1100.0, ReferenceToTracker=300.0, ArmToTracker=100.0)
    for k in range(20):  # coherent as it is, it is never believed
        tools = stream(device, peer, lambda t: True, 1200.0 + k, ReferenceToTracker=300.0, ArmToTracker=100.0)
    assert not any(t.valid for t in tools.values())
    assert said(device, "names look swapped: base, reference")
    stream(device, peer, all_valid, 1300.0, ReferenceToTracker=100.0, ArmToTracker=300.0)


def test_smoothed_poses_come_with_a_covariance_to_those_who_listen(device, peer):
    from geometry_msgs.msg import PoseWithCovarianceStamped

    from rafr.nodes.runtime import SENSOR

    device.listen(PoseWithCovarianceStamped, "tracker/smoothed/reference", SENSOR)
    smoothed = device.received["tracker/smoothed/reference"]
    stream(device, peer, lambda _: len(smoothed) > 5, ReferenceToTracker=100.0, ArmToTracker=300.0)
    pose = smoothed[-1].pose
    assert pose.pose.position.x == pytest.approx(0.1, abs=1e-6)
    assert 0.0 < pose.covariance[0] < 25e-6  # m^2: 5 mm, with the speed hardly known yet


def test_a_plus_recording_is_replayed_on_the_hosts_clock(lab, tmp_path):
    import time

    from rafr_msgs.msg import ToolPoses

    from rafr.nodes.runtime import SENSOR

    lines = ["ObjectType = Image\n", "DimSize = 1 1 120\n"]
    for k in range(120):
        lines.append(f"Seq_Frame{k:04d}_RefToTrackerTransform = 1 0 0 100 0 1 0 20 0 0 1 1000 0 0 0 1\n")
        lines.append(f"Seq_Frame{k:04d}_RefToTrackerTransformStatus = OK\n")
        lines.append(f"Seq_Frame{k:04d}_Timestamp = {300 + k / 60}\n")
    path = tmp_path / "recording.igs.mha"
    path.write_text("".join(lines) + "ElementDataFile = LOCAL\n")
    lab.listen(ToolPoses, "tracker/tools", SENSOR)
    seen = lab.received["tracker/tools"]
    lab.start(
        "tracker",
        driver="replay",
        replay_file=str(path),
        replay_loop=True,
        tools="RefToTracker=reference",
        max_age=20.0,
    )
    assert lab.wait(lambda: any(t.valid for m in seen for t in m.tools)), lab.log("tracker")
    message = seen[-1]
    assert [t.name for t in message.tools] == ["reference"]
    assert abs(message.header.stamp.sec - time.time()) < 60
    assert lab.stop("tracker") == 0


def test_bad_parameters_of_a_driver_end_the_node_with_one_line_and_exit_code_2(lab):
    for parameters, words in (
        ({"driver": "camera"}, "camera_intrinsics is empty"),
        ({"driver": "replay", "replay_file": "/nowhere.mha"}, "'/nowhere.mha'"),
        ({"driver": "ndi", "ndi_address": "10.0.0.1"}, "ndi_tools is empty"),
        ({"tools": "a=b,c=b"}, "tools names b twice"),
    ):
        process = lab.start("tracker", **parameters)
        assert process.wait(timeout=90) == 2
        assert words in lab.log("tracker").strip().splitlines()[-1]


def test_a_recording_that_is_none_ends_the_node_with_one_line(lab, tmp_path):
    path = tmp_path / "recording.igs.mha"
    path.write_text("no header\n")
    process = lab.start("tracker", driver="replay", replay_file=str(path))
    assert process.wait(timeout=60) == 2
    [line] = lab.log("tracker").strip().splitlines()
    assert str(path) in line
    assert "not a MetaImage" in line
