"""A bench sensor's readings become a wrench without the weight, and their recording a payload."""

import numpy as np
import pytest

from rafr.robot.arm import ArmModel

pytestmark = [pytest.mark.ros, pytest.mark.slow]
ARM = ArmModel.named()


@pytest.fixture
def bench(lab, tmp_path):
    """bench and wrist, and a source of joint states whose posture the test chooses."""
    from geometry_msgs.msg import WrenchStamped
    from sensor_msgs.msg import JointState

    from rafr.nodes.runtime import SENSOR

    lab.posture = ARM.parked
    joints = lab.node.create_publisher(JointState, "joint_states", 10)

    def say():
        message = JointState(name=list(ARM.joint_names), position=[float(v) for v in lab.posture])
        message.header.stamp = lab.node.get_clock().now().to_msg()
        joints.publish(message)

    lab.node.create_timer(0.02, say)
    lab.start("bench")
    lab.start("wrist", record=str(tmp_path / "wrist.csv"))
    lab.listen(WrenchStamped, "wrench", SENSOR)
    lab.listen(WrenchStamped, "force_torque_sensor_broadcaster/wrench", SENSOR)
    lab.wait_ready("bench", "wrist")
    assert lab.wait(lambda: lab.received["wrench"])
    return lab


def mean(messages):
    from rafr.nodes.convert import wrench_array

    return np.mean([wrench_array(m.wrench) for m in messages], axis=0)


def test_the_weight_is_taken_out_recorded_and_found_again(bench, tmp_path):
    from rafr.control.posture_recording import read_postures, still_postures
    from rafr.robot.driver import wrist_of
    from rafr.robot.payload import identify_payload
    from rafr.robot.wrist import Wrist, described_payload

    rng = np.random.default_rng(0)
    for _ in range(6):
        bench.posture = ARM.parked + rng.uniform(-1.2, 1.2, ARM.dof)
        bench.wait(lambda: False, 0.3)
        for kept in bench.received.values():
            kept.clear()
        bench.wait(lambda: len(bench.received["wrench"]) >= 100)
        raw = mean(bench.received["force_torque_sensor_broadcaster/wrench"])
        assert np.linalg.norm(raw[:3]) == pytest.approx(1.2 * 9.81, abs=0.3)  # N: sensor and clamp
        assert np.abs(mean(bench.received["wrench"])).max() < 0.15  # N: noise of 0.2 N, 100 samples
    assert bench.stop("wrist") == 0
    config = wrist_of("ur16e").config
    wrist = Wrist(ARM, config, described_payload(ARM, config.frame))
    q, wrenches = still_postures(read_postures(tmp_path / "wrist.csv", ARM.joint_names))
    found = identify_payload(np.array([wrist.rotation(v) for v in q]), wrenches)
    assert len(q) >= 6
    assert found.payload.mass == pytest.approx(1.2, abs=0.05)
    assert found.assessment.accepted


def test_without_joint_states_of_its_time_there_is_no_wrench(bench):
    bench.posture = ARM.parked * np.nan
    bench.wait(lambda: False, 0.5)
    bench.received["wrench"].clear()
    bench.wait(lambda: False, 1.0)
    assert not bench.received["wrench"]
    bench.posture = ARM.parked
    assert bench.wait(lambda: bench.received["wrench"])


def test_a_payload_file_that_does_not_fit_is_refused_in_one_line(lab, tmp_path):
    path = tmp_path / "payload.yaml"
    path.write_text("mass: heavy\ncentre: [0, 0, 0]\n")
    process = lab.start("wrist", payload=str(path))
    assert process.wait(timeout=90) == 2
    assert "mass is 'heavy'" in lab.log("wrist").strip().splitlines()[-1]
