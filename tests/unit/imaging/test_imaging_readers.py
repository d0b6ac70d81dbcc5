import gzip
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import SimpleITK as sitk

from rafr.errors import InputError
from rafr.imaging.readers import read_grid, read_labels, read_volume
from rafr.imaging.volume import Volume, write_volume

LEFT_HANDED = np.diag([1.0, -1.0, 1.0])
TURNED = np.diag([-1.0, -1.0, 1.0])


def ramp(direction=TURNED, dtype=np.int16):
    array = np.arange(7 * 6 * 5).reshape(7, 6, 5).astype(dtype)
    return Volume(array, np.array([10.0, -20.0, 30.0]), np.array([0.8, 0.9, 2.0]), direction)


def refusal(read, path):
    with pytest.raises(InputError) as caught:
        read(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    return text


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("direction", [np.eye(3), TURNED, LEFT_HANDED], ids=["lps", "turned", "left-handed"])
def test_every_format_keeps_values_and_places(tmp_path, suffix, direction):
    volume = ramp(direction)
    path = tmp_path / f"image{suffix}"
    write_volume(path, volume)
    back = read_volume(path)
    np.testing.assert_array_equal(back.array, volume.array)
    corner = [4, 5, 6]
    np.testing.assert_allclose(
        back.index_to_lps(corner), volume.index_to_lps(corner), atol=1e-4
    )  # mm: float32
    assert read_grid(path).same_grid(volume)
    assert not list(tmp_path.glob(".*"))


def write_dicom(folder, volume, series="1.2.3.4", description="pelvis", shear_mm=0.0):
    """One file per slice, as a scanner writes them: stored values are HU + 1024."""
    folder.mkdir(exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    axes = "\\".join(f"{v:.8f}" for v in volume.direction[:, :2].T.ravel())
    for k in range(volume.array.shape[0]):
        image = sitk.GetImageFromArray(volume.array[k][None])
        image.SetSpacing([float(s) for s in volume.spacing])
        position = "\\".join(f"{v:.6f}" for v in volume.index_to_lps([0, k * shear_mm, k]))
        tags = {
            "0008|0060": "CT",
            "0008|103e": description,
            "0020|000e": series,
            "0020|000d": "1.2.3",
            "0008|0018": f"{series}.{k}",
            "0020|0013": str(k + 1),
            "0020|0032": position,
            "0020|0037": axes,
            "0028|1052": "-1024",
            "0028|1053": "1",
        }
        for key, value in tags.items():
            image.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"{series}_{k:03d}.dcm"))
        writer.Execute(image)


@pytest.mark.parametrize("angle_deg", [0.0, 17.0])
def test_a_dicom_folder_is_read_in_hounsfield_at_its_place(tmp_path, angle_deg):
    a = np.radians(angle_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    volume = ramp(turn)
    write_dicom(tmp_path / "series", volume)
    back = read_volume(tmp_path / "series")
    np.testing.assert_array_equal(back.array, volume.array)
    np.testing.assert_allclose(
        back.index_to_lps([4, 5, 6]), volume.index_to_lps([4, 5, 6]), atol=1e-3
    )  # mm: text tags


def test_two_dicom_series_in_one_folder_are_named(tmp_path):
    write_dicom(tmp_path / "both", ramp(np.eye(3)), "1.2.3.4", "bone kernel")
    write_dicom(tmp_path / "both", ramp(np.eye(3)), "1.2.3.5", "soft kernel")
    text = refusal(read_volume, tmp_path / "both")
    assert "bone kernel (7 images)" in text
    assert "soft kernel (7 images)" in text


def test_a_scout_beside_the_series_is_left_out(tmp_path):
    volume = ramp(np.eye(3))
    write_dicom(tmp_path / "both", volume)
    scout = Volume(volume.array[:2], volume.origin, volume.spacing, volume.direction)
    write_dicom(tmp_path / "both", scout, "1.2.3.9", "scout")
    assert read_volume(tmp_path / "both").size == volume.size


def test_a_missing_dicom_slice_is_refused(tmp_path):
    write_dicom(tmp_path / "series", ramp(np.eye(3)))
    (tmp_path / "series" / "1.2.3.4_003.dcm").unlink()
    assert "slices are missing" in refusal(read_volume, tmp_path / "series")


def test_a_tilted_gantry_is_refused(tmp_path):
    folder = tmp_path / "series"
    write_dicom(folder, ramp(np.eye(3)), shear_mm=0.5)
    assert "tilted gantry" in refusal(read_volume, folder)


@pytest.mark.parametrize("kept", [0, 200, 700])
def test_a_truncated_dicom_slice_is_refused(tmp_path, kept):
    folder = tmp_path / "series"
    write_dicom(folder, ramp(np.eye(3)))
    path = folder / "1.2.3.4_003.dcm"
    path.write_bytes(path.read_bytes()[:kept])
    refusal(read_volume, folder)


def test_a_folder_without_dicom_is_refused(tmp_path):
    (tmp_path / "note.txt").write_text("no image")
    assert "no DICOM series" in refusal(read_volume, tmp_path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.6, 0.98])
