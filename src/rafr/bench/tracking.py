"""How soon a tracking device's frame is on the topic, beside the same message published directly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rafr.bench import hops
from rafr.bench.measure import Goal, Measure, Of, Samples, Setting, Trial
from rafr.bench.peers.known import RCLPY
from rafr.progress import Progress

_RATES = (60, 250)  # Hz
HOPS = tuple(
    Measure(
        f"tracking.hop_{rate}",
        f"frame sent to subscriber's callback, {rate} Hz",
        "ms",
        RCLPY,
        Goal(Of.VALUE, 0.95, 1e3 / rate),
        quick=rate == 250,
    )
    for rate in _RATES
)


def run(setting: Setting, progress: Progress) -> Mapping[str, Samples]:
    """A sample is a frame of three tools; the bare hop carries others, at the same rate."""
    progress(0.0, HOPS[0].name)
    measures = {m: rate for m, rate in zip(HOPS, _RATES, strict=True) if m.quick or not setting.quick}
    options = ("--seconds", "4" if setting.quick else "10", "--rates", *map(str, measures.values()))
    rates = hops.measured("tracker_latency", *options)["rates"]
    found = {}
    for measure, rate in measures.items():
        ours, bare = (np.array(rates[f"{rate}_hz"][who]["latency_ms"]) for who in ("tracker", "bare"))
        found[measure.name] = Samples(ours, (), bare, paired=False)
    return found


TRIALS = (Trial(HOPS, run),)
