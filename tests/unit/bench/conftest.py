"""Trials that take no time."""

import numpy as np
import pytest

from rafr.bench.measure import Better, Goal, Measure, Of, Peer, Samples, Trial
from rafr.bench.run import run_bench
from rafr.errors import InfeasibleError

THERE = Peer("numpy's", module="numpy", distribution="numpy")
ABSENT = Peer("nobody's", module="rafr_no_such_module", install="pip install nothing")
FAST = Measure("room.fast", "time of it", "s", THERE, Goal(Of.RATIO, 0.5, 1.0))
RATE = Measure("room.rate", "so many", "1/s", None, Goal(Of.VALUE, 0.05, 3.0), Better.HIGHER)
ALONE = Measure("other.alone", "beside nobody", "mm", ABSENT, Goal(Of.RATIO, 0.95, 1.0))
BROKEN = Measure("other.broken", "never", "mm")


def _room(setting, progress):
    seeds = setting.seeds(2, 4)
    ours = np.array([1.0 + seed for seed in seeds])
    return {"room.fast": Samples(ours, seeds, 2.0 * ours), "room.rate": Samples(ours, seeds)}


def _alone(setting, progress):
    return {"other.alone": Samples(np.array([0.3]), setting.seeds(1, 1))}


def _broken(setting, progress):
    raise InfeasibleError(("the way is barred",))


TRIALS = (Trial((FAST, RATE), _room), Trial((ALONE,), _alone), Trial((BROKEN,), _broken))


@pytest.fixture
def trials():
    return TRIALS


@pytest.fixture
def bench():
    """A report of the trials above, of these measures."""

    def made(setting, *measures):
        return run_bench(TRIALS, measures or (FAST, RATE, ALONE, BROKEN), setting)

    return made
