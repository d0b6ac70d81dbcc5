"""Real Gazebo, where `gz` and its Python bindings are at hand."""

import pytest

from rafr.errors import InputError
from rafr.simulation.gazebo.server import require_gazebo


def pytest_collection_modifyitems(items):
    try:
        require_gazebo("tests")
    except InputError as missing:
        skip = pytest.mark.skip(reason=str(missing))
        for item in items:
            if "tests/gazebo" in str(item.path):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def case(tmp_path_factory):
    import numpy as np

    from rafr.cases.load import open_case
    from rafr.cases.simulate import simulate_case
    from rafr.cases.virtual import virtual_pelvis

    folder = tmp_path_factory.mktemp("gazebo") / "patient"
    simulate_case(virtual_pelvis(np.random.default_rng(6)), "si-dislocation", 6, folder)
    return open_case(folder)
