"""Recordings come back as frames, at the pace asked for."""

from pathlib import Path

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.tracking.drivers.replay import ReplayConfig, ReplayDriver, read_plus, read_poses

ROOT = Path(__file__).resolve().parents[3]
HEADER = "ObjectType = Image\nNDims = 3\n"


class FakeTime:
    """Time that passes only while somebody waits."""

    def __init__(self):
        self.t = 5000.0

    def now(self):
        return self.t

    def sleep(self, seconds):
        self.t += seconds


def plus_file(folder, frames=5, period=0.1):
    """The reference moves 1 mm per frame; frame 2 does not see it, from frame 3 on it sees a stylus."""
    lines = [HEADER, f"DimSize = 1 1 {frames}\n"]
    for k in range(frames):
        status = "INVALID" if k == 2 else "OK"
        lines.append(f"Seq_Frame{k:04d}_RefToTrackerTransform = 1 0 0 {k + 1} 0 1 0 20 0 0 1 1000 0 0 0 1\n")
        lines.append(f"Seq_Frame{k:04d}_RefToTrackerTransformStatus = {status}\n")
        lines.append(f"Seq_Frame{k:04d}_StylusToTrackerTransform = 1 0 0 9 0 1 0 9 0 0 1 9 0 0 0 1\n")
        lines.append(f"Seq_Frame{k:04d}_StylusToTrackerTransformStatus = {'OK' if k >= 3 else 'INVALID'}\n")
        lines.append(f"Seq_Frame{k:04d}_Timestamp = {100 + period * k}\n")
    path = folder / "recording.igs.mha"
    path.write_bytes("".join(lines).encode() + b"ElementDataFile = LOCAL\n\xff\xfe\x00")
    return path


def play(path, seconds, **config):
    time = FakeTime()
    driver = ReplayDriver(ReplayConfig(replay_file=str(path), **config), time.now, time.sleep)
    driver.open()
    frames = []
    while time.t < 5000.0 + seconds:
        frames += driver.frames(0.05)
    return frames, driver


def test_a_plus_recording_is_replayed_once_at_its_own_pace_in_metres(tmp_path):
    frames, driver = play(plus_file(tmp_path), 2.0)
    assert [f.device_time - 5000.0 for f in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=1e-6)
    assert all(0.0 <= f.arrival - f.device_time < 0.051 for f in frames)
    assert [f.frame_number for f in frames] == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(frames[1].tools["RefToTracker"].T_tracker_tool.translation, [2e-3, 0.02, 1.0])
    assert frames[2].tools["RefToTracker"].T_tracker_tool is None
    assert frames[2].tools["RefToTracker"].status == "invalid"
    seen = [f.tools["StylusToTracker"].T_tracker_tool is not None for f in frames]
    assert seen == [False, False, False, True, True]
    assert driver.state == "the recording has ended"


def test_it_is_replayed_faster_and_in_a_loop_without_a_jump_in_time(tmp_path):
    frames, driver = play(plus_file(tmp_path), 1.0, replay_speed=10.0, replay_loop=True)
    assert len(frames) >= 95
    assert np.diff([f.device_time for f in frames]) == pytest.approx(0.01, abs=1e-6)
    assert np.all(np.diff([f.frame_number for f in frames]) == 1)
    assert driver.state == ""


def test_every_recorded_frame_of_a_real_plus_recording_comes_out(data_folder):
    path = data_folder / "tracker" / "EightLandmarkPointsTrackedForPhantomRegistration.igs.mha"
    recording = read_plus(path)
    frames, _ = play(path, 4.0, replay_speed=50.0)
    assert len(frames) == len(recording.times) > 500
    assert recording.readings.keys() == {"ReferenceToTracker", "StylusToTracker"}
    seen = [
        r for r in recording.readings["StylusToTracker"] if r is not None and r.T_tracker_tool is not None
    ]
    distances = [np.linalg.norm(r.T_tracker_tool.translation) for r in seen]
    assert (
        0.05 < min(distances) < max(distances) < 5.0
    )  # m: a tracker's working volume, so mm were read as mm


def test_our_own_recording_is_replayed_from_the_raw_topic(tmp_path):
    from rosbags.typesys import get_types_from_msg

    from rafr.review.recording import Recording, typestore

    types = typestore()
    folder = ROOT / "ros2_ws" / "src" / "rafr_msgs" / "msg"
    for name in ("ToolPose", "ToolPoses"):
        types.register(
            get_types_from_msg((folder / f"{name}.msg").read_text(encoding="utf-8"), f"rafr_msgs/msg/{name}")
        )
    message = tool_messages(types)
    recording = Recording(tmp_path / "recording", types)
    for topic in ("/rafr/tracker/raw", "/rafr/tracker/tools"):
        recording.add(topic, "rafr_msgs/msg/ToolPoses")
    for k in range(4):
        for topic, x in (("/rafr/tracker/raw", 0.1 * k), ("/rafr/tracker/tools", 7.0)):
            data = types.serialize_cdr(message(k, x, valid=k != 1), "rafr_msgs/msg/ToolPoses")
            recording.write(topic, 10**9 * k, bytes(data))
    recording.close()
    frames, _ = play(tmp_path / "recording", 1.0)
    assert [f.device_time - 5000.0 for f in frames] == pytest.approx([0.0, 0.02, 0.04, 0.06], abs=1e-6)
    poses = [f.tools["reference"].T_tracker_tool for f in frames]
    assert poses[1] is None
    assert poses[3].translation[0] == pytest.approx(0.3)
    assert frames[0].tools["reference"].error == 1e-4


def tool_messages(types):
    def make(kind, **fields):
        return types.types[kind](**fields)

    def message(k, x, valid):
        position = make("geometry_msgs/msg/Point", x=x, y=0.0, z=1.0)
        turn = make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0)
        pose = make("geometry_msgs/msg/Pose", position=position, orientation=turn)
        tool = make("rafr_msgs/msg/ToolPose", name="reference", valid=valid, pose=pose, error=1e-4)
        stamp = make("builtin_interfaces/msg/Time", sec=50, nanosec=20_000_000 * k)
        header = make("std_msgs/msg/Header", stamp=stamp, frame_id="tracker")
        return make("rafr_msgs/msg/ToolPoses", header=header, frame_number=k, tools=[tool])

    return message


@pytest.mark.parametrize(
    "text", ["", HEADER, "no header at all", HEADER + "Seq_Frame0000_XTransform = 1 2\n"]
)
def test_a_file_without_tracked_frames_is_refused(tmp_path, text):
    path = tmp_path / "bad.mha"
    path.write_text(text)
    with pytest.raises(InputError, match=r"bad\.mha"):
        read_poses(path)


def test_a_folder_that_is_no_recording_is_refused(tmp_path):
    with pytest.raises(InputError, match="MCAP"):
        read_poses(tmp_path)


def test_a_recording_that_is_not_there_is_refused(tmp_path):
    for name in ("", str(tmp_path / "none.mha")):
        with pytest.raises(InputError, match="replay_file"):
            ReplayDriver(ReplayConfig(replay_file=name), lambda: 0.0, lambda _: None).open()
