"""A few virtual lifters that several tests look at."""

import pytest

from rafr.risk.features.table import WindowConfig, window_table
from rafr.risk.lifting.session import LiftingConfig, simulate_people

WINDOW = WindowConfig(length=2.0, step=0.5)


@pytest.fixture(scope="session")
def lifters():
    return simulate_people(4, 11, LiftingConfig(trials=1, seconds=12.0))


@pytest.fixture(scope="session")
def table(lifters):
    return window_table(lifters, WINDOW)
