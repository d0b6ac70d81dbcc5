"""Two procedures on one machine do not see each other."""

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

pytestmark = pytest.mark.ros
HOLD = """
import sys
from rafr.nodes.domain import own_domain
with own_domain() as domain:
    print(domain, flush=True)
    sys.stdin.read()
"""


def test_runs_side_by_side_get_domains_of_their_own(ros_domain):
    environment = {name: value for name, value in os.environ.items() if name != "ROS_DOMAIN_ID"}
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    domains = [int(run.stdout.readline()) for run in runs]
    for run in runs:
        run.communicate("", timeout=30.0)
    assert len({ros_domain, *domains}) == 7


@pytest.mark.slow
def test_nodes_of_two_runs_hear_their_own_run_alone(lab, monkeypatch):
    import rclpy
    from rafr_msgs.msg import Heartbeat
    from rclpy.executors import SingleThreadedExecutor

    from rafr.nodes.domain import own_domain

    mine = lab.start("tracker")
    lab.wait_ready("tracker")
    with monkeypatch.context() as environ, ExitStack() as stack:
        environ.delenv("ROS_DOMAIN_ID")
        other = stack.enter_context(own_domain())
        environment = os.environ | {"ROS_DOMAIN_ID": str(other)}
        command = [sys.executable, "-m", "rafr.nodes.tracker", "--ros-args", "-r", "__ns:=/rafr"]
        theirs = subprocess.Popen(command, env=environment)
        context = rclpy.Context()
        rclpy.init(context=context, domain_id=other)
        try:
            ear = rclpy.create_node("ear", namespace="/rafr", context=context)
            executor = SingleThreadedExecutor(context=context)
            executor.add_node(ear)
            heard = []
            ear.create_subscription(Heartbeat, "heartbeat", heard.append, 50)

            def enough():
                executor.spin_once(timeout_sec=0.02)
                return len(heard) >= 10

            assert lab.wait(enough)  # 2 s of both running
            before = len(lab.received["heartbeat"])
            assert lab.wait(lambda: len(lab.received["heartbeat"]) >= before + 5)
            assert {beat.pid for beat in heard} == {theirs.pid}
            assert {beat.pid for beat in lab.received["heartbeat"]} == {mine.pid}
        finally:
            rclpy.try_shutdown(context=context)
            theirs.terminate()
            theirs.wait(timeout=30.0)
