"""Streams of simulated muscles through the judges, block by block."""

from functools import lru_cache

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
    judge = judge or PatientRisk()
    said = []
    for k, volts in enumerate(_volts(round(seconds / BLOCK), event, at, seed, load)):
        t = k * BLOCK
        judge.heard_load((heard or load)(t))
        block = Block(t, 1000.0, EMG_CHANNELS, spoil(t, volts.copy()))
        said.append((t + BLOCK, judge.update(block, t + BLOCK)))
    return said


@lru_cache(maxsize=16)
def _volts(blocks, event, at, seed, load):
    """Of each block, made once for all judges that hear the same muscles."""
    rng = np.random.default_rng(seed)
    sensor = EmgSensor(EmgConfig(), rng)
    fault = KINDS[event](rng) if event else None
    made = []
    for k in range(blocks):
        t = k * BLOCK
        change = fault.muscles if fault is not None and t >= at else unchanged
        made.append(sensor.read(t, BLOCK, load(t), change))
    return made
