"""Checks on a running graph, before and with an arm: `python benchmarks/hardware.py CHECK… [--arm ARM]`.

launch/hardware.launch.py must be running, nobody near the arm, and the arm able to move by `--way` (rad) in
every joint. Checks:

    rates      how often joint states, wrench and the arm's state come, and the wrench at rest
    latency    joint state to the arm controller's command, stamp to arrival here
    move       a free motion there and back
    stop       safety/stop during a free motion: how long the joints still move
    watchdog   SIGKILL to the arm controller (`--pid`) during a free motion: how long the joints still move
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

STILL = 1e-4  # rad between two joint states, and from where the joints came to rest
MOTION = 4.0  # s


class Watcher:
    """A node that hears the arm, and asks it to move."""

    def __init__(self, arm: str) -> None:
        import rclpy
        from geometry_msgs.msg import WrenchStamped
        from rafr_msgs.msg import ArmState, SafetyState
        from sensor_msgs.msg import JointState
        from trajectory_msgs.msg import JointTrajectory

        from rafr.nodes.runtime import LATCHED, SENSOR
        from rafr.robot.arm import ArmModel

        self.arm = ArmModel.named(arm)
        rclpy.init()
        self.node = rclpy.create_node("hardware_check", namespace="/rafr")
        self.heard: dict[str, deque[Any]] = {}
        command = "joint_trajectory_controller/joint_trajectory"
        for kind, topic, qos in (
            (JointState, "joint_states", 10),
            (WrenchStamped, "wrench", SENSOR),
            (ArmState, "arm/state", 10),
            (SafetyState, "safety/state", LATCHED),
            (JointTrajectory, command, 10),
        ):
            self.heard[topic.rsplit("/", 1)[-1] if topic == command else topic] = kept = deque(maxlen=4000)
            self.node.create_subscription(kind, topic, self._keeper(kept), qos)
        if not self.wait(lambda: self.heard["joint_states"] and self.heard["arm/state"], 60.0):
            sys.exit(
                "no joint states or no arm/state within 60 s: is the launch running, in this ROS domain?"
            )

    def _keeper(self, kept: deque[Any]) -> Any:
        return lambda message: kept.append((time.monotonic(), self._now(), message))

    def _now(self) -> float:
        return 1e-9 * float(self.node.get_clock().now().nanoseconds)

    def wait(self, condition: Any, seconds: float) -> bool:
        import rclpy

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rclpy.spin_once(self.node, timeout_sec=0.01)
            if condition():
                return True
        return False

    def joints(self, message: Any = None) -> Any:
        message = message or self.heard["joint_states"][-1][2]
        positions = dict(zip(message.name, message.position, strict=True))
        return np.array([positions[name] for name in self.arm.joint_names])

    def call(self, name: str) -> Any:
        from std_srvs.srv import Trigger

        client = self.node.create_client(Trigger, name)
        if not client.wait_for_service(10.0):
            sys.exit(f"no service {name}")
        future = client.call_async(Trigger.Request())
        self.wait(future.done, 10.0)
        return future.result()

    def move(self, way: float) -> Any:
        """The result, to come, of a free motion of every joint by `way`."""
        from rafr_msgs.action import MoveArm
        from rclpy.action import ActionClient

        from rafr.nodes.convert import joint_trajectory_message
        from rafr.trajectory.result import ArmTrajectory

        t = np.linspace(0.0, MOTION, 21)
        s, ds = (t / MOTION) ** 2 * (3 - 2 * t / MOTION), 6 * t / MOTION**2 * (1 - t / MOTION)
        q, qd = self.joints() + s[:, None] * way, ds[:, None] * np.full(self.arm.dof, way)
        zero = np.zeros_like(q)
        client = ActionClient(self.node, MoveArm, "move_arm")
        if not client.wait_for_server(10.0):
            sys.exit("no action move_arm")
        trajectory = ArmTrajectory(self.arm.joint_names, t, q, qd, zero, zero)
        goal = MoveArm.Goal(kind="approach", trajectory=joint_trajectory_message(trajectory))
        sent = client.send_goal_async(goal)
        self.wait(sent.done, 10.0)
        return sent.result().get_result_async()


def rates(w: Watcher, _: argparse.Namespace) -> dict[str, Any]:
    from rafr.nodes.convert import wrench_array

    for kept in w.heard.values():
        kept.clear()
    seconds = 5.0
    w.wait(lambda: False, seconds)
    found = {f"{name}_hz": len(kept) / seconds for name, kept in w.heard.items()}
    wrenches = [wrench_array(m.wrench) for _, _, m in w.heard["wrench"]]
    if wrenches:
        found["wrench_mean"] = np.mean(wrenches, axis=0).round(3).tolist()
        found["wrench_sd"] = np.std(wrenches, axis=0).round(3).tolist()
    return found


def latency(w: Watcher, _: argparse.Namespace) -> dict[str, Any]:
    from rafr.nodes.convert import seconds

    commands = w.heard["joint_trajectory"]
    commands.clear()
    w.wait(lambda: len(commands) >= 1000, 20.0)
    if not commands:
        return {"commands": 0, "note": "stream:=position carries no stamps"}
    ages = 1e3 * np.array([now - seconds(m.header.stamp) for _, now, m in commands])
    points = np.percentile(ages, [50, 99, 100]).round(2)
    return {"commands": len(ages), "median_ms": points[0], "p99_ms": points[1], "largest_ms": points[2]}


def move(w: Watcher, args: argparse.Namespace) -> dict[str, Any]:
    ends = []
    for way in (args.way, -args.way):
        goal = w.joints() + way
        result = w.move(way)
        w.wait(result.done, 60.0)
        answer = result.result().result
        ends.append({"success": answer.success, "message": answer.message})
        ends[-1]["off_rad"] = float(np.abs(w.joints() - goal).max())
    return {"there": ends[0], "back": ends[1]}


def _stopped(w: Watcher, args: argparse.Namespace, act: Any) -> dict[str, Any]:
    """What `act` does to a motion half-way through: ms until the joints stand, and how far they went."""
    begin = w.joints()
    result = w.move(args.way)
    if not w.wait(lambda: np.abs(w.joints() - begin).max() > 0.4 * abs(args.way) or result.done(), 30.0):
        return {"moved": False}
    if result.done():
        return {"moved": False, "message": result.result().result.message}
    asked, where = time.monotonic(), w.joints()
    act()
    w.wait(lambda: False, 2.0)
    end = w.joints()
    late = [t for t, _, m in w.heard["joint_states"] if t > asked and np.abs(w.joints(m) - end).max() > STILL]
    return {
        "moved": True,
        "ms_until_still": round(1e3 * (max(late) - asked), 1) if late else 0.0,
        "way_rad": float(np.abs(end - where).max()),
    }


def stop(w: Watcher, args: argparse.Namespace) -> dict[str, Any]:
    found = _stopped(w, args, lambda: w.call("safety/stop"))
    found["safety_reset"] = w.call("safety/reset").success
    w.wait(lambda: False, 0.5)
    found["arm_reset"] = w.call("arm/reset").success
    return found


def watchdog(w: Watcher, args: argparse.Namespace) -> dict[str, Any]:
    if args.pid is None:
        sys.exit("watchdog needs --pid of the arm controller")
    return _stopped(w, args, lambda: os.kill(args.pid, signal.SIGKILL))


CHECKS = {f.__name__: f for f in (rates, latency, move, stop, watchdog)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checks", nargs="+", choices=CHECKS, metavar="CHECK", help=", ".join(CHECKS))
    parser.add_argument("--arm", default="ur16e", help="robot arm (default ur16e)")
    parser.add_argument("--way", type=float, default=-0.1, help="rad, of every joint (default -0.1)")
    parser.add_argument("--pid", type=int, help="of the arm controller, for watchdog")
    parser.add_argument("--json", type=Path, help="write what was found")
    args = parser.parse_args()
    watcher, found = Watcher(args.arm), {}
    for name in args.checks:
        found[name] = CHECKS[name](watcher, args)
        print(f"{name}: {json.dumps(found[name])}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
