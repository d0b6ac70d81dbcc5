"""What an arm's ros2_control answers to a fixed set of requests: `python benchmarks/endpoint.py --json FILE`.

Asks whatever serves `/rafr/joint_trajectory_controller` (mode mock, emulated or hardware of
launch/hardware.launch.py, which must be running without the arm controller), so that the emulated endpoint
can be held against the real controllers: `--compare A.json B.json`. The arm moves up to 0.3 rad about where
it stands. Needs control_msgs.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

STEP = 0.3  # rad, of the first joint
STILL = 0.15  # s of wall time after which joints that should stand do
SAME = 0.02  # rad: by how much two ends of a motion broken off may differ (0.3 rad in 1 s)


def point(q: list[float], t: float, v: float | None = None, a: float | None = None) -> Any:
    from trajectory_msgs.msg import JointTrajectoryPoint

    from rafr.nodes.convert import duration_message

    return JointTrajectoryPoint(
        positions=q,
        velocities=[] if v is None else [v] + [0.0] * (len(q) - 1),
        accelerations=[] if a is None else [a] + [0.0] * (len(q) - 1),
        time_from_start=duration_message(t),
    )


class Asker:
    """A node that sends a request and watches how it ends."""

    def __init__(self) -> None:
        import rclpy
        from control_msgs.action import FollowJointTrajectory
        from rclpy.action import ActionClient
        from sensor_msgs.msg import JointState
        from trajectory_msgs.msg import JointTrajectory

        rclpy.init()
        self.node = rclpy.create_node("asker", namespace="/rafr")
        self.states: list[Any] = []
        self.node.create_subscription(JointState, "joint_states", self._heard, 10)
        name = "joint_trajectory_controller/joint_trajectory"
        self.topic = self.node.create_publisher(JointTrajectory, name, 10)
        name = "joint_trajectory_controller/follow_joint_trajectory"
        self.action = ActionClient(self.node, FollowJointTrajectory, name)
        if not self.wait(lambda: self.states and self.topic.get_subscription_count(), 30.0):
            sys.exit("no joint states, or nobody listens to joint_trajectory")
        if not self.action.wait_for_server(30.0):
            sys.exit("no action follow_joint_trajectory")
        self.names = [n for n in self.states[-1].name if "wheel" not in n]
        self.home = self.q

    def _heard(self, message: Any) -> None:
        self.states = [*self.states[-1:], message]

    @property
    def q(self) -> list[float]:
        state = self.states[-1]
        position = dict(zip(state.name, state.position, strict=True))
        return [position[name] for name in self.names] if hasattr(self, "names") else []

    @property
    def way(self) -> float:
        """rad, how far the first joint is from home."""
        return self.q[0] - self.home[0]

    def wait(self, condition: Any, seconds: float) -> bool:
        import rclpy

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rclpy.spin_once(self.node, timeout_sec=0.005)
            if condition():
                return True
        return False

    def trajectory(self, *points: Any, names: list[str] | None = None, start: float | None = None) -> Any:
        """start: s from now, of the header; None: at once."""
        from trajectory_msgs.msg import JointTrajectory

        from rafr.nodes.convert import time_message

        message = JointTrajectory(joint_names=names or self.names, points=list(points))
        if start is not None:
            now = 1e-9 * self.node.get_clock().now().nanoseconds
            message.header.stamp = time_message(now + start)
        return message

    def to(self, way: float) -> list[float]:
        return [self.home[0] + way, *self.home[1:]]

    def send(self, trajectory: Any, **tolerances: Any) -> Any:
        """The goal's handle; None where it was rejected."""
        from control_msgs.action import FollowJointTrajectory

        goal = FollowJointTrajectory.Goal(trajectory=trajectory, **tolerances)
        sent = self.action.send_goal_async(goal)
        self.wait(sent.done, 5.0)
        handle = sent.result()
        return handle if handle.accepted else None

    def end(self, handle: Any, seconds: float = 4.0) -> dict[str, Any]:
        """How the goal ended and where the first joint then stands."""
        if handle is None:
            self.wait(lambda: False, 0.3)
            return {"accepted": False, "way": self.way}
        result = handle.get_result_async()
        done = self.wait(result.done, seconds)
        self.wait(lambda: False, STILL)
        if not done:
            return {"accepted": True, "status": "none", "way": self.way}
        answer = result.result()
        text = answer.result.error_string.split(" by ")[0]  # without the seconds
        return {
            "accepted": True,
            "status": {4: "succeeded", 5: "canceled", 6: "aborted"}.get(answer.status, answer.status),
            "code": answer.result.error_code,
            "text": text,
            "way": self.way,
        }


