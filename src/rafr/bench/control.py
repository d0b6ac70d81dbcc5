"""How soon the arm controller answers a joint state, beside a process that only echoes it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rafr.bench import hops
from rafr.bench.measure import Goal, Measure, Of, Samples, Setting, Trial
from rafr.bench.peers.known import RCLPY
from rafr.progress import Progress

HOP = Measure(
    "control.hop", "joint state to command and back, 100 Hz", "ms", RCLPY, Goal(Of.VALUE, 0.95, 10.0)
)


def run(setting: Setting, progress: Progress) -> Mapping[str, Samples]:
    """A sample is one joint state; the echo answers others, at the same rate."""
    progress(0.0, HOP.name)
    found = hops.measured("control_latency", "--seconds", "4" if setting.quick else "10")
    ours, echo = (np.array(found[name]["latency_ms"]) for name in ("arm_controller", "bare echo"))
    return {HOP.name: Samples(ours, (), echo, paired=False)}


TRIALS = (Trial((HOP,), run),)
