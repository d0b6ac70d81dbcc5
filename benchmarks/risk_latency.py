"""The risk node as a process, in real time: from a block's last sample to its answer, and its cost.

    python benchmarks/risk_latency.py [--seconds S] [-o OUT.json]

This process plays the devices: the patient's EMG, an assistant's EMG and inertial sensors, blocks of 0.1 s. A
block's first sample is 0.1 s older than what is measured here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

BLOCK = 0.1  # s
PATIENCE = 60.0  # s for the processes to find each other


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    from rafr.nodes.domain import own_domain
    from rafr.nodes.graph import NodeSpec

    with own_domain():
        node = subprocess.Popen(
            [sys.executable, "-m", "rafr.nodes.risk", *NodeSpec("risk", "risk").arguments()]
        )
        try:
            result = measure(node.pid, args.seconds)
        finally:
            node.terminate()
            node.wait()
    print(json.dumps(result))
    if args.out:
        args.out.write_text(json.dumps(result))


def measure(pid: int, seconds: float) -> dict[str, Any]:
    """Seconds of all three streams."""
    import rclpy
    from rafr_msgs.msg import MuscleSignals, Risk
    from rclpy.executors import SingleThreadedExecutor

    from rafr.nodes.convert import time_message
    from rafr.nodes.runtime import RELIABLE, SENSOR
    from rafr.risk.data.columns import TRIGNO_EMG_RATE, TRIGNO_IMU_RATE
    from rafr.simulation.assistant import (
        INERTIAL_CHANNELS,
        LIFTING_CHANNELS,
        AssistantConfig,
        AssistantSensors,
    )
    from rafr.simulation.wearables import (
        EMG_CHANNELS,
        EmgConfig,
        EmgSensor,
    )

    rclpy.init(args=[])
    lab = rclpy.create_node("lab", namespace="/rafr")
    executor = SingleThreadedExecutor()
    executor.add_node(lab)
    sent: dict[tuple[str, int, int], float] = {}
    waited: list[float] = []

    def answered(message: Risk) -> None:
        key = message.source, message.header.stamp.sec, message.header.stamp.nanosec
        if key in sent:
            waited.append(time.monotonic() - sent.pop(key))

    lab.create_subscription(Risk, "risk", answered, RELIABLE)
    topics = {"patient_emg": "emg", "assistant_emg": "assistant/emg", "assistant_imu": "assistant/imu"}
    outputs = {s: lab.create_publisher(MuscleSignals, topic, SENSOR) for s, topic in topics.items()}
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not all(o.get_subscription_count() for o in outputs.values()):
        executor.spin_once(timeout_sec=0.05)
    rng = np.random.default_rng(0)
    patient, assistant = EmgSensor(EmgConfig(), rng), AssistantSensors(AssistantConfig(), rng)
    begin, count = time.time(), round(seconds / BLOCK)
    used, wall = _processor(pid), time.monotonic()
    for k in range(count):
        (_, lifting), (_, inertial) = assistant.read(BLOCK)
        blocks = (
            ("patient_emg", EmgConfig().rate, EMG_CHANNELS, patient.read(k * BLOCK, BLOCK, 40.0)),
            ("assistant_emg", TRIGNO_EMG_RATE, LIFTING_CHANNELS, lifting),
            ("assistant_imu", TRIGNO_IMU_RATE, INERTIAL_CHANNELS, inertial),
        )
        while time.time() < begin + (k + 1) * BLOCK:
            executor.spin_once(timeout_sec=0.002)
        for source, rate, channels, samples in blocks:
            message = MuscleSignals(rate=rate, channels=list(channels))
            message.samples = samples.astype(np.float32).ravel().tolist()
            message.header.stamp = stamp = time_message(begin + k * BLOCK)
            sent[source, stamp.sec, stamp.nanosec] = time.monotonic()
            outputs[source].publish(message)
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        executor.spin_once(timeout_sec=0.01)
    share = (_processor(pid) - used) / (time.monotonic() - wall)
    rclpy.shutdown()
    ms = 1e3 * np.array(waited)
    return {
        "blocks": 3 * count,
        "answered": len(ms),
        "median_ms": float(np.median(ms)),
        "q99_ms": float(np.quantile(ms, 0.99)),
        "max_ms": float(ms.max()),
        "later_than_100_ms": int(np.sum(ms > 100.0)),
        "share_of_a_core": share,
        "load": os.getloadavg()[0],
    }


def _processor(pid: int) -> float:
    """s of processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
