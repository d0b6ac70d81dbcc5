"""Streams of simulated muscles through the judges, block by block."""

import numpy as np

from rafr.risk.blocks import Block
from rafr.risk.patient import PatientRisk
from rafr.simulation.faults.injector import KINDS
from rafr.simulation.wearables import EMG_CHANNELS, EmgConfig, EmgSensor, unchanged

BLOCK = 0.1  # s


def pull(t, begin=10.0, duration=20.0, peak=90.0):
    """N on the fragment: a reduction, and nothing before and after."""
    share = (t - begin) / duration
    return 3.0 + peak * np.sin(np.pi * share) * (1 + 0.15 * np.sin(2.0 * t)) if 0 < share < 1 else 3.0


def watch(
    seconds, event="", at=15.0, seed=0, load=pull, judge=None, heard=None, spoil=lambda t, volts: volts
):
    """[(end of block, estimate)] of a patient to whom `event` happens at `at` s; `spoil` changes samples.

    `load` is what the patient feels, `heard` what the judge is told (the same unless given), N at t.
    """
    rng = np.random.default_rng(seed)
    sensor, judge = EmgSensor(EmgConfig(), rng), judge or PatientRisk()
    fault = KINDS[event](rng) if event else None
    said = []
    for k in range(round(seconds / BLOCK)):
        t = k * BLOCK
        change = fault.muscles if fault is not None and t >= at else unchanged
        volts = spoil(t, sensor.read(t, BLOCK, load(t), change))
        judge.heard_load((heard or load)(t))
        said.append((t + BLOCK, judge.update(Block(t, 1000.0, EMG_CHANNELS, volts), t + BLOCK)))
    return said
