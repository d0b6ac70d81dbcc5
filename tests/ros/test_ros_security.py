"""With SROS2 nobody commands the arm who was not enrolled; without its plugins no secured node starts."""

import os
import shutil
import subprocess
import sys

import interfaces
import pytest
import sros2_policy

pytestmark = pytest.mark.ros

FILES = (
    "identity_ca.cert.pem",
    "cert.pem",
    "key.pem",
    "permissions_ca.cert.pem",
    "governance.p7s",
    "permissions.p7s",
)
MISSING = "doesn't have the security libraries"
COMMAND = "joint_trajectory_controller/joint_trajectory"
# says after 5 s how many it could command
COMMANDER = f"""
import time, rclpy
from trajectory_msgs.msg import JointTrajectory
rclpy.init()
node = rclpy.create_node("arm_controller", namespace="/rafr")
publisher = node.create_publisher(JointTrajectory, "{COMMAND}", 10)
end = time.monotonic() + 5.0
while time.monotonic() < end:
    rclpy.spin_once(node, timeout_sec=0.1)
print("reached", publisher.get_subscription_count())
"""


def secured(keystore):
    return {
        **os.environ,
        "ROS_SECURITY_ENABLE": "true",
        "ROS_SECURITY_STRATEGY": "Enforce",
        "ROS_SECURITY_KEYSTORE": str(keystore),
    }


def started_with_rubbish(folder):
    """What a node says whose keys are none."""
    enclave = folder / "enclaves" / "rafr" / "arm_endpoint"
    enclave.mkdir(parents=True)
    for name in FILES:
        (enclave / name).write_text("no key\n")
    line = [sys.executable, "-m", "rafr.nodes.arm_endpoint", "--ros-args", "--enclave", "/rafr/arm_endpoint"]
    return subprocess.run(line, env=secured(folder), capture_output=True, text=True, timeout=60)


def test_a_node_that_is_to_be_secure_and_cannot_be_does_not_start(ros_domain, tmp_path):
    done = started_with_rubbish(tmp_path)
    assert done.returncode != 0
    assert "security" in done.stderr.lower()


def reached(environment, *arguments):
    line = [sys.executable, "-c", COMMANDER, *arguments]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60)
    return int(done.stdout.split()[-1])


@pytest.mark.slow
def test_an_unenrolled_participant_cannot_command_the_arm(ros_domain, tmp_path):
    if MISSING in started_with_rubbish(tmp_path / "rubbish").stderr:
        pytest.skip("this Fast DDS was built without security (HAVE_SECURITY 0, as the wheels are)")
    if shutil.which("ros2") is None:
        pytest.skip("no `ros2 security` to make keys with")
    keystore = tmp_path / "keystore"

    def security(*words):
        subprocess.run(["ros2", "security", *map(str, words)], check=True, timeout=60)

    security("create_keystore", keystore)
    for name in ("arm_endpoint", "arm_controller"):
        security("create_enclave", keystore, f"/rafr/{name}")
        security("create_permission", keystore, f"/rafr/{name}", sros2_policy.POLICY)
    names = ["--ros-args", "-r", "__ns:=/rafr", "--enclave"]
    line = [sys.executable, "-m", "rafr.nodes.arm_endpoint", *names, "/rafr/arm_endpoint"]
    arm = subprocess.Popen(line, env=secured(keystore))
    try:
        assert reached(secured(keystore), *names, "/rafr/arm_controller") == 1
        assert reached(dict(os.environ)) == 0
        assert arm.poll() is None
    finally:
        arm.kill()
        arm.wait()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["safety", "risk", "tracker", "base_controller"])
def test_what_a_running_node_makes_is_what_its_source_was_read_to_make(lab, name):
    lab.start(name)
    lab.wait_ready(name)
    node = lab.node
    ask = {
        interfaces.PUBLISHES: node.get_publisher_names_and_types_by_node,
        interfaces.SUBSCRIBES: node.get_subscriber_names_and_types_by_node,
        interfaces.SERVES: node.get_service_names_and_types_by_node,
        interfaces.CALLS: node.get_client_names_and_types_by_node,
    }
    allowed = sros2_policy.allowed()[name]

    def absolute(entity):
        own = entity.name.replace("~", f"/rafr/{name}")
        return own if own.startswith("/") else f"/rafr/{own}"

    for role, names_and_types in ask.items():
        running = {n for n, _ in names_and_types(name, "/rafr") if "/_action/" not in n}
        told = {absolute(e) for e in allowed if e.role == role and "*" not in e.name}
        assert running <= told, role
        always = {absolute(e) for e in interfaces.entities(name) if e.role == role and "*" not in e.name}
        assert always - running <= {"/tf"}, role  # only where tf2_msgs is installed
