import stat

import numpy as np
import pytest

from rafr.cases.folder import new_folder
from rafr.cases.importer import import_case
from rafr.cases.load import load_ct, load_labels, open_case
from rafr.errors import InputError
from rafr.imaging.volume import Volume, write_volume


@pytest.fixture
def images(tmp_path, pelvis_labels, ct_of):
    write_volume(tmp_path / "ct.nrrd", ct_of(pelvis_labels))
    write_volume(tmp_path / "seg.mha", pelvis_labels)
    return tmp_path / "ct.nrrd", tmp_path / "seg.mha"


def test_an_imported_case_opens_and_holds_the_same_voxels(tmp_path, images, pelvis_labels, ct_of):
    made = import_case(*images, tmp_path / "new" / "case")
    case = open_case(tmp_path / "new" / "case")
    assert case.bodies == made.case.bodies
    np.testing.assert_array_equal(load_labels(case).array, pelvis_labels.array)
    np.testing.assert_array_equal(load_ct(case).array, ct_of(pelvis_labels).array)
    assert load_labels(case).array.dtype == np.uint8
    assert sorted(p.name for p in case.folder.iterdir()) == ["case.yaml", "ct.nii.gz", "labels.nii.gz"]


def test_fractions_of_a_hounsfield_unit_are_kept(tmp_path, images, pelvis_labels):
    array = np.where(pelvis_labels.array > 0, 700.25, -3.5).astype(np.float32)
    write_volume(images[0], pelvis_labels.with_array(array))
    np.testing.assert_array_equal(load_ct(import_case(*images, tmp_path / "case").case).array, array)


def test_an_existing_case_is_never_overwritten(tmp_path, images):
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="not an empty folder"):
        import_case(*images, tmp_path / "case")
    assert [p.name for p in (tmp_path / "case").iterdir()] == ["note.txt"]


def test_an_empty_folder_may_become_the_case(tmp_path, images):
    (tmp_path / "case").mkdir()
    assert import_case(*images, tmp_path / "case").case.bodies


def test_labels_of_another_scan_leave_nothing_behind(tmp_path, images, pelvis_labels):
    before = sorted(tmp_path.iterdir())
    shifted = Volume(pelvis_labels.array, pelvis_labels.origin + 3.0, pelvis_labels.spacing, np.eye(3))
    write_volume(images[1], shifted)
    with pytest.raises(InputError, match="is not that of"):
        import_case(*images, tmp_path / "deep" / "case")
    assert sorted(tmp_path.iterdir()) == before


def test_a_failure_while_writing_leaves_nothing_behind(tmp_path, images, monkeypatch):
    before = sorted(tmp_path.iterdir())

    def full_disk(path, volume):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rafr.cases.importer.write_volume", full_disk)
    with pytest.raises(InputError, match="cannot be written"):
        import_case(*images, tmp_path / "deep" / "case")
    assert sorted(tmp_path.iterdir()) == before


def test_an_interrupted_folder_disappears_with_the_parents_made_for_it(tmp_path):
    def interrupted():
        with new_folder(tmp_path / "a" / "b" / "case") as folder:
            (folder / "half.txt").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_a_new_folder_has_ordinary_permissions(tmp_path):
    with new_folder(tmp_path / "case") as folder:
        (folder / "x").write_text("")
    plain = tmp_path / "plain"
    plain.mkdir()
    assert stat.S_IMODE((tmp_path / "case").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def pengwin_folder(folder, labels, ct, missing=()):
    """The three-files-per-patient form of a labelled volume."""
    folder.mkdir()
    for code, first in (("SA", 1), ("LI", 11), ("RI", 21)):
        here = (labels.array >= first) & (labels.array < first + 10)
        for name, array in (
            (f"007_{code}.nii.gz", np.where(here, ct.array, 0).astype(np.int32)),
            (f"007_{code}_mask.nii.gz", np.where(here, labels.array - (first - 1), 0).astype(np.int16)),
        ):
            if name not in missing:
                write_volume(folder / name, labels.with_array(array))
    return folder


def test_a_pengwin_patient_becomes_one_ct_and_one_label_image(tmp_path, pelvis_labels, ct_of):
    turned = Volume(
        pelvis_labels.array[:, ::-1, ::-1].copy(),
        pelvis_labels.index_to_lps([pelvis_labels.size[0] - 1, pelvis_labels.size[1] - 1, 0]),
        pelvis_labels.spacing,
        np.diag([-1.0, -1, 1]),
    )
    ct = ct_of(turned)
    folder = pengwin_folder(tmp_path / "007", turned, ct)
    case = import_case(folder, None, tmp_path / "case").case
    np.testing.assert_array_equal(load_labels(case).array, turned.array)
    np.testing.assert_array_equal(load_ct(case).array, np.where(turned.array > 0, ct.array, 0))
    assert load_ct(case).same_grid(turned)
    assert "no soft tissue" in case.description


def test_an_incomplete_pengwin_patient_is_refused_by_file_name(tmp_path, pelvis_labels, ct_of):
    folder = pengwin_folder(tmp_path / "007", pelvis_labels, ct_of(pelvis_labels), ("007_RI_mask.nii.gz",))
    with pytest.raises(InputError, match=r"007_RI_mask\.nii\.gz: no such file"):
        import_case(folder, None, tmp_path / "case")
    assert not (tmp_path / "case").exists()


@pytest.mark.data
@pytest.mark.slow
def test_real_pengwin_bones_keep_place_value_and_number(data_folder, tmp_path):
    from rafr.imaging.readers import read_volume

    case = import_case(data_folder / "pengwin" / "003", None, tmp_path / "case").case
    labels, ct = load_labels(case), load_ct(case)
    for code, first in (("SA", 1), ("LI", 11), ("RI", 21)):
        mask = read_volume(data_folder / "pengwin" / "003" / f"003_{code}_mask.nii.gz")
        bone = read_volume(data_folder / "pengwin" / "003" / f"003_{code}.nii.gz")
        # asked at physical points: 003 is stored turned by diag(-1, -1, 1)
        for index in np.argwhere(mask.array > 0)[::997, ::-1]:
            i, j, k = np.rint(labels.lps_to_index(mask.index_to_lps(index))).astype(int)
            assert labels.array[k, j, i] == mask.array[tuple(index[::-1])] + first - 1
            assert ct.array[k, j, i] == bone.array[tuple(index[::-1])]
