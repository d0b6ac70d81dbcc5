"""Spheres are found among pins and specks, named by their distances, and their error is predicted."""

import numpy as np
import pytest

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume
from rafr.registration.fiducials import FiducialConfig, locate_fiducials, match_points
from rafr.tracking.tools import FIDUCIALS_MM

SPACING = 1.0
METAL, TISSUE, BONE = 900.0, 100.0, 300.0  # arbitrary grey values: a CBCT is not calibrated


def phantom(
    T_cbct_marker: RigidTransform, rng: np.random.Generator, *, missing: int = 0, spacing: float = SPACING
) -> Volume:
    """Blurred, noisy volume with the spheres, two pins, a bone slab and two spurious balls."""
    size = np.full(3, round(140 / spacing))
    volume = Volume(np.zeros(size[::-1]), np.array([-70.0, -60, -80]), np.full(3, spacing), np.eye(3))
    k, j, i = np.indices(volume.array.shape)
    points = volume.index_to_lps(np.stack([i, j, k], axis=-1))
    image = np.full(volume.array.shape, TISSUE)
    image[points[..., 2] < -60] = BONE

    def paint(distance: np.ndarray, radius: float) -> None:
        share = np.clip((radius - distance) / spacing + 0.5, 0, 1)  # partial volume
        np.copyto(image, image + share * (METAL - image))

    centres = T_cbct_marker.apply(FIDUCIALS_MM)[missing:]
    spurious = rng.uniform(-45, 55, (2, 3))
    for centre in np.vstack([centres, spurious]):
        paint(np.linalg.norm(points - centre, axis=-1), 2.0)
    for start in ([-60.0, -50, -50], [50.0, -50, -50]):
        along = np.array([0.2, 0.6, 0.77]) / np.linalg.norm([0.2, 0.6, 0.77])
        relative = points - np.array(start)
        t = np.clip(relative @ along, 0, 80)
        paint(np.linalg.norm(relative - t[..., None] * along, axis=-1), 2.5)
    from scipy.ndimage import gaussian_filter

    image = gaussian_filter(image, 0.5 / spacing) + rng.normal(0, 15, image.shape)
    return volume.with_array(image.astype(np.float32))


def somewhere(rng: np.random.Generator) -> RigidTransform:
    T = RigidTransform.from_rotvec(rng.uniform(-0.6, 0.6, 3))
    return RigidTransform.from_translation(rng.uniform(-5, 15, 3) - T.apply(FIDUCIALS_MM).mean(axis=0)) @ T


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_frame_is_found_among_pins_and_spurious_spheres(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = somewhere(rng)
    found = locate_fiducials(phantom(truth, rng), FIDUCIALS_MM)
    error = np.linalg.norm(found.T_cbct_marker.apply(FIDUCIALS_MM) - truth.apply(FIDUCIALS_MM), axis=1)
    assert found.found >= 5  # a pin or a spurious ball may touch one sphere
    assert error.max() < 0.2  # mm: a fifth of a voxel
    assert found.fre_mm < 0.2


@pytest.mark.slow
def test_frame_is_found_with_two_spheres_missing_but_not_with_three() -> None:
    rng = np.random.default_rng(7)
    truth = somewhere(rng)
    found = locate_fiducials(phantom(truth, rng, missing=2), FIDUCIALS_MM)
    assert found.found == 4
    assert np.linalg.norm(found.T_cbct_marker.translation - truth.translation) < 0.6  # mm, extrapolated
    with pytest.raises(InfeasibleError, match="fit the known fiducial frame"):
        locate_fiducials(phantom(truth, rng, missing=3), FIDUCIALS_MM)


def test_empty_volume_is_refused() -> None:
    empty = Volume(np.zeros((40, 40, 40), np.float32), np.zeros(3), np.ones(3), np.eye(3))
    with pytest.raises(InfeasibleError, match="0 fiducial spheres"):
        locate_fiducials(empty, FIDUCIALS_MM)


def test_correspondence_survives_shuffling_and_thirty_spurious_points() -> None:
    rng = np.random.default_rng(3)
    truth = somewhere(rng)
    true_points = truth.apply(FIDUCIALS_MM) + rng.normal(0, 0.1, FIDUCIALS_MM.shape)
    found = rng.permutation(np.vstack([true_points, rng.uniform(-90, 90, (30, 3))]))
    match = match_points(FIDUCIALS_MM, found, FiducialConfig())
    assert len(match.model) == len(FIDUCIALS_MM)
    np.testing.assert_allclose(found[list(match.found)], true_points[list(match.model)])


def test_mirror_image_of_the_frame_is_not_taken_for_the_frame() -> None:
    with pytest.raises(InfeasibleError):
        match_points(FIDUCIALS_MM, FIDUCIALS_MM * [1, 1, -1], FiducialConfig())


def test_symmetric_frame_is_refused_as_ambiguous() -> None:
    square = np.array([[0, 0, 0], [50.0, 0, 0], [50, 50, 0], [0, 50, 0]])
    with pytest.raises(InfeasibleError, match="two ways"):
        match_points(square, square + 5.0, FiducialConfig())


@pytest.mark.slow
def test_lucky_fit_does_not_promise_less_than_the_localisation_floor() -> None:
    rng = np.random.default_rng(0)
    image = phantom(somewhere(rng), rng)
    careless, careful = (
        locate_fiducials(image, FIDUCIALS_MM, config=FiducialConfig(localisation_floor_mm=floor))
        for floor in (0.0, 1.0)
    )
    assert careless.fre_mm == careful.fre_mm
    assert careless.tre_mm(np.zeros(3)) < 0.3 * careful.tre_mm(np.zeros(3))
