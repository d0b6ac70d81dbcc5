"""The simulated CBCT against what was put into it: a bone of known shape, moved by known transforms."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.cases.case import Body
from rafr.geometry import RigidTransform
from rafr.imaging.cbct import PADDING, CbctConfig, field_of_view, simulate_cbct
from rafr.imaging.fiducials import FIDUCIALS_MM
from rafr.imaging.resample import crop_to, resample
from rafr.imaging.volume import Volume

BODIES = (Body("reference", (1,)), Body("fragment", (11,)))
CENTRES = {"reference": np.array([-25.0, 0.0, 0.0]), "fragment": np.array([25.0, 5.0, 0.0])}
RADIUS = 18.0  # mm
QUIET = CbctConfig(
    diameter_mm=190.0, length_mm=120.0, spacing_mm=1.5, noise=0.0, cupping=0.0, shading=0.0, streak=0.0
)
POSES = {
    "reference": RigidTransform.from_rotvec([0.1, -0.15, 0.2], [100.0, -50.0, 20.0]),
    "fragment": RigidTransform.from_rotvec([0.1, -0.1, 0.25], [104.0, -47.0, 22.0]),
}
SPHERES = POSES["reference"].apply(FIDUCIALS_MM + np.array([0.0, -70.0, 0.0]))


@pytest.fixture(scope="module")
def balls():
    """CT (muscle 40 HU, bone 800 HU, soft edges) and labels of two balls of bone."""
    size, spacing = np.array([100, 80, 70]), 1.5
    grid = Volume(np.zeros(size[::-1], np.uint8), -0.5 * spacing * (size - 1), np.full(3, spacing), np.eye(3))
    points = grid.index_to_lps(np.argwhere(grid.array == 0)[:, ::-1])
    hu, labels = np.full(len(points), 40.0), np.zeros(len(points), np.uint8)
    for body in BODIES:
        distance = np.linalg.norm(points - CENTRES[body.name], axis=1) - RADIUS
        hu += np.clip(0.5 - distance / spacing, 0, 1) * 760.0
        labels[distance < 0] = body.labels[0]
    shape = grid.array.shape
    return grid.with_array(hu.reshape(shape).astype(np.int16)), grid.with_array(labels.reshape(shape))


def scan(balls, *, poses=POSES, config=QUIET, seed=0, **other):
    rng = np.random.default_rng(seed)
    arguments = {"fiducials_cbct_mm": SPHERES} | other
    return simulate_cbct(*balls, BODIES, poses, rng=rng, config=config, **arguments)


def centre_of_bone(cbct, near):
    """Centroid (3,) of the bright voxels within 26 mm of a point."""
    bright = cbct.array > 0.5 * (np.median(cbct.array[cbct.array > PADDING]) + np.percentile(cbct.array, 98))
    points = cbct.index_to_lps(np.argwhere(bright)[:, ::-1])
    return points[np.linalg.norm(points - near, axis=1) < 26.0].mean(axis=0)


def test_every_bone_lies_where_its_own_transform_puts_it(balls):
    cbct = scan(balls)
    for name, centre in CENTRES.items():
        expected = POSES[name].apply(centre)
        # a third of a voxel: centroids of thousands of voxels
        assert np.linalg.norm(centre_of_bone(cbct, expected) - expected) < 0.5


def test_a_body_that_moves_leaves_no_ghost_behind(balls):
    away = POSES | {"fragment": RigidTransform.from_translation([0, 0, 45.0]) @ POSES["fragment"]}
    cbct = scan(balls, poses=away)
    old = POSES["fragment"].apply(CENTRES["fragment"][None])
    i, j, k = np.rint(cbct.lps_to_index(old)[0]).astype(int)
    around = cbct.array[k - 2 : k + 3, j - 2 : j + 3, i - 2 : i + 3]
    muscle = np.median(cbct.array[cbct.array > PADDING + 1500])
    assert abs(float(around.mean()) - muscle) < 30.0


def test_the_spheres_are_inside_the_field_of_view_and_saturated(balls):
    cbct = scan(balls)
    for centre in SPHERES:
        i, j, k = np.rint(cbct.lps_to_index(centre)).astype(int)
        assert cbct.array[k, j, i] > 2000
    steel = cbct.index_to_lps(np.argwhere(cbct.array > 2000)[:, ::-1])
    for centre in SPHERES:
        near = steel[np.linalg.norm(steel - centre, axis=1) < 6.0]
        assert np.linalg.norm(near.mean(axis=0) - centre) < 0.75  # mm, half a voxel


def test_outside_the_cylinder_there_is_padding_only(balls):
    cbct = scan(balls)
    seen = field_of_view(cbct).array
    assert seen.mean() == pytest.approx(np.pi / 4, abs=0.01)
    assert (seen == seen[0]).all()
    assert cbct.array[seen].min() >= -1024


def test_a_bone_only_ct_gets_soft_tissue(balls):
    ct, labels = balls
    bare = ct.with_array(np.where(labels.array > 0, ct.array, 0).astype(np.int16))
    cbct, whole = scan((bare, labels)), scan(balls)
    expected = POSES["reference"].apply(CENTRES["reference"])
    assert np.linalg.norm(centre_of_bone(cbct, expected) - expected) < 0.5
    middle = 0.5 * (expected + POSES["fragment"].apply(CENTRES["fragment"]))
    i, j, k = np.rint(cbct.lps_to_index(middle)).astype(int)
    assert abs(int(cbct.array[k, j, i]) - int(whole.array[k, j, i])) < 60


@pytest.mark.parametrize(
    "change",
    [
        {"diameter_mm": 200.0},
        {"length_mm": 100.0},
        {"spacing_mm": 2.0},
        {"gain": (0.5, 0.5)},
        {"offset": (0.0, 0.0)},
        {"noise": 30.0},
        {"cupping": 0.1},
        {"shading": 50.0},
        {"streak": 100.0},
        {"metal": 2500.0},
        {"fiducial_diameter_mm": 8.0},
        {"pin_diameter_mm": 9.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_changes_the_image(balls, change):
    pins = [(SPHERES[0], SPHERES[0] + np.array([0.0, 40.0, 10.0]))]
    before, after = (scan(balls, config=c, pins_cbct_mm=pins) for c in (QUIET, replace(QUIET, **change)))
    assert before.array.shape != after.array.shape or (before.array != after.array).any()


def test_correlated_noise_has_the_strength_asked_for(balls):
    for blur in (0.3, 0.8):
        noisy = scan(balls, config=replace(QUIET, noise=40.0, noise_blur_voxels=blur))
        clean = scan(balls)
        seen = field_of_view(clean).array & (np.abs(clean.array) < 900)
        assert np.std((noisy.array.astype(float) - clean.array)[seen]) == pytest.approx(40.0, rel=0.05)


def test_the_seed_decides(balls):
    config = replace(QUIET, noise=30.0)
    first, again, other = (scan(balls, config=config, seed=s).array for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_body_outside_the_ct_is_left_out(balls):
    bodies = (*BODIES, Body("absent", (21,)))
    poses = POSES | {"absent": RigidTransform.identity()}
    cbct = simulate_cbct(
        *balls, bodies, poses, fiducials_cbct_mm=SPHERES, rng=np.random.default_rng(0), config=QUIET
    )
    assert np.array_equal(cbct.array, scan(balls).array)


def test_resampling_moves_a_volume_by_its_transform(balls):
    ct, labels = balls
    moved = resample(labels, ct, RigidTransform.from_translation([6.0, 0.0, 0.0]), outside=0, nearest=True)
    before, after = (v.index_to_lps(np.argwhere(v.array == 1)[:, ::-1]).mean(axis=0) for v in (labels, moved))
    assert after - before == pytest.approx([6.0, 0.0, 0.0], abs=0.05)


def test_a_crop_holds_its_points_on_the_same_voxels(balls):
    ct, _ = balls
    part, window = crop_to(ct, CENTRES["fragment"][None], 10.0)
    assert np.array_equal(ct.array[window], part.array)
    corner = part.lps_to_index(CENTRES["fragment"])
    assert (corner > 5).all()
    assert np.allclose(ct.lps_to_index(part.origin), [window[2].start, window[1].start, window[0].start])
