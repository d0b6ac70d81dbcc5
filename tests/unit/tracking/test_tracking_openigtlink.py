"""Poses come over TCP from a process that runs pyigtl, whole and in metres; a lost peer is found again."""

import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyigtl
import pytest
from pyigtl.messages import CRC64, MessageBase

from rafr.errors import InputError
from rafr.tracking.drivers.frame import DeviceLostError
from rafr.tracking.drivers.igtl_messages import MessageStream
from rafr.tracking.drivers.openigtlink import OpenIGTLinkClient, OpenIGTLinkConfig, OpenIGTLinkServer
from rafr.tracking.drivers.reconnect import ReconnectConfig, Reconnecting

PEER = Path(__file__).with_name("igtl_peer.py")
PATIENCE = 30.0  # s, on a loaded machine


@pytest.fixture
def peer():
    """Starts peers; all are gone afterwards."""
    processes = []

    def start(kind, port, frames=20, period=0.005, *words):
        command = [sys.executable, str(PEER), kind, str(port), str(frames), str(period), *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        processes.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def collect(driver, enough, patience=PATIENCE):
    frames, end = [], time.monotonic() + patience
    while len(frames) < enough and time.monotonic() < end:
        frames += driver.frames(0.05)
    return frames


def reconnecting(driver, **config):
    config = ReconnectConfig(**{"retry_first": 0.05, "retry_longest": 0.2, **config})
    return Reconnecting(driver, config, time.monotonic, time.sleep, np.random.default_rng(0))


def expect_all(frames, count):
    assert [f.device_time for f in frames] == pytest.approx(
        [100 + 0.01 * k for k in range(1, count + 1)], abs=1e-6
    )
    for k, found in enumerate(frames, start=1):
        assert found.tools.keys() == {"ReferenceToTracker", "StylusToTracker"}
        # single precision on the wire: 1000 mm to 6e-5 mm
        np.testing.assert_allclose(
            found.tools["ReferenceToTracker"].T_tracker_tool.translation, [k * 1e-3, 2e-3, 1.0], atol=1e-6
        )


def test_client_receives_every_frame_of_a_pyigtl_server_whole_and_in_metres(peer):
    _, port = peer("server", 0)
    driver = OpenIGTLinkClient(OpenIGTLinkConfig(igtl_port=port), time.time)
    driver.open()
    frames = collect(driver, 20)
    driver.close()
    expect_all(frames, 20)
    assert np.all(np.diff([f.frame_number for f in frames]) == 1)
    assert not driver.losses


def test_server_receives_every_frame_of_a_pyigtl_client(peer):
    driver = OpenIGTLinkServer(OpenIGTLinkConfig(igtl_port=0), time.time)
    driver.open()
    assert "no peer" in driver.state
    peer("client", driver.port)
    frames = collect(driver, 20)
    expect_all(frames, 20)
    driver.close()


def test_server_takes_a_new_peer_in_place_of_one_that_is_half_open(peer):
    driver = OpenIGTLinkServer(OpenIGTLinkConfig(igtl_port=0), time.time)
    driver.open()
    with socket.create_connection(("127.0.0.1", driver.port)) as mute:
        driver.frames(1.0)
        assert driver.state == ""
        peer("client", driver.port)
        expect_all(collect(driver, 20), 20)
        mute.settimeout(PATIENCE)
        assert mute.recv(1) == b""  # the old one was told
    driver.close()


def test_client_comes_back_when_the_server_was_killed_and_started_again(peer):
    process, port = peer("server", 0, 5, 0.005, "silent")
    driver = reconnecting(OpenIGTLinkClient(OpenIGTLinkConfig(igtl_port=port), time.time))
    assert len(collect(driver, 5)) == 5
    process.kill()
    process.wait()
    assert collect(driver, 1, patience=0.4) == []
    assert "attempt" in driver.state
    peer("server", port)
    assert len(collect(driver, 20)) == 20
    assert driver.state == ""
    driver.close()


def test_silence_of_an_open_connection_ends_it():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = OpenIGTLinkConfig(igtl_port=listener.getsockname()[1])
        driver = reconnecting(OpenIGTLinkClient(config, time.time), silence_reconnect=0.1)
        collect(driver, 1, patience=0.3)
        assert "silent" in driver.state
        driver.close()


def test_a_port_where_nobody_listens_and_one_that_is_taken_are_said():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(InputError, match="cannot listen"):
            OpenIGTLinkServer(OpenIGTLinkConfig(igtl_port=port), time.time).open()
    with pytest.raises(DeviceLostError, match="refused"):
        OpenIGTLinkClient(OpenIGTLinkConfig(igtl_port=port), time.time).open()


# -- messages ----------------------------------------------------------------------------------------


def packed(kind, content, name="tool", version=1, damage=False):
    """A message as the protocol's specification lays it out."""
    crc = CRC64(content) + damage
    header = struct.pack(">H12s20sIIQQ", version, kind.encode(), name.encode(), 7, 1 << 31, len(content), crc)
    return header + content


def read(data, step=None):
    stream, step = MessageStream(), step or len(data)
    found = [m for k in range(0, len(data), step) for m in stream.feed(data[k : k + step])]
    return found, stream.broken


MATRIX = (0, 1, 0, -1, 0, 0, 0, 0, 1, 10, 20, 30)  # a quarter turn about z; columns, then mm


def expect_quarter_turn(reading):
    np.testing.assert_allclose(reading.T_tracker_tool.translation, [0.01, 0.02, 0.03], atol=1e-9)
    np.testing.assert_allclose(reading.T_tracker_tool.rotvec, [0, 0, np.pi / 2], atol=1e-6)


@pytest.mark.parametrize("step", [None, 1, 57])
def test_tdata_holds_all_tools_of_its_moment_however_the_stream_is_cut(step):
    elements = [struct.pack(">20sBB12f", name, 2, 0, *MATRIX) for name in (b"reference", b"probe")]
    elements.append(struct.pack(">20sBB12f", b"tip only", 3, 0, *MATRIX))
    (message,), broken = read(packed("TDATA", b"".join(elements)), step)
    assert message.whole
    assert message.time == 7.5
    assert not broken
    expect_quarter_turn(message.tools["reference"])
    expect_quarter_turn(message.tools["probe"])
    assert message.tools["tip only"].status == "no orientation"


def test_position_is_read_with_a_whole_and_with_a_compressed_quaternion_and_has_no_pose_without():
    half = np.sqrt(0.5)
    for content in ((10, 20, 30, 0, 0, half, half), (10, 20, 30, 0, 0, half)):
        (message,), _ = read(packed("POSITION", struct.pack(f">{len(content)}f", *content)))
        expect_quarter_turn(message.tools["tool"])
    (message,), _ = read(packed("POSITION", struct.pack(">3f", 10, 20, 30)))
    assert message.tools["tool"].T_tracker_tool is None


@pytest.mark.parametrize("status", ["OK", "INVALID", "OUT_OF_VIEW"])
def test_status_in_the_metadata_of_a_transform_is_obeyed(status):
    matrix = np.eye(4)
    matrix[:3, 3] = (1, 2, 3)
    transform = pyigtl.TransformMessage(matrix, device_name="tool", timestamp=7.5)
    transform.header_version, transform.metadata = 2, {"TransformStatus": status}
    (message,), _ = read(transform.pack())
    assert (message.tools["tool"].T_tracker_tool is not None) == (status == "OK")


@pytest.mark.parametrize(
    "matrix", [np.eye(4), np.diag([1, 1, -1, 1.0]), np.diag([2, 2, 2, 1.0]), np.full((4, 4), np.nan)]
)
def test_identity_reflection_scaling_and_nan_are_no_pose(matrix):
    (message,), _ = read(pyigtl.TransformMessage(matrix, device_name="tool").pack())
    assert message.tools["tool"].T_tracker_tool is None


def test_damaged_messages_are_counted_and_the_next_one_is_read():
    good = packed("TRANSFORM", struct.pack(">12f", *MATRIX))
    bad = packed("TRANSFORM", struct.pack(">12f", *MATRIX), damage=True)
    short = packed("TRANSFORM", b"1234")
    found, broken = read(bad + short + good)
    assert (len(found), broken) == (1, 2)


def test_other_messages_are_skipped_and_other_protocols_refused():
    text = pyigtl.StringMessage("hello", device_name="note").pack()
    found, broken = read(text + packed("TRANSFORM", struct.pack(">12f", *MATRIX)))
    assert (len(found), broken) == (1, 0)
    with pytest.raises(DeviceLostError, match="OpenIGTLink"):
        read(b"HTTP/1.1 200 OK\r\n" + b" " * MessageBase.IGTL_HEADER_SIZE)
