"""The stack on two hosts: what loss, delay and a cut cable between them do to the side that stops the arm.

    python benchmarks/two_hosts.py -o two_hosts.json [--seconds 20] [--quick]

Two network namespaces, each with process ids of its own, hang on the two ends of a cable that this program
plays (two TAP devices): it loses and delays frames at will, and can be cut. The tracker runs on one host, the
safety supervisor, which needs it, on the other. Needs root and iproute2. Shared memory is switched off, which
two hosts do not have.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import heapq
import itertools
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

_TUNSETIFF, _TAP = 0x400454CA, 0x0002 | 0x1000  # linux/if_tun.h: IFF_TAP, IFF_NO_PI
_CLONE_NEWNET = 0x40000000
_FRAME = 1 << 16
_PATIENCE = 60.0  # s
_WEATHER = ((0.0, 0.0), (0.0, 0.05), (0.0, 0.3), (0.02, 0.01), (0.1, 0.02), (0.3, 0.02))  # loss, delay (s)


class Cable:
    """Carries Ethernet frames between two TAP devices in a thread.

    Attributes:
        loss: share of the frames that are lost.   delay: s.   cut: whether nothing gets through.
    """

    def __init__(self, ends: tuple[int, int], seed: int) -> None:
        self.loss, self.delay, self.cut = 0.0, 0.0, False
        self._ends, self._rng = ends, np.random.default_rng(seed)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        for end in self._ends:
            os.close(end)

    def _carry(self) -> None:
        waiting: list[tuple[float, int, int, bytes]] = []
        order = itertools.count()
        while not self._closed.is_set():
            soonest = waiting[0][0] - time.monotonic() if waiting else 0.1
            for end in select.select(self._ends, [], [], min(max(soonest, 0.0), 0.1))[0]:
                frame = os.read(end, _FRAME)
                if not self.cut and self._rng.random() >= self.loss:
                    other = self._ends[1 - self._ends.index(end)]
                    heapq.heappush(waiting, (time.monotonic() + self.delay, next(order), other, frame))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, other, frame = heapq.heappop(waiting)
                if not self.cut:
                    os.write(other, frame)


def why_not() -> str:
    """What keeps this machine from playing two hosts; "" if nothing does."""
    if os.geteuid() != 0:
        return "it needs root"
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        return "it needs ip (iproute2) and unshare (util-linux)"
    probe = f"rafr-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespace can be made ({made.stderr.strip()})"
    subprocess.run(["ip", "netns", "delete", probe], check=False)
    return "" if os.access("/dev/net/tun", os.R_OK | os.W_OK) else "there is no /dev/net/tun"


@contextmanager
def two_hosts(seed: int) -> Iterator[tuple[Cable, tuple[str, str]]]:
    """The cable, and the names of two namespaces at its ends (10.231.0.1 and 10.231.0.2)."""
    names = (f"rafr-a-{os.getpid()}", f"rafr-b-{os.getpid()}")
    with ExitStack() as stack:
        ends = []
        for k, name in enumerate(names):
            _run("ip", "netns", "add", name)
            stack.callback(_run, "ip", "netns", "delete", name)
            ends.append(_tap(name, "cable"))
            inside = ("ip", "-n", name)
            _run(*inside, "address", "add", f"10.231.0.{k + 1}/24", "dev", "cable")
            _run(*inside, "link", "set", "lo", "up")
            _run(*inside, "link", "set", "cable", "up")
            _run(*inside, "route", "add", "224.0.0.0/4", "dev", "cable")
        cable = Cable((ends[0], ends[1]), seed)
        stack.callback(cable.close)
        yield cable, names


def _tap(namespace: str, name: str) -> int:
    """A TAP device inside a namespace; its descriptor works from outside."""
    libc = ctypes.CDLL(None, use_errno=True)
    home, there = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(there, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _TAP))
    finally:
        libc.setns(home, _CLONE_NEWNET)
        os.close(home)
        os.close(there)
    return device


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def start(host: str, *command: str) -> subprocess.Popen[str]:
    """A process on one of the hosts, in a process id space of its own, that ends with this one's child."""
    environment = os.environ | {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
        "ROS_DOMAIN_ID": "77",
        "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4",
    }
    inside = ("ip", "netns", "exec", host, "unshare", "--pid", "--fork", "--kill-child")
    return subprocess.Popen(
        [*inside, sys.executable, *command], env=environment, stdout=subprocess.PIPE, text=True
    )


