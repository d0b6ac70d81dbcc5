"""The sacroiliac joint against a cadaver experiment; docs/tissue.md says what was chosen on which pelves."""

import numpy as np
import pytest

from rafr.tissue.bench import MILLER, JointBench, endplate_axes

CALIBRATION = tuple(f"z{n:03d}" for n in (1, 13, 42, 50))
HELD_OUT = tuple(f"z{n:03d}" for n in (9, 19, 23, 24, 27, 35, 36, 49, 55, 56, 57, 62, 64, 66))


@pytest.fixture(scope="module")
def benches(data_folder):
    from rafr.cases.pelvis import read_pelvis

    pelves = {n: read_pelvis(data_folder / "vsd" / f"{n}.mat") for n in (*HELD_OUT, *CALIBRATION)}
    return {name: JointBench.of(p.left_hip, p.sacrum) for name, p in pelves.items()}


@pytest.fixture(scope="module")
def responses(benches):
    return {name: bench.response() for name, bench in benches.items()}


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("load", MILLER)
@pytest.mark.parametrize("names", [HELD_OUT, CALIBRATION])
def test_the_joint_gives_way_as_cadavers_do(responses, names, load):
    mean, deviation = MILLER[load]
    assert abs(np.mean([responses[name][load] for name in names]) - mean) < deviation


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("load", MILLER)
def test_hardly_a_single_pelvis_is_an_outlier_among_cadavers(responses, load):
    mean, deviation = MILLER[load]
    off = [abs(response[load] - mean) / deviation for response in responses.values()]
    assert max(off) < 2.0
    assert np.mean(np.array(off) < 1.0) > 0.7


@pytest.mark.data
@pytest.mark.slow
def test_every_load_moves_the_sacrum_its_own_way(responses):
    assert all(value > 0.0 for response in responses.values() for value in response.values())


@pytest.mark.data
@pytest.mark.slow
def test_the_other_loads_lie_between_the_least_and_the_largest_measured(responses):
    """The abstract calls its four means the extremes; the lateral one is missed, see docs/tissue.md."""
    mean = {load: np.mean([responses[name][load] for name in HELD_OUT]) for load in responses["z009"]}
    for load in ("posterior", "inferior", "superior"):
        assert 0.76 < mean[load] < 2.8
    for load in ("flexion", "extension", "left bending", "counter-clockwise torsion"):
        assert 1.40 < mean[load] < 6.21


@pytest.mark.data
@pytest.mark.slow
def test_every_endplate_slopes_as_sacra_do(benches):
    slopes = [np.degrees(np.arctan2(-b.superior[1], b.superior[2])) for b in benches.values()]
    assert min(slopes) > 25.0
    assert max(slopes) < 80.0
    assert 35.0 < np.mean(slopes) < 50.0


def test_the_endplates_axes_are_those_of_the_patient():
    from rafr.cases.virtual import virtual_pelvis

    up, anterior, left = endplate_axes(virtual_pelvis(np.random.default_rng(3)).sacrum)
    assert up[2] > 0.5
    assert anterior[1] < -0.5
    assert left[0] == 1.0
    assert np.linalg.det([left, -anterior, up]) == pytest.approx(1.0)
