"""Starts nodes as real processes in a ROS domain of their own and talks to them."""

import os
import subprocess
import sys
import time
from collections import defaultdict

import pytest
from tests import boxes

PATIENCE = 90.0  # s; how long a loaded two-core machine may take. A wait ends as soon as its condition holds


@pytest.fixture
def ros_domain(monkeypatch):
    """A domain nobody else on this machine uses: another run's nodes would answer the test's goals."""
    from rafr.nodes.domain import own_domain

    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    with own_domain() as domain:
        yield domain


class Lab:
    """A ROS node of the test in namespace /rafr, and the processes under test."""

    def __init__(self, domain, log_folder):
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        rclpy.init(domain_id=domain)
        self.node = rclpy.create_node("lab", namespace="/rafr")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.received = defaultdict(list)
        self._logs = log_folder
        self._processes = {}

    def start(self, executable, script=None, **parameters):
        """Start `rafr.nodes.<executable>` (or a script) as `rafr sim` does; returns the process."""
        from rafr.nodes.graph import NodeSpec

        what = ["-m", f"rafr.nodes.{executable}"] if script is None else [str(script)]
        command = [sys.executable, *what]
        command += NodeSpec(executable, executable, parameters).arguments()
        with (self._logs / f"{executable}.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self._processes[executable] = process
        return process

    def log(self, executable):
        return (self._logs / f"{executable}.log").read_text(encoding="utf-8")

    def listen(self, message_type, topic, qos=10):
        self.node.create_subscription(message_type, topic, self.received[topic].append, qos)

    def wait(self, condition, seconds=PATIENCE):
        """Spin until `condition()`; returns whether it came true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)
            if condition():
                return True
        return False

    def wait_ready(self, *names, seconds=PATIENCE):
        from rafr_msgs.msg import Heartbeat

        if "heartbeat" not in self.received:
            self.listen(Heartbeat, "heartbeat", 50)
        ready = self.wait(
            lambda: set(names) <= {b.node for b in self.received["heartbeat"] if b.ready}, seconds
        )
        assert ready, "\n".join(f"{n}: {self.log(n)}" for n in names)

    def wait_result(self, future, seconds=PATIENCE):
        assert self.wait(future.done, seconds)
        return future.result()

    def stop(self, executable, seconds=PATIENCE):
        """Ask a node to end as Ctrl-C does; returns its exit code."""
        import signal

        process = self._processes[executable]
        process.send_signal(signal.SIGINT)
        return process.wait(timeout=seconds)

    def close(self):
        import signal

        import rclpy

        for process in self._processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.node.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def lab(ros_domain, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    lab = Lab(ros_domain, folder)
    yield lab
    lab.close()


@pytest.fixture
def box_case(tmp_path):
    return boxes.box_case(tmp_path)


@pytest.fixture
def box_plan():
    return boxes.box_plan()
