"""Lumps merge over what is continuous and stay apart over what is not, or where marks differ."""

import numpy as np
import pytest

from rafr.segmentation.classical.evidence import EvidenceConfig, closed, depth_inside, gather
from rafr.segmentation.classical.merging import UNMARKED, absorbed, merge
from rafr.segmentation.classical.supervoxels import SupervoxelConfig, cut_up

FREE = np.full(4, UNMARKED, dtype=np.int64)
CHAIN = np.array([[0, 1], [1, 2], [2, 3]])
EXPECTED = np.full(3, 100.0)
FACES = np.full(3, 10.0)


def joined(merged):
    """The clusters as sets of lumps."""
    return {frozenset(np.flatnonzero(merged.cluster == c).tolist()) for c in range(len(merged.mark))}


def test_a_dark_contact_stays_apart():
    merged = merge(CHAIN, np.array([90.0, 20.0, 90.0]), EXPECTED, FACES, FREE, stop=0.5, doubt=0.0)
    assert joined(merged) == {frozenset({0, 1}), frozenset({2, 3})}


def test_different_marks_never_merge_and_marks_spread():
    marks = np.array([11, UNMARKED, UNMARKED, 1])
    merged = merge(CHAIN, np.array([90.0, 80.0, 70.0]), EXPECTED, FACES, marks, stop=0.0, doubt=0.0)
    # lump 2 goes with lump 1, its better contact
    assert merged.mark[merged.cluster].tolist() == [11, 11, 11, 1]


def test_contacts_are_judged_together():
    # 0-2 alone is continuous, but 0 and 1 merge first and the pair is dark towards 2
    pairs = np.array([[0, 1], [0, 2], [1, 2]])
    merged = merge(
        pairs,
        np.array([95.0, 60.0, 5.0]),
        np.array([100.0, 100.0, 300.0]),
        FACES,
        FREE[:3],
        stop=0.5,
        doubt=0.0,
    )
    assert joined(merged) == {frozenset({0, 1}), frozenset({2})}


def test_a_small_contact_is_doubted():
    pairs = np.array([[0, 1]])
    arguments = (pairs, np.array([9.0]), np.array([10.0]), np.array([4.0]), FREE[:2])
    assert len(merge(*arguments, stop=0.5, doubt=0.0).mark) == 1
    assert len(merge(*arguments, stop=0.5, doubt=100.0).mark) == 2


def test_small_clusters_join_their_strongest_neighbour():
    seen = np.array([10.0, 40.0, 30.0])
    apart = merge(CHAIN, seen, EXPECTED, FACES, FREE, stop=0.9, doubt=0.0)
    merged = absorbed(apart, CHAIN, seen, EXPECTED, [100.0, 1.0, 100.0, 100.0], 10.0)
    assert joined(merged) == {frozenset({0}), frozenset({1, 2}), frozenset({3})}


def test_depth_is_scipys_distance():
    from scipy import ndimage

    mask = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((18, 17, 16)), 2) > 0.02
    np.testing.assert_allclose(
        depth_inside(mask)[mask], ndimage.distance_transform_edt(mask)[mask], atol=1e-4
    )
    np.testing.assert_allclose(
        -depth_inside(mask)[~mask], ndimage.distance_transform_edt(~mask)[~mask], atol=1e-4
    )


def test_closing_fills_a_narrow_gap_and_adds_nothing_outside():
    mask = np.zeros((20, 20, 30), bool)
    mask[5:15, 5:15, 5:14] = mask[5:15, 5:15, 16:25] = True
    filled = closed(mask, 2.0)
    assert filled[10, 10, 14:16].all()
    assert not filled[:4].any()
    assert not filled[..., :5].any()


@pytest.fixture
def two_boxes():
    """HU and bone of two boxes with cortex, impacted: they touch over marrow, the cortex is interrupted."""
    hu = np.full((40, 40, 80), 20.0, np.float32)
    hu[6:34, 6:34, 6:74] = 900.0
    hu[9:31, 9:31, 9:71] = 220.0
    fracture = np.zeros(hu.shape, bool)
    fracture[:, :, 39:41] = True
    fracture[13:27, 13:27] = False
    hu[fracture] = 20.0
    hu += np.random.default_rng(1).normal(0.0, 10.0, hu.shape)
    bone = hu > 130.0
    return hu.astype(np.float32), bone


def test_two_impacted_boxes_are_parted_at_the_interrupted_cortex(two_boxes):
    hu, bone = two_boxes
    lumps = cut_up(gather(hu, bone, 1.0, -50.0, EvidenceConfig()), 1.0, SupervoxelConfig())
    free = np.full(lumps.count, UNMARKED, dtype=np.int64)
    merged = merge(lumps.pairs, lumps.seen, lumps.expected, lumps.faces, free, stop=0.45, doubt=15.0)
    merged = absorbed(merged, lumps.pairs, lumps.seen, lumps.expected, lumps.voxels, 4000.0)
    assert len(merged.mark) == 2
    cluster = np.concatenate([[-1], merged.cluster])[lumps.labels]
    left, right = cluster[20, 20, 20], cluster[20, 20, 60]
    assert left != right
    # mm from the true plane: one lump
    assert (cluster[:, :, :34][bone[:, :, :34]] == left).mean() > 0.99
    assert (cluster[:, :, 46:][bone[:, :, 46:]] == right).mean() > 0.99
