"""From a joint state to the command that answers it, quiet or beside busy processes, and from a bare echo.

    python -m rafr.nodes.control_latency [--seconds S] [--busy N] > FILE

This process plays the arm's driver at 100 Hz. The arm controller answers every joint state; so does, in the
same run, a process that only echoes. A tracker frame waits for the next joint state (10 ms at most) and takes
the same way. A deadline is missed when the answer comes later than one period. `rafr bench` runs it, too.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.experimental.events_executor import EventsExecutor
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from rafr.errors import InfeasibleError
from rafr.nodes.domain import own_domain
from rafr.nodes.graph import NodeSpec
from rafr.nodes.runtime import RELIABLE, SENSOR
from rafr.robot.arm import ArmModel

RATE = 100  # Hz
WARM_UP = 1.0  # s left out
PATIENCE = 60.0  # s for processes to find each other
ECHO, CONTROLLER = "bare echo", "arm_controller"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="of each measurement")
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="processes beside that only compute")
    parser.add_argument("--echo", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.echo:
        return echo()
    result: dict[str, Any] = {"seconds": args.seconds, "busy": args.busy}
    with own_domain(), ExitStack() as stack:
        for _ in range(args.busy):
            stack.callback(_started(multiprocessing.Process(target=_compute, daemon=True)).kill)
        for name, command in answerers().items():
            result[name] = measure(command, args.seconds)
    print(json.dumps(result, indent=1))
    return 0


def answerers() -> dict[str, list[str]]:
    """Commands by what answers."""
    spec = NodeSpec("arm_controller", "arm_controller", {"arm": "ur16e"})
    node = [sys.executable, "-m", "rafr.nodes.arm_controller", *spec.arguments()]
    return {ECHO: [sys.executable, "-m", __spec__.name, "--echo"], CONTROLLER: node}


def measure(command: list[str], seconds: float) -> dict[str, Any]:
    """Round trips, ms: quantiles, all of them, and the share later than one period or never answered."""
    arm = ArmModel.named("ur16e")
    sent: dict[tuple[int, int], float] = {}
    trips: dict[tuple[int, int], float] = {}

    def answered(message: Any) -> None:
        key = (message.header.stamp.sec, message.header.stamp.nanosec)
        if key in sent and key not in trips:
            trips[key] = time.monotonic() - sent[key]

    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rclpy.init()
    try:
        node = rclpy.create_node("driver", namespace="/rafr")
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        states = node.create_publisher(JointState, "joint_states", SENSOR)
        node.create_subscription(
            JointTrajectory, "joint_trajectory_controller/joint_trajectory", answered, RELIABLE
        )
        message = JointState(name=list(arm.joint_names), position=[0.1] * arm.dof)
        rng, begin = np.random.default_rng(0), time.monotonic()
        following = begin
        while time.monotonic() < begin + PATIENCE + seconds:
            if time.monotonic() >= following:
                following += 1.0 / RATE
                message.position = (0.1 + 1e-6 * rng.standard_normal(arm.dof)).tolist()
                message.header.stamp = node.get_clock().now().to_msg()
                sent[(message.header.stamp.sec, message.header.stamp.nanosec)] = time.monotonic()
                states.publish(message)
            executor.spin_once(timeout_sec=max(0.0, min(following - time.monotonic(), 0.002)))
            if trips and time.monotonic() > _first(sent, trips) + WARM_UP + seconds:
                break
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
        process.terminate()
        process.wait()
    if not trips:
        raise InfeasibleError((f"no joint state was answered within {PATIENCE:.0f} s by {command[2]}",))
    return summary(sent, trips)


def _first(sent: dict[tuple[int, int], float], trips: dict[tuple[int, int], float]) -> float:
    """When the first joint state that was answered went out."""
    return sent[next(iter(trips))]


def summary(sent: dict[tuple[int, int], float], trips: dict[tuple[int, int], float]) -> dict[str, Any]:
    begin = _first(sent, trips) + WARM_UP
    end = max(sent.values()) - 0.5  # the last ones may still be on their way
    asked = [key for key, t in sent.items() if begin <= t <= end]
    took = np.array([trips.get(key, np.inf) for key in asked])
    known = 1e3 * took[np.isfinite(took)]
    return {
        "n": len(asked),
        **{f"p{100 * q:g}_ms": float(np.quantile(known, q)) for q in (0.5, 0.99, 0.999)},
        "late": float((took > 1.0 / RATE).mean()),
        "unanswered": int(np.isinf(took).sum()),
        "latency_ms": known.round(4).tolist(),
    }


def echo() -> int:
    """Answers joint states and does nothing else."""
    rclpy.init()
    node = rclpy.create_node("echo", namespace="/rafr")
    publisher = node.create_publisher(
        JointTrajectory, "joint_trajectory_controller/joint_trajectory", RELIABLE
    )

    def answer(message: Any) -> None:
        reply = JointTrajectory()
        reply.header.stamp = message.header.stamp
        publisher.publish(reply)

    node.create_subscription(JointState, "joint_states", answer, SENSOR)
    executor = EventsExecutor()
    executor.add_node(node)
    while rclpy.ok():
        executor.spin_once(timeout_sec=0.5)
    return 0


def _started(process: Any) -> Any:
    process.start()
    return process


def _compute() -> None:
    while True:
        np.linalg.svd(np.random.default_rng(0).standard_normal((60, 60)))


if __name__ == "__main__":
    sys.exit(main())
