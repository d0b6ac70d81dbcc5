"""The global search covers the ball of rotations and finds the bones whatever their pose."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rafr.registration.coarse import CoarseConfig, coarse_starts, rotation_ball
from rafr.registration.field_of_view import bone_map


def test_every_rotation_of_the_ball_is_near_a_lattice_point() -> None:
    rng = np.random.default_rng(0)
    step, radius = 24.0, 45.0
    lattice = Rotation.from_rotvec(rotation_ball(radius, step))
    axis = rng.normal(size=(300, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    # the lattice ends at the ball's surface, so rotations just below it may be a little further away
    angles = np.radians((radius - 8.0) * rng.random(300) ** (1 / 3))
    nearest = [
        np.degrees((lattice.inv() * Rotation.from_rotvec(a * v)).magnitude().min())
        for a, v in zip(angles, axis, strict=True)
    ]
    assert max(nearest) < 0.56 * step + 1.0  # covering radius of the lattice; 1 degree for curvature


def test_ball_starts_with_no_rotation_and_grows_with_its_radius() -> None:
    np.testing.assert_array_equal(rotation_ball(45.0, 24.0)[0], np.zeros(3))
    assert len(rotation_ball(20.0, 24.0)) < len(rotation_ball(45.0, 24.0)) < len(rotation_ball(45.0, 15.0))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_best_start_lies_within_the_reach_of_the_refinement(phantom, seed) -> None:
    rng = np.random.default_rng(seed)
    truth = phantom.poses(rng, 35.0, 60.0)
    cbct = phantom.cbct(truth, rng)
    starts = coarse_starts(phantom.labels, bone_map(cbct), CoarseConfig(starts=2))
    assert starts[0].score >= starts[1].score
    error = truth["reference"].inverse() @ starts[0].T_cbct_ct
    assert np.degrees(error.angle) < 22.0
    moved = starts[0].T_cbct_ct.apply(phantom.centre) - truth["reference"].apply(phantom.centre)
    assert np.linalg.norm(moved) < 10.0  # mm; the first profiles reach 16 mm
