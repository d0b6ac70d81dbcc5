"""A node keeps its heart beating while a process computes for it."""

import os
import time

import pytest
import rclpy
from rafr_msgs.msg import Heartbeat
from rclpy.executors import SingleThreadedExecutor

from rafr.errors import RafrError
from rafr.nodes.runtime import RafrNode
from rafr.nodes.worker import WorkerError, run_in_process

pytestmark = pytest.mark.ros


def busy_square(x, *, progress):
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        progress(0.5, "half way")
        time.sleep(0.01)
    return x * x


def refuse(*, progress):
    raise RafrError("file.nii: not an image; expected a NIfTI file")


def die(*, progress):
    os._exit(7)


def sleep_long(*, progress):
    time.sleep(60)


@pytest.fixture
def node(ros_domain):
    rclpy.init(domain_id=ros_domain)
    node = RafrNode("worker_test")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def spin_until_done(node, future, seconds=90.0):
    end = time.monotonic() + seconds
    while not future.done() and time.monotonic() < end:
        node.executor.spin_once(timeout_sec=0.1)
    assert future.done()


def test_result_progress_and_heartbeat_arrive(node):
    beats, reports = [], []
    node.create_subscription(Heartbeat, "heartbeat", beats.append, 50)
    future = run_in_process(node, busy_square, 7, on_progress=lambda f, t: reports.append((f, t)))
    spin_until_done(node, future)
    assert future.result() == 49
    assert (0.5, "half way") in reports
    assert len(beats) >= 4  # 5 Hz over at least one second


@pytest.mark.parametrize(("function", "words"), [(refuse, "not an image"), (die, "ended with code")])
def test_refusal_and_death_of_the_process_become_worker_errors(node, function, words):
    future = run_in_process(node, function)
    spin_until_done(node, future)
    assert isinstance(future.exception(), WorkerError)
    assert words in str(future.exception())


def test_a_cancelled_computation_ends_at_once(node):
    start = time.monotonic()
    future = run_in_process(node, sleep_long, cancelled=lambda: time.monotonic() - start > 0.5)
    spin_until_done(node, future, 50.0)  # s; the computation itself would take 60
    assert "cancelled" in str(future.exception())
