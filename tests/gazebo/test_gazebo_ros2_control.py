"""The arm in Gazebo moved by gz_ros2_control, the clock brought by ros_gz_bridge: with the real packages."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.nodes.graph import GraphOptions, build_companions, build_graph
from rafr.simulation.gazebo.ros2_control import program_of, require_ros2_control

try:
    require_ros2_control("tests")
except InputError as _missing:
    pytest.skip(str(_missing), allow_module_level=True)

pytestmark = [pytest.mark.slow, pytest.mark.ros, pytest.mark.timeout(1800)]

READY = 300.0  # s of wall time
SWING, PERIOD, LENGTH = 0.15, 6.0, 12.0  # rad, s, s of simulated time
LAG = 0.03  # s, of the arm behind its commands: two updates, and one time constant of its gain


@pytest.fixture
def room(case, tmp_path, monkeypatch):
    """Gazebo, its devices, the controllers and the bridge; the log of each, by name."""
    from rafr.nodes.domain import own_domain

    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    monkeypatch.setenv("GZ_PARTITION", f"rafr-test-{os.getpid()}")
    options = GraphOptions(str(case.folder), str(tmp_path), sim="gazebo", control="ros2_control")
    devices = build_graph(options)[0]
    commands = {
        c.executable: [program_of(c.package, c.executable), *c.command_arguments()]
        for c in build_companions(options)
    }
    commands["devices"] = [sys.executable, "-m", f"rafr.nodes.{devices.executable}", *devices.arguments()]
    logs = {name: tmp_path / f"{name}.log" for name in commands}
    with own_domain() as domain:
        processes = []
        for name, command in commands.items():
            with logs[name].open("wb") as log:
                processes.append(
                    subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
                )
        yield domain, logs
        for number in (signal.SIGINT, signal.SIGKILL):
            for process in processes:
                if process.poll() is None:
                    os.killpg(process.pid, number)
            for process in processes:
                try:
                    process.wait(15.0)
                except subprocess.TimeoutExpired:
                    continue


class Swing:
    """Answers every joint state as the arm controller does; once the room is open, the joints swing."""

    def __init__(self, node):
        from rafr_msgs.msg import Heartbeat
        from sensor_msgs.msg import JointState
        from trajectory_msgs.msg import JointTrajectory

        from rafr.nodes.runtime import RELIABLE, SENSOR

        self.rows, self._open, self._q0 = [], False, None
        topic = "joint_trajectory_controller/joint_trajectory"
        self._commands = node.create_publisher(JointTrajectory, topic, RELIABLE)
        node.create_subscription(JointState, "joint_states", self._answer, SENSOR)
        node.create_subscription(Heartbeat, "heartbeat", self._hear, 50)

    def _hear(self, beat):
        self._open = self._open or (beat.node == "or_simulator" and beat.ready)

    def _answer(self, state):
        from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

        from rafr.nodes.convert import duration_message, seconds

        t, q = seconds(state.header.stamp), np.array(state.position)
        self._q0 = q if self._q0 is None else self._q0
        goal = self._q0 + SWING * (1.0 - np.cos(2 * np.pi * self.length / PERIOD))
        point = JointTrajectoryPoint(positions=goal.tolist(), time_from_start=duration_message(0.02))
        command = JointTrajectory(joint_names=state.name, points=[point])
        command.header.stamp = state.header.stamp
        self._commands.publish(command)
        if self._open:
            self.rows.append((t, goal, q))

    @property
    def length(self):
        return self.rows[-1][0] - self.rows[0][0] if self.rows else 0.0


def test_the_arm_follows_through_the_same_topics(room):
    import rclpy
    from rclpy.experimental.events_executor import EventsExecutor
    from rosgraph_msgs.msg import Clock

    from rafr.nodes.runtime import SENSOR

    domain, logs = room
    rclpy.init(domain_id=domain)
    node = rclpy.create_node("lab", namespace="/rafr")
    executor = EventsExecutor()
    executor.add_node(node)
    clocks, swing = [], Swing(node)
    node.create_subscription(Clock, "/clock", clocks.append, SENSOR)
    deadline = time.monotonic() + READY
    while swing.length < LENGTH and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.1)
    publishers = {t: len(node.get_publishers_info_by_topic(t)) for t in ("/clock", "/rafr/joint_states")}
    node.destroy_node()
    rclpy.try_shutdown()
    text = {name: log.read_text(errors="replace") for name, log in logs.items()}
    assert swing.length >= LENGTH, text
    assert "[Err]" not in "".join(text.values())
    assert publishers == {"/clock": 1, "/rafr/joint_states": 1}
    assert len(clocks) > 0.9 * len(swing.rows)
    t, goal, q = (np.array(column) for column in zip(*swing.rows, strict=True))
    assert np.median(np.diff(t)) == pytest.approx(0.01, abs=1e-9)
    told = np.array([np.interp(t, t + LAG, column) for column in goal.T]).T
    assert np.abs(q - told).max() < 3e-3  # rad; at the fastest it moves 1.6e-3 in 10 ms
    assert np.abs(q - q[0]).max() == pytest.approx(2 * SWING, abs=2e-3)


def test_the_procedure_ends_reduced(case, tmp_path):
    out = tmp_path / "run"
    command = (sys.executable, "-m", "rafr.cli.main", "sim", str(case.folder), "--sim", "gazebo")
    result = subprocess.run(
        (
            *command,
            "--control",
            "ros2_control",
            "--headless",
            "--auto-approve",
            "--seed",
            "6",
            "--out",
            str(out),
        ),
        capture_output=True,
        text=True,
        timeout=1700,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["outcome"] == "reduced"
    for body in report["bodies"].values():
        assert body["residual_to_plan_mm"]["mean"] < 1.0
    logs = "".join(log.read_text(errors="replace") for log in (out / "logs").iterdir())
    assert "[Err]" not in logs
