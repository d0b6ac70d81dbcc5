"""Starts nodes as real processes in a ROS domain of their own and talks to them."""

import os
import subprocess
import sys
import time
from collections import defaultdict

import pytest

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
    """A case whose bones are boxes: quick to mesh, good for everything but planning."""
    import numpy as np

    from rafr.imaging.volume import Volume, write_volume

    folder = tmp_path / "box_case"
    folder.mkdir()
    labels = np.zeros((24, 24, 40), dtype=np.uint8)
    labels[6:18, 6:18, 17:23] = 1
    labels[6:18, 6:18, 4:14] = 21
    labels[6:18, 6:18, 26:36] = 11
    grid = {"origin": np.array([-60.0, -36.0, 0.0]), "spacing": np.full(3, 3.0), "direction": np.eye(3)}
    write_volume(folder / "labels.nii.gz", Volume(labels, **grid))
    ct = np.where(labels > 0, 700, 40).astype(np.int16)
    write_volume(folder / "ct.nii.gz", Volume(ct, **grid))
    (folder / "case.yaml").write_text(
        "id: box\nct: ct.nii.gz\nlabels: labels.nii.gz\nbodies: {reference: [1, 21], wing: [11]}\n"
    )
    return folder


@pytest.fixture
def box_plan():
    """An accepted plan for `box_case`: 10 mm along x."""
    import numpy as np

    from rafr.assessment import ACCEPTED
    from rafr.geometry import Plane, RigidTransform
    from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane

    steps = [RigidTransform.from_translation((-x, 0.0, 0.0)) for x in np.linspace(0.0, 10.0, 6)]
    path = tuple(PathPose(T, 2.0, 30.0, 1.0) for T in steps)
    wing = BodyPlan("wing", (11,), steps[-1], 1.0, {}, {}, path)
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 1.0)
    return ReductionPlan("box", "by hand", (wing,), plane, ("wing",), ACCEPTED, 0.1)
