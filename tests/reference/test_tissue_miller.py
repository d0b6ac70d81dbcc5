"""The sacroiliac joint against a cadaver experiment; what misses it is said in docs/tissue.md."""

import numpy as np
import pytest

from rafr.tissue.bench import MILLER, JointBench, endplate_axes


@pytest.fixture(scope="module")
def responses(data_folder):
    from rafr.cases.pelvis import read_pelvis

    pelves = [read_pelvis(data_folder / "vsd" / f"{name}.mat") for name in ("z001", "z050")]
    return [JointBench.of(p.left_hip, p.sacrum).response() for p in pelves]


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "deviations"),
    [("medial", 1.0), ("clockwise torsion", 1.0), ("anterior", 1.5), ("right bending", 3.5)],
)
def test_the_joint_gives_way_as_cadavers_do(responses, load, deviations):
    mean, deviation = MILLER[load]
    assert abs(np.mean([r[load] for r in responses]) - mean) < deviations * deviation


@pytest.mark.data
@pytest.mark.slow
def test_every_load_moves_the_sacrum_its_own_way(responses):
    assert all(value > 0.0 for response in responses for value in response.values())


def test_the_endplates_axes_are_those_of_the_patient():
    from rafr.cases.virtual import virtual_pelvis

    up, anterior, left = endplate_axes(virtual_pelvis(np.random.default_rng(3)).sacrum)
    assert up[2] > 0.5
    assert anterior[1] < -0.5
    assert left[0] == 1.0
    assert np.linalg.det([left, -anterior, up]) == pytest.approx(1.0)
