"""The risk node turns EMG blocks into a probability with a reason."""

import math

import numpy as np
import pytest

pytestmark = pytest.mark.ros
RATE = 1000.0


@pytest.mark.slow
def test_a_burst_after_rest_is_high_risk(lab):
    from rafr_msgs.msg import MuscleSignals, Risk

    from rafr.nodes.convert import time_message
    from rafr.nodes.runtime import SENSOR

    lab.listen(Risk, "risk")
    publisher = lab.node.create_publisher(MuscleSignals, "emg", SENSOR)
    lab.start("risk", baseline=1.0)
    lab.wait_ready("risk")
    assert lab.wait(lambda: publisher.get_subscription_count() > 0)
    rng = np.random.default_rng(0)

    def send(k, level):
        samples = rng.normal(0, level, 200).astype(np.float32)
        message = MuscleSignals(rate=RATE, channels=["left", "right"], samples=samples.tolist())
        message.header.stamp = time_message(k * 0.1)
        seen = len(lab.received["risk"])
        for _ in range(60):  # best effort: the first may be lost while the processes still find each other
            publisher.publish(message)
            if lab.wait(lambda: len(lab.received["risk"]) > seen, 1.0):
                break
        assert len(lab.received["risk"]) > seen, lab.log("risk")
        return lab.received["risk"][-1]

    first = send(0, 5e-6)
    assert math.isnan(first.probability)
    for k in range(1, 20):
        calm = send(k, 5e-6)
    assert calm.probability < 0.05
    for k in range(20, 26):
        burst = send(k, 1e-4)
    assert burst.probability > 0.95
    assert burst.source == "patient_emg"
