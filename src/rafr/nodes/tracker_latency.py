"""From a tracking device to the topic: latency and jitter at 60 and 250 Hz, beside a bare hop through rclpy.

    python -m rafr.nodes.tracker_latency [--seconds S] [--rates HZ ...] > FILE

Three processes a run: an OpenIGTLink peer that sends (TDATA, three tools), the tracker node, and this one,
which subscribes. The bare hop is the same message at the same rates from a process that only publishes it.
Latency is the time from just before the frame leaves the peer (or is published) to the callback of the
subscriber, on the machine's one clock; jitter is the spread of the intervals between callbacks.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from pyigtl.messages import CRC64
from rafr_msgs.msg import ToolPose, ToolPoses
from rclpy.experimental.events_executor import EventsExecutor

from rafr.errors import InfeasibleError, RafrError
from rafr.geometry import RigidTransform
from rafr.nodes.convert import pose_message
from rafr.nodes.domain import own_domain
from rafr.nodes.graph import NodeSpec
from rafr.nodes.runtime import SENSOR

RATES = (60, 250)  # Hz
TOOLS = ("reference", "base", "fragment_left")
QUANTILES = (0.5, 0.9, 0.99, 0.999, 1.0)
WARM_UP = 1.0  # s left out
PATIENCE = 60.0  # s for processes to find each other


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="of each measurement")
    parser.add_argument("--rates", type=int, nargs="+", default=RATES, metavar="HZ", help="frames a second")
    parser.add_argument("--as", dest="role", choices=("peer", "publisher"), help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--note", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.role == "peer":
        return peer(args.rate, args.note)
    if args.role == "publisher":
        return publisher(args.rate)
    try:
        result = measure(args.seconds, args.rates)
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, indent=1))
    return 0


# -- the other processes -----------------------------------------------------------------------------


def every(rate: int) -> Iterator[None]:
    """Comes back at `rate` (1/s) until SIGINT; a tick that is missed is left out, as a camera would."""
    stopped: list[int] = []
    signal.signal(signal.SIGINT, lambda *_: stopped.append(1))
    due = time.perf_counter()
    while not stopped:
        while (left := due - time.perf_counter()) > 0:
            if left > 2e-4:  # sleep coarsely, wait the rest awake
                time.sleep(left - 2e-4)
        yield
        due += (1 + max(0, int((time.perf_counter() - due) * rate))) / rate


def peer(rate: int, note: str) -> int:
    """A tracking device: prints its port, streams to whoever connects, notes when it sent each frame."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = b"".join(
        struct.pack(">20sBB12f", name.encode(), 2, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 200.0 * k, 10.0, 1500.0)
        for k, name in enumerate(TOOLS)
    )
    crc, sent = CRC64(body), []
    for _ in every(rate):
        now = time.time_ns()
        fraction = ((now % 10**9) << 32) // 10**9
        head = (1, b"TDATA", b"Tracker", now // 10**9, fraction, len(body), crc)
        try:
            connection.sendall(struct.pack(">H12s20sIIQQ", *head) + body)
        except ConnectionError:
            break
        sent.append(now)
    np.save(note, sent)
    return 0


def publisher(rate: int) -> int:
    """The bare hop: publishes the same message, stamped when it is."""
    rclpy.init()
    node = rclpy.create_node("bare", namespace="/bench")
    topic = node.create_publisher(ToolPoses, "bare", SENSOR)
    pose = pose_message(RigidTransform.identity())
    message = ToolPoses(tools=[ToolPose(name=name, valid=True, pose=pose) for name in TOOLS])
    message.header.frame_id = "tracker"
    for _ in every(rate):
        message.frame_number += 1
        message.header.stamp = node.get_clock().now().to_msg()
        topic.publish(message)
    return 0


# -- measuring ---------------------------------------------------------------------------------------


def measure(seconds: float, every_hz: Sequence[int]) -> dict[str, Any]:
    rates: dict[str, Any] = {}
    for rate in every_hz:
        with own_domain(), tempfile.TemporaryDirectory() as folder:
            rates[f"{rate}_hz"] = {
                "bare": bare(rate, seconds),
                "tracker": tracked(rate, seconds, Path(folder)),
            }
    return {
        "what": "ms from sending a frame to the subscriber's callback; interval: ms between callbacks",
        "tools": len(TOOLS),
        "seconds": seconds,
        "rates": rates,
    }


def bare(rate: int, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", __spec__.name, "--as", "publisher", "--rate", str(rate)]
    with running(command):
        rows = listen("/bench/bare", seconds)
    return summary(rows, rows[:, 1], rate)


def tracked(rate: int, seconds: float, folder: Path) -> dict[str, Any]:
    note = folder / f"sent_{rate}.npy"
    command = [sys.executable, "-m", __spec__.name, "--as", "peer", "--rate", str(rate), "--note", str(note)]
    with running(command) as device:
        port = int(device.stdout.readline())
        parameters = {"driver": "openigtlink", "igtl_port": port, "max_age": 2.0}
        node = [sys.executable, "-m", "rafr.nodes.tracker"]
        with running(node + NodeSpec("tracker", "tracker", parameters).arguments()):
            rows = listen("/rafr/tracker/tools", seconds)
    # the node counts the frames of a connection from 1; its stamp is an estimate, the peer's own note is not
    return summary(rows, np.load(note)[rows[:, 2] - 1], rate)


@contextmanager
def running(command: list[str]) -> Iterator[Any]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listen(topic: str, seconds: float) -> Any:
    """(n, 3) arrival ns, stamp ns, frame number of a topic of ToolPoses."""
    rclpy.init()
    node = rclpy.create_node("listener", namespace="/bench")
    rows: list[tuple[int, int, int]] = []

    def take(message: Any) -> None:
        stamp = message.header.stamp
        rows.append((time.time_ns(), stamp.sec * 10**9 + stamp.nanosec, message.frame_number))

    node.create_subscription(ToolPoses, topic, take, SENSOR)
    executor = EventsExecutor()
    executor.add_node(node)
    try:
        _spin(executor, PATIENCE, lambda: bool(rows))
        if not rows:
            raise InfeasibleError((f"nothing came on {topic} within {PATIENCE:.0f} s",))
        _spin(executor, WARM_UP, lambda: False)
        rows.clear()
        _spin(executor, seconds, lambda: False)
    finally:
        node.destroy_node()
        rclpy.shutdown()
    return np.array(rows, dtype=np.int64)


def _spin(executor: Any, seconds: float, done: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not done():
        executor.spin_once(timeout_sec=0.1)


def summary(rows: Any, sent: Any, rate: int) -> dict[str, Any]:
    """Of `listen`'s rows and when each was sent (n,) ns."""
    latency = 1e-6 * (rows[:, 0] - sent)
    interval = 1e-6 * np.diff(rows[:, 0])
    numbers = rows[:, 2]
    return {
        "frames": len(rows),
        "lost": int(numbers[-1] - numbers[0] + 1 - len(rows)),
        "latency_quantiles_ms": _quantiles(latency),
        "latency_ms": latency.round(4).tolist(),
        "interval_ms": _quantiles(interval),
        "jitter_ms": float(np.std(interval)),
        "period_ms": 1e3 / rate,
    }


def _quantiles(values: Any) -> dict[str, float]:
    return {f"p{100 * q:g}": float(np.quantile(values, q)) for q in QUANTILES}


if __name__ == "__main__":
    sys.exit(main())