def ear() -> None:
    """On the control side: prints every change of the supervisor's state, resets it when told to (stdin)."""
    import rclpy
    from rafr_msgs.msg import SafetyState
    from rclpy.executors import SingleThreadedExecutor
    from std_srvs.srv import Trigger

    from rafr.nodes.runtime import LATCHED

    rclpy.init()
    node = rclpy.create_node("ear", namespace="/rafr")
    last: list[Any] = [None]

    def heard(message: Any) -> None:
        now = (int(message.state), list(message.reasons))
        if now != last[0]:
            last[0] = now
            print(json.dumps([time.monotonic(), *now]), flush=True)

    node.create_subscription(SafetyState, "safety/state", heard, LATCHED)
    client = node.create_client(Trigger, "safety/reset")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while rclpy.ok():
        executor.spin_once(timeout_sec=0.05)
        if last[0] is not None and last[0][0] == SafetyState.STOPPED and client.service_is_ready():
            client.call_async(Trigger.Request())
            executor.spin_once(timeout_sec=0.5)


class Watch:
    """What the ear prints: (s, state, reasons), newest last."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.states: list[tuple[float, int, list[str]]] = []
        self._process = process
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("["):
                t, state, reasons = json.loads(line)
                self.states.append((t, state, reasons))

    def wait(self, stopped: bool, since: float, seconds: float = _PATIENCE) -> tuple[float, list[str]] | None:
        """When, and why, it first was (or was not) stopped since then; None if it was not in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for t, state, reasons in list(self.states):
                if t >= since and (state == 2) == stopped:
                    return t, reasons
            time.sleep(0.02)
        return None

    def settle(self, seconds: float = 2.0) -> None:
        """Wait until nothing has been stopped for so long."""
        quiet = time.monotonic()
        while time.monotonic() - quiet < seconds:
            if self.states[-1][1] == 2:
                quiet = time.monotonic()
            time.sleep(0.02)

    def stops(self, since: float) -> int:
        return sum(t >= since and state == 2 for t, state, _ in list(self.states))


@contextmanager
def stack_on(hosts: tuple[str, str]) -> Iterator[Watch]:
    """Tracker on the first host; supervisor and ear on the second."""
    node = ("--ros-args", "-r", "__ns:=/rafr")
    processes = [
        start(hosts[0], "-m", "rafr.nodes.tracker", *node),
        start(hosts[1], "-m", "rafr.nodes.safety", *node, "-p", "required_nodes:=tracker"),
        start(hosts[1], __file__, "--ear"),
    ]
    try:
        yield Watch(processes[2])
    finally:
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()


def measure(seconds: float, weather: tuple[tuple[float, float], ...], cuts: int, seed: int) -> dict[str, Any]:
    """False stops of every weather, and how soon a cut cable stops and a mended one frees."""
    rows, found = [], []
    with two_hosts(seed) as (cable, hosts), stack_on(hosts) as watch:
        if watch.wait(stopped=False, since=0.0) is None:
            raise SystemExit(f"the two hosts never heard each other: {watch.states}")
        for loss, delay in weather:
            cable.loss, cable.delay = loss, delay
            since = time.monotonic()
            time.sleep(seconds)
            rows.append({"loss": loss, "delay_s": delay, "seconds": seconds, "stops": watch.stops(since)})
            print(json.dumps(rows[-1]), flush=True)
        cable.loss = cable.delay = 0.0
        for _ in range(cuts):
            watch.settle()
            found.append(_cut(cable, watch))
            print(json.dumps(found[-1]), flush=True)
    return {"seed": seed, "weather": rows, "cuts": found}


def _cut(cable: Cable, watch: Watch) -> dict[str, Any]:
    cable.cut = True
    cut = time.monotonic()
    stop = watch.wait(stopped=True, since=cut)
    time.sleep(3.0)  # nobody may free it while the tracker is away
    held = all(state == 2 for t, state, _ in watch.states if stop is not None and t >= stop[0])
    cable.cut = False
    mended = time.monotonic()
    free = watch.wait(stopped=False, since=mended)
    return {
        "stopped_after_s": None if stop is None else round(stop[0] - cut, 2),
        "reasons": [] if stop is None else stop[1],
        "held": held,
        "free_after_s": None if free is None else round(free[0] - mended, 2),
    }


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each weather")
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, default=Path("two_hosts.json"))
    parser.add_argument("--ear", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.ear:
        ear()
        return 0
    if reason := why_not():
        print(f"two_hosts: {reason}", file=sys.stderr)
        return 2
    result = measure(args.seconds, _WEATHER, args.cuts, args.seed)
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
