"""The classical method on virtual and real pelves."""

import numpy as np
import pytest

from rafr.cases.fracture import fracture_pelvis
from rafr.cases.pengwin import read_pengwin
from rafr.cases.synthetic_ct import CtConfig, draw_ct
from rafr.cases.virtual import virtual_pelvis
from rafr.errors import InputError
from rafr.imaging.segmentation import BONES
from rafr.imaging.volume import Volume
from rafr.segmentation.classical.bone import BoneConfig, background_value, enclosed
from rafr.segmentation.classical.method import ClassicalSegmenter
from rafr.segmentation.seeds import Seeds, read_seeds, write_seeds


def iou(found, truth):
    return (found & truth).sum() / (found | truth).sum()


def bone_ious(found, truth):
    """Per bone, whatever its fragments."""
    return {
        name: iou(*((a >= values.start) & (a < values.stop) for a in (found, truth)))
        for name, values in BONES.items()
    }


@pytest.fixture(scope="module")
def crescent():
    """(CT, labels) of a virtual pelvis at coarse spacing."""
    pelvis = virtual_pelvis(np.random.default_rng(3))
    fractured = fracture_pelvis(pelvis, "crescent", np.random.default_rng(3), solid_mm=1.5)
    return draw_ct(fractured, np.random.default_rng(3), CtConfig(spacing_mm=3.0))


def bone_ct(ct, labels):
    """What is left of a CT when everything but bone is cut away, 0 outside."""
    return ct.with_array(np.where(labels.array > 0, np.where(ct.array == 0, 1, ct.array), 0).astype(np.int16))


@pytest.fixture(scope="module")
def segmented(crescent):
    """What is found where image and patient have the same axes."""
    return ClassicalSegmenter().segment(bone_ct(*crescent), None)


def assert_bones_and_fragments_found(found, labels):
    assert found.same_grid(labels)
    assert min(bone_ious(found.array, labels.array).values()) > 0.97
    for value in [v for v in np.unique(labels.array) if v % 10 > 1]:
        # numbered by size: not as the truth numbers them
        best = np.bincount(found.array[labels.array == value]).argmax()
        assert iou(found.array == best, labels.array == value) > 0.85


def test_a_bone_ct_is_told_from_a_whole_one():
    rng = np.random.default_rng(0)
    body = rng.normal(40.0, 20.0, (30, 30, 30)).round()
    padded = np.full((60, 60, 60), -1024.0)
    padded[15:45, 15:45, 15:45] = body
    grid = Volume(padded, np.zeros(3), np.ones(3), np.eye(3))
    assert background_value(grid, BoneConfig()) is None
    alone = np.zeros((60, 60, 60))
    alone[15:45, 15:45, 15:45] = body + 400.0
    assert background_value(grid.with_array(alone), BoneConfig()) == 0.0
    assert background_value(grid.with_array(np.where(alone > 0, alone, -1000.0)), BoneConfig()) == -1000.0


def test_marrow_is_enclosed_and_the_outside_is_not():
    bone = np.zeros((20, 20, 20), bool)
    bone[5:15, 5:15, 5:15] = True
    bone[7:13, 7:13, 7:13] = False
    assert enclosed(bone)[10, 10, 10]
    assert not enclosed(bone)[2, 10, 10]


@pytest.mark.parametrize("array", [np.full((40, 40, 40), 40), np.full((40, 40, 40), 900)])
def test_an_image_without_a_pelvis_is_refused(array):
    ct = Volume(array.astype(np.int16), np.zeros(3), np.full(3, 2.0), np.eye(3))
    with pytest.raises(InputError):
        ClassicalSegmenter().segment(ct, None)


@pytest.mark.parametrize(
    ("factor", "offset", "says"),
    [(1, 1024, r"darkest voxel has 0"), (100, 0, "values about 60000"), (0.1, 0, "of bone")],
)
def test_grey_values_that_are_no_hu_are_refused(factor, offset, says):
    array = np.random.default_rng(0).integers(-1024, -1000, (60, 60, 60)).astype(float)
    array[10:50, 10:50, 10:50] = 600.0
    array[0, 0, 0] = -1024.0
    ct = Volume((array * factor + offset).astype(np.int32), np.zeros(3), np.full(3, 2.0), np.eye(3))
    with pytest.raises(InputError, match=says):
        ClassicalSegmenter().segment(ct, None)


@pytest.mark.slow
def test_bones_and_the_fragment_of_a_virtual_pelvis_are_found(crescent, segmented):
    assert_bones_and_fragments_found(segmented.labels, crescent[1])


