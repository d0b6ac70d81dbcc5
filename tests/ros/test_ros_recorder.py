"""The recorder writes what was said on the graph, and a crash costs seconds, not the file."""

import resource
import signal

import pytest

pytestmark = pytest.mark.ros


def speak(lab, folder, n=30):
    """Start the recorder and publish `n` messages on two topics; returns when they are recorded."""
    from rafr_msgs.msg import ArmState, SimulationTruth

    truth = lab.node.create_publisher(SimulationTruth, "simulation/truth", 10)
    arm = lab.node.create_publisher(ArmState, "arm/state", 10)
    process = lab.start("recorder", out=str(folder), flush=0.2)
    lab.wait_ready("recorder")
    assert lab.wait(lambda: truth.get_subscription_count() and arm.get_subscription_count())
    for k in range(n):
        truth.publish(SimulationTruth(bodies=["iliac_wing"], force=float(k)))
        arm.publish(ArmState(state=ArmState.REDUCING, force=2.0 * k))
        lab.wait(lambda: False, 0.01)
    lab.wait(lambda: False, 1.0)  # a flush
    return process


def forces(messages):
    return [m.force for m in messages]


@pytest.mark.slow
def test_a_recording_reads_back_with_every_message(lab, tmp_path):
    from rafr.nodes.recorder import rafr_messages
    from rafr.review.recording import read_recording, typestore

    speak(lab, tmp_path)
    assert lab.stop("recorder") == 0
    found = list(read_recording(tmp_path / "recording", typestore([rafr_messages()])))
    truth = [m for topic, _, m in found if topic == "/rafr/simulation/truth"]
    assert forces(truth) == [float(k) for k in range(30)]
    assert truth[0].bodies == ["iliac_wing"]
    arm = [m for topic, _, m in found if topic == "/rafr/arm/state"]
    assert forces(arm) == [2.0 * k for k in range(30)]


def read_unfinished(folder, name="recording"):
    """Forces of the truth in a recording without its end."""
    from rafr.nodes.recorder import rafr_messages
    from rafr.review.recording import read_recording, typestore

    types = typestore([rafr_messages()])
    return [m.force for _, _, m in read_recording(folder / name, types, ("/rafr/simulation/truth",))]


@pytest.mark.slow
def test_what_was_flushed_survives_a_kill(lab, tmp_path):
    process = speak(lab, tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    assert read_unfinished(tmp_path) == [float(k) for k in range(30)]


@pytest.mark.slow
def test_a_recorder_that_was_started_again_begins_another_recording(lab, tmp_path):
    from rafr.review.recording import recordings

    process = speak(lab, tmp_path, 5)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    before = (tmp_path / "recording" / "recording.mcap").read_bytes()
    lab.wait(lambda: False, 1.0)  # its last heartbeats
    lab.received["heartbeat"].clear()
    speak(lab, tmp_path, 7)
    assert lab.stop("recorder") == 0
    assert [path.name for path in recordings(tmp_path)] == ["recording", "recording_2"]
    assert (tmp_path / "recording" / "recording.mcap").read_bytes() == before
    assert read_unfinished(tmp_path) == [float(k) for k in range(5)]
    assert set(read_unfinished(tmp_path, "recording_2")) <= set(range(7))


@pytest.mark.slow
def test_a_full_disk_is_said_and_what_was_recorded_before_stays_readable(lab, tmp_path):
    from diagnostic_msgs.msg import DiagnosticArray
    from rafr_msgs.msg import ArmState

    lab.listen(DiagnosticArray, "/diagnostics")
    process = speak(lab, tmp_path)
    arm = lab.node.create_publisher(ArmState, "arm/state", 10)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))

    def said():
        arm.publish(ArmState(state=ArmState.REDUCING))
        return any(
            "nothing more is recorded" in status.message
            for array in lab.received["/diagnostics"]
            for status in array.status
        )

    assert lab.wait(said), lab.log("recorder")
    assert process.poll() is None, "the node lives on"
    assert lab.stop("recorder") == 0
    assert read_unfinished(tmp_path)[:30] == [float(k) for k in range(30)]