def questions(a: Asker) -> dict[str, Any]:
    """Name -> what to do; each begins at home."""
    from control_msgs.msg import JointTolerance

    from rafr.nodes.convert import duration_message

    there, still = a.to(STEP), 0.0
    effort = point(there, 1.0, still)
    effort.effort = [0.0] * len(there)

    def tolerance(value: float, name: str = "") -> list[Any]:
        return [JointTolerance(name=name or a.names[0], position=value)]

    def topic(*messages: Any, every: float = 0.0, after: float = 1.0) -> dict[str, Any]:
        for message in messages:
            a.topic.publish(message)
            a.wait(lambda: False, every)
        a.wait(lambda: False, after)
        return {"way": a.way}

    def replaced(second: Any, on_topic: bool) -> dict[str, Any]:
        first = a.send(a.trajectory(point(there, 1.0, still)))
        a.wait(lambda: False, 0.4)
        if on_topic:
            a.topic.publish(second)
            return a.end(first)
        other = a.send(second)
        return {"first": {k: v for k, v in a.end(first).items() if k != "way"}, "second": a.end(other)}

    def cancelled() -> dict[str, Any]:
        handle = a.send(a.trajectory(point(there, 1.0, still)))
        a.wait(lambda: a.way > 0.4 * STEP, 3.0)
        handle.cancel_goal_async()
        return a.end(handle)

    def passing(*points: Any) -> dict[str, Any]:
        """Where the first joint is at half time, too: the curve between the points."""
        handle = a.send(a.trajectory(*points, start=0.2))
        begin = time.monotonic() + 0.2
        a.wait(lambda: time.monotonic() > begin + 0.5, 2.0)
        return {"half_way": a.way, **a.end(handle)}

    def streamed() -> dict[str, Any]:
        """A point every 10 ms, to be reached 20 ms after it was sent, as the arm controller does it."""
        worst, t0 = 0.0, time.monotonic()
        while (t := time.monotonic() - t0) < 2.0:
            way = 0.5 * STEP * (1.0 - math.cos(math.pi * t))
            a.topic.publish(a.trajectory(point(a.to(way), 0.02), start=0.0))
            a.wait(lambda: False, 0.01)
            behind = 0.5 * STEP * (1.0 - math.cos(math.pi * (t - 0.05)))
            worst = max(worst, abs(a.way - behind)) if t > 0.3 else worst
        return {"follows_within_0.03_rad": worst < 0.03, "way": a.way}

    mid = a.to(0.2 * STEP)
    send = lambda *p, **k: a.end(a.send(a.trajectory(*p, **k)))  # noqa: E731
    return {
        "topic: one point": lambda: topic(a.trajectory(point(there, 0.5))),
        "topic: wrong joint": lambda: topic(a.trajectory(point(there, 0.3), names=["x", *a.names[1:]])),
        "topic: ends in the past": lambda: topic(a.trajectory(point(there, 0.3), start=-1.0)),
        "topic: stream": streamed,
        "straight": lambda: passing(point(mid, 0.5), point(there, 1.0)),
        "cubic": lambda: passing(point(mid, 0.5, 0.1), point(there, 1.0, still)),
        "quintic": lambda: passing(point(mid, 0.5, 0.1, 0.2), point(there, 1.0, still, still)),
        "no velocities": lambda: send(point(there, 0.5)),
        "starts later": lambda: send(point(there, 0.5, still), start=0.3),
        "began in the past": lambda: send(point(there, 1.0, still), start=-0.5),
        "ends in the past": lambda: send(point(there, 0.5, still), start=-1.0),
        "ends with a velocity": lambda: send(point(there, 0.5, 0.1)),
        "wrong joint": lambda: send(point(there, 0.5), names=["x", *a.names[1:]]),
        "a joint too few": lambda: send(point(there[1:], 0.5), names=a.names[1:]),
        "no points": lambda: send(),
        "times do not increase": lambda: send(point(mid, 0.5), point(there, 0.5)),
        "a position too few": lambda: send(point(there[1:], 0.5)),
        "an effort": lambda: send(effort),
        "a position is NaN": lambda: send(point([math.nan, *there[1:]], 0.5)),
        "joints in another order": lambda: send(point(there[::-1], 0.5), names=a.names[::-1]),
        "replaced by a goal": lambda: replaced(a.trajectory(point(a.to(-0.1), 1.0, still)), False),
        "replaced on the topic": lambda: replaced(a.trajectory(point(a.to(-0.1), 1.0, still)), True),
        "cancelled": cancelled,
        "path tolerance too tight": lambda: a.end(
            a.send(a.trajectory(point(there, 0.5, still)), path_tolerance=tolerance(1e-5))
        ),
        "path tolerance of an unknown joint": lambda: a.end(
            a.send(a.trajectory(point(there, 0.5, still)), path_tolerance=tolerance(1e-5, "x"))
        ),
        "negative tolerance": lambda: a.end(
            a.send(a.trajectory(point(there, 0.5, still)), path_tolerance=tolerance(-0.5))
        ),
        "goal tolerance": lambda: a.end(
            a.send(
                a.trajectory(point(there, 0.5, still)),
                goal_tolerance=tolerance(1e-3),
                goal_time_tolerance=duration_message(1.0),
            )
        ),
    }


def ask() -> dict[str, Any]:
    a = Asker()
    answers = {}
    for name, question in questions(a).items():
        a.end(a.send(a.trajectory(point(a.home, 1.0, 0.0))))
        answers[name] = question()
        print(f"{name}: {answers[name]}", flush=True)
    a.end(a.send(a.trajectory(point(a.home, 1.0, 0.0))))
    return answers


def differences(a: Any, b: Any, where: str = "") -> list[str]:
    """What two answers do not have in common; numbers within SAME are the same."""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = [*a, *(k for k in b if k not in a)]
        return [d for k in keys for d in differences(a.get(k), b.get(k), f"{where}{k}: ")]
    if isinstance(a, float) and isinstance(b, float):
        return [] if abs(a - b) < SAME or (a != a and b != b) else [f"{where}{a:.3f} / {b:.3f}"]
    return [] if a == b else [f"{where}{a} / {b}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the answers there")
    parser.add_argument("--compare", type=Path, nargs=2, help="say where two such files differ")
    args = parser.parse_args()
    if args.compare:
        a, b = (json.loads(path.read_text()) for path in args.compare)
        found = differences(a, b)
        print(*(found or [f"{len(a)} requests answered alike"]), sep="\n")
        sys.exit(1 if found else 0)
    answers = ask()
    if args.json:
        args.json.write_text(json.dumps(answers, indent=1))


if __name__ == "__main__":
    main()