@pytest.mark.slow
def test_bones_and_fragment_are_found_in_an_image_with_flipped_axes(crescent):
    last = np.array([crescent[0].size[0] - 1, crescent[0].size[1] - 1, 0])
    ct, labels = (
        Volume(np.flip(v.array, [1, 2]), v.index_to_lps(last), v.spacing, np.diag([-1.0, -1.0, 1.0]))
        for v in (bone_ct(*crescent), crescent[1])
    )
    assert_bones_and_fragments_found(ClassicalSegmenter().segment(ct, None).labels, labels)


@pytest.mark.slow
def test_bones_and_fragment_are_found_in_a_patient_sampled_along_oblique_axes(crescent):
    from scipy.spatial.transform import Rotation

    from rafr.geometry import RigidTransform
    from rafr.imaging.resample import resample

    ct, labels = bone_ct(*crescent), crescent[1]
    axes = Rotation.from_euler("xyz", [20, -15, 30], degrees=True).as_matrix()
    size, spacing = np.array([128, 128, 128]), 2.9
    origin = ct.index_to_lps(0.5 * np.array(ct.size)) - axes @ (0.5 * spacing * size)
    grid = Volume(np.broadcast_to(np.uint8(0), tuple(size)), origin, np.full(3, spacing), axes)
    still = RigidTransform.identity()
    ct, labels = (resample(v, grid, still, outside=0.0, nearest=True) for v in (ct, labels))
    assert_bones_and_fragments_found(ClassicalSegmenter().segment(ct, None).labels, labels)


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [(15.0, -15.0, 20.0), (0.0, 0.0, 180.0)], ids=["leaning", "turned over"])
def test_a_patient_may_lie_otherwise(crescent, degrees):
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    ct, labels = bone_ct(*crescent), crescent[1]
    turned = Volume(ct.array, turn @ ct.origin, ct.spacing, turn @ ct.direction)
    found = ClassicalSegmenter().segment(turned, None)
    assert min(bone_ious(found.labels.array, labels.array).values()) > 0.95
    assert bool(found.notes) == (180.0 in degrees)


@pytest.mark.slow
def test_a_hip_that_is_missing_is_not_found(crescent):
    ct, labels = bone_ct(*crescent), crescent[1].array
    gone = (labels > 10) & (labels < 21)
    found = ClassicalSegmenter().segment(ct.with_array(np.where(gone, 0, ct.array)), None).labels.array
    assert not ((found > 10) & (found < 21)).any()
    assert iou(found > 20, labels > 20) > 0.95
    assert iou((found > 0) & (found < 11), (labels > 0) & (labels < 11)) > 0.9


@pytest.mark.slow
def test_seeds_lead_to_the_same_labels_again_and_can_be_edited(crescent, segmented, tmp_path):
    ct, first = bone_ct(*crescent), segmented
    write_seeds(tmp_path / "seeds.yaml", first.seeds)
    seeds = read_seeds(tmp_path / "seeds.yaml")
    again = ClassicalSegmenter().segment(ct, seeds)
    np.testing.assert_array_equal(again.labels.array, first.labels.array)
    # a person says the fragment belongs to its hip
    fragment = next(v for v in seeds.labels if v in (12, 22))
    joined = {k: v for k, v in seeds.points.items() if k != fragment}
    joined[fragment - 1] = np.concatenate([seeds.points[fragment - 1], seeds.points[fragment]])
    edited = ClassicalSegmenter().segment(ct, Seeds(joined)).labels.array
    np.testing.assert_array_equal(
        edited == fragment - 1, np.isin(first.labels.array, (fragment - 1, fragment))
    )


@pytest.mark.slow
def test_a_seed_away_from_bone_is_refused(crescent):
    seeds = Seeds({1: np.array([[0.0, 0.0, 0.0], [500.0, 0.0, 0.0]])})
    with pytest.raises(InputError, match="from any bone"):
        ClassicalSegmenter().segment(bone_ct(*crescent), seeds)


@pytest.mark.slow
@pytest.mark.data
def test_a_real_patient_agrees_with_the_experts(data_folder):
    """One of those that benchmarks/segmentation.py measures."""
    folder = data_folder / "pengwin" / "001"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    truth = read_pengwin(folder)
    found = ClassicalSegmenter().segment(truth.ct, None).labels.array
    assert min(bone_ious(found, truth.labels.array).values()) > 0.97
    expert = truth.labels.array == 13
    best = np.bincount(found[expert]).argmax()
    assert iou(found == best, expert) > 0.93
