"""Profiles are found where they are, whatever the grey scale, and give the motion that explains them."""

import numpy as np
import pytest

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.imaging.volume import Volume
from rafr.registration.edges import (
    EdgeConfig,
    Matches,
    SurfaceProfiles,
    align_profiles,
    match_profiles,
    solve_motion,
    surface_profiles,
)
from rafr.registration.uncertainty import jackknife_error

RADII = np.array([30.0, 22.0, 16.0])


def ellipsoid_image(gain: float = 1.0, offset: float = 0.0) -> Volume:
    """A smooth shell: bright near the surface, so that profiles along normals are known."""
    size = np.array([100, 80, 70])
    volume = Volume(np.zeros(size[::-1]), -0.5 * (size - 1.0), np.ones(3), np.eye(3))
    k, j, i = np.indices(volume.array.shape)
    points = volume.index_to_lps(np.stack([i, j, k], axis=-1))
    level = (np.linalg.norm(points / RADII, axis=-1) - 1.0) * RADII.mean()
    return volume.with_array(offset + gain * (1000 * np.exp(-0.5 * (level / 2) ** 2) + 300 * (level < 0)))


def ellipsoid_mesh() -> TriangleMesh:
    import trimesh

    sphere = trimesh.creation.icosphere(subdivisions=3)
    return TriangleMesh(np.asarray(sphere.vertices) * RADII, np.asarray(sphere.faces))


def surface(config: EdgeConfig, seed: int = 0) -> SurfaceProfiles:
    return surface_profiles(ellipsoid_mesh(), ellipsoid_image(), None, np.random.default_rng(seed), config)


def everywhere(volume: Volume) -> Volume:
    return volume.with_array(np.ones(volume.array.shape, bool))


CONFIG = EdgeConfig(samples=600)


def test_profiles_match_in_place_under_any_gain_and_offset() -> None:
    cbct = ellipsoid_image(gain=0.4, offset=-700.0)
    matches = match_profiles(surface(CONFIG), cbct, everywhere(cbct), RigidTransform.identity(), 4.0, CONFIG)
    assert matches.seen.all()
    # mm; the parabola through three correlations of a lopsided profile is off by hundredths
    np.testing.assert_allclose(matches.shift_mm, 0.0, atol=0.05)
    np.testing.assert_allclose(matches.correlation, 1.0, atol=1e-3)


def test_shift_is_the_displacement_along_the_normal() -> None:
    cbct = ellipsoid_image()
    moved = RigidTransform.from_translation([1.3, 0.0, 0.0])
    samples = surface(CONFIG)
    matches = match_profiles(samples, cbct, everywhere(cbct), moved, 4.0, CONFIG)
    flat = np.abs(samples.normals[:, 0]) > 0.9  # elsewhere curvature bends the profile
    np.testing.assert_allclose(matches.shift_mm[flat], -1.3 * samples.normals[flat, 0], atol=0.25)


def test_alignment_undoes_a_known_motion() -> None:
    cbct = ellipsoid_image(gain=0.7, offset=100.0)
    start = RigidTransform.from_translation([3.0, -2.0, 1.5]) @ RigidTransform.from_rotvec([0.1, -0.1, 0.15])
    samples = surface(CONFIG)
    found = align_profiles(samples, cbct, everywhere(cbct), start, (8, 6, 4, 3, 2, 2), CONFIG)
    np.testing.assert_allclose(found.apply(samples.points), samples.points, atol=0.1)  # mm


def test_samples_that_look_at_another_bone_are_left_out() -> None:
    image = ellipsoid_image()
    k, j, i = np.indices(image.array.shape)
    other = image.with_array((image.index_to_lps(np.stack([i, j, k], axis=-1))[..., 0] > 31).astype(np.uint8))
    kept = surface_profiles(ellipsoid_mesh(), image, other, np.random.default_rng(0), CONFIG)
    assert kept.points[:, 0].max() < 29.0
    assert len(kept.points) < len(surface(CONFIG).points)


def test_samples_outside_the_field_of_view_are_not_used() -> None:
    cbct = ellipsoid_image()
    half = everywhere(cbct)
    half.array[:, :, : cbct.size[0] // 2] = False
    samples = surface(CONFIG)
    matches = match_profiles(samples, cbct, half, RigidTransform.identity(), 3.0, CONFIG)
    assert not matches.seen[samples.points[:, 0] < 0].any()
    assert (matches.correlation[~matches.seen] == 0).all()


def test_nothing_to_match_is_infeasible() -> None:
    flat = ellipsoid_image(gain=0.0)
    with pytest.raises(InfeasibleError, match="found in the CBCT"):
        align_profiles(surface(CONFIG), flat, everywhere(flat), RigidTransform.identity(), (4,), CONFIG)


def shifts_of(samples: SurfaceProfiles, motion: RigidTransform) -> np.ndarray:
    return ((motion.apply(samples.points) - samples.points) * samples.normals).sum(axis=1)


def test_a_third_of_wild_shifts_does_not_disturb_the_motion() -> None:
    rng = np.random.default_rng(0)
    samples = surface(CONFIG)
    motion = RigidTransform.from_rotvec([0.01, 0.008, -0.012], [0.4, -0.3, 0.2])
    shift = shifts_of(samples, motion) + rng.normal(0, 0.05, len(samples.points))
    wild = rng.random(len(shift)) < 0.33
    shift[wild] += rng.uniform(1, 4, wild.sum())
    matches = Matches(shift, np.ones(len(shift)), np.ones(len(shift), bool))
    found = solve_motion(samples, matches, RigidTransform.identity(), CONFIG)
    np.testing.assert_allclose(found.apply(samples.points), motion.apply(samples.points), atol=0.1)  # mm


@pytest.mark.parametrize("sigma_mm", [0.1, 0.4])
def test_error_estimate_follows_the_true_error_of_patchy_residuals(sigma_mm: float) -> None:
    """Residuals that agree over patches, as shading makes them: treating samples as independent would
    promise an error several times too small."""
    rng = np.random.default_rng(0)
    samples = surface(CONFIG)
    errors, estimates = [], []
    for _ in range(30):
        centres = samples.points[rng.integers(len(samples.points), size=25)]
        patch = np.linalg.norm(samples.points[:, None] - centres, axis=-1).argmin(axis=1)
        shift = rng.normal(0, sigma_mm, 25)[patch] + rng.normal(0, 0.02, len(patch))
        matches = Matches(shift, np.ones(len(shift)), np.ones(len(shift), bool))
        motion = solve_motion(samples, matches, RigidTransform.identity(), CONFIG)
        errors.append(((motion.apply(samples.points) - samples.points) ** 2).sum(axis=1).mean())
        estimates.append(
            jackknife_error(samples, matches, RigidTransform.identity(), samples.points, CONFIG, rng)
        )
    ratio = np.sqrt(np.mean(np.square(estimates)) / np.mean(errors))
    assert 0.7 < ratio < 2.0  # 12 groups over 25 patches: right size, not exact
