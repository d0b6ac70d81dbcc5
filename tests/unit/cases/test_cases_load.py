from dataclasses import replace

import numpy as np
import pytest

from rafr.cases.case import CASE_FILE, Body, save_case
from rafr.cases.load import load_ct, load_labels, open_case
from rafr.errors import InputError
from rafr.imaging.readers import read_volume
from rafr.imaging.volume import Volume, write_volume


def refusal(folder):
    with pytest.raises(InputError) as caught:
        open_case(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rewrite(path, change):
    volume = read_volume(path)
    write_volume(path, change(volume))


def test_a_sound_case_opens_with_its_bodies(case):
    opened = open_case(case.folder)
    assert [b.name for b in opened.bodies] == ["reference", "left_hip"]
    assert load_ct(opened).same_grid(load_labels(opened))


def test_bodies_are_proposed_where_the_file_names_none(case):
    save_case(case.with_bodies(()))
    opened = open_case(case.folder)
    assert opened.bodies == (Body("reference", (1, 21)), Body("left_hip", (11,)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_ct_with_one_bad_voxel_is_refused(case, bad):
    def spoil(volume):
        array = volume.array.astype(np.float32)
        array[3, 4, 5] = bad
        return volume.with_array(array)

    rewrite(case.ct, spoil)
    text = refusal(case.folder)
    assert "ct.nii.gz" in text
    assert "not finite" in text


@pytest.mark.parametrize(
    "change",
    [
        lambda v: Volume(v.array, v.origin + np.array([1.0, 0, 0]), v.spacing, v.direction),
        lambda v: Volume(v.array, v.origin, v.spacing * 1.01, v.direction),
        lambda v: Volume(v.array[:-1], v.origin, v.spacing, v.direction),
        lambda v: Volume(v.array, v.origin, v.spacing, np.diag([-1.0, -1, 1])),
    ],
    ids=["shifted", "other spacing", "one slice less", "turned"],
)
def test_labels_on_another_grid_are_refused(case, change):
    rewrite(case.labels, change)
    text = refusal(case.folder)
    assert "labels.nii.gz" in text
    assert "is not that of" in text


def test_a_label_that_is_not_in_the_image_is_named_with_those_that_are(case):
    save_case(case.with_bodies((Body("reference", (1, 21)), Body("left_hip", (11, 12)))))
    text = refusal(case.folder)
    assert "left_hip names label 12" in text
    assert "1, 11, 21" in text


def test_a_body_of_a_few_voxels_is_refused(case):
    def shrink(volume):
        array = volume.array.copy()
        where = np.argwhere(array == 11)[3:]
        array[tuple(where.T)] = 0
        return volume.with_array(array)

    rewrite(case.labels, shrink)
    assert "left_hip is 3 voxels large" in refusal(case.folder)


def test_a_label_above_thirty_is_refused(case):
    rewrite(case.labels, lambda v: v.with_array(np.where(v.array == 11, 31, v.array).astype(np.uint8)))
    assert "31" in refusal(case.folder)


def test_swapped_sides_are_refused(case):
    swap = {11: 21, 21: 11}
    rewrite(
        case.labels, lambda v: v.with_array(np.vectorize(lambda x: swap.get(x, x))(v.array).astype(np.uint8))
    )
    assert "left hip" in refusal(case.folder)


def test_a_pelvis_that_moves_as_one_leaves_nothing_to_reduce(case, blocks, ct_of):
    build, boxes = blocks
    labels = build(boxes)
    write_volume(case.labels, labels)
    write_volume(case.ct, ct_of(labels))
    save_case(case.with_bodies(()))
    assert "one body only" in refusal(case.folder)


def test_a_damaged_cbct_is_refused(case):
    (case.folder / "cbct.nii.gz").write_text("no image")
    save_case(replace(case, cbct=case.folder / "cbct.nii.gz"))
    assert "cbct.nii.gz" in refusal(case.folder)


def test_a_yaml_typo_gets_a_hint(case):
    path = case.folder / CASE_FILE
    path.write_text(path.read_text(encoding="utf-8").replace("labels: labels", "lables: labels"))
    assert "'labels'" in refusal(case.folder)


def test_a_missing_folder_is_named(tmp_path):
    assert "no such folder" in refusal(tmp_path / "absent")