def test_a_truncated_file_is_refused_in_one_line(tmp_path, suffix, kept, capfd):
    volume = ramp(np.eye(3))
    noise = np.random.default_rng(0).integers(0, 1000, (40, 40, 40)).astype(np.int16)
    path = tmp_path / f"image{suffix}"
    write_volume(path, volume.with_array(noise))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    refusal(read_volume, path)
    assert capfd.readouterr().err == ""  # the reader's own chatter stays hidden


def test_a_damaged_byte_in_a_compressed_file_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 1000, (40, 40, 40)).astype(np.int16)
    path = tmp_path / "image.nii.gz"
    write_volume(path, ramp().with_array(noise))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    refusal(read_volume, path)


def test_text_named_like_an_image_is_refused(tmp_path):
    for name in ("a.nii", "a.nrrd", "a.mha"):
        (tmp_path / name).write_text("hello")
        refusal(read_volume, tmp_path / name)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"hello"))
    refusal(read_volume, tmp_path / "a.nii.gz")


def test_missing_and_unknown_files_are_refused(tmp_path):
    assert "no such file" in refusal(read_volume, tmp_path / "absent.nii.gz")
    (tmp_path / "photo.png").write_bytes(b"x")
    assert "not an image format" in refusal(read_volume, tmp_path / "photo.png")


@pytest.mark.parametrize("shape", [(6, 5), (1, 6, 5), (3, 4, 5, 6)])
def test_flat_and_four_dimensional_images_are_refused(tmp_path, shape):
    path = tmp_path / "image.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros(shape, np.int16), isVector=False), str(path))
    assert "a 3-D image" in refusal(read_volume, path)


def test_colour_images_are_refused(tmp_path):
    path = tmp_path / "image.mha"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 4, 4, 3), np.uint8), isVector=True), str(path))
    assert "one value per voxel" in refusal(read_volume, path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_single_voxel_that_is_not_finite_is_refused(tmp_path, bad):
    array = ramp().array.astype(np.float32)
    array[3, 2, 1] = bad
    write_volume(tmp_path / "image.nii.gz", ramp().with_array(array))
    assert "1 voxels are not finite" in refusal(read_volume, tmp_path / "image.nii.gz")


@pytest.mark.parametrize(
    ("values", "told"),
    [([0, 1, 31], "31"), ([0, -1, 2], "-1"), ([0, 1.5, 2], "1.5"), ([0, 0, 0], "background alone")],
)
def test_labels_outside_the_scheme_are_refused(tmp_path, values, told):
    array = np.resize(np.array(values, np.float32), (4, 4, 4))
    write_volume(tmp_path / "labels.nrrd", ramp().with_array(array))
    assert told in refusal(read_labels, tmp_path / "labels.nrrd")


def test_whole_numbers_stored_as_floats_are_labels(tmp_path):
    array = np.resize(np.array([0.0, 1, 11, 30]), (4, 4, 4))
    write_volume(tmp_path / "labels.nrrd", ramp().with_array(array))
    labels = read_labels(tmp_path / "labels.nrrd")
    assert labels.array.dtype == np.uint8
    np.testing.assert_array_equal(labels.array, array)


def test_readers_in_several_threads_give_standard_error_back(tmp_path, capfd):
    write_volume(tmp_path / "image.nii.gz", ramp())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read_volume, [tmp_path / "image.nii.gz"] * 12))
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"
