"""3D Slicer's transform files: which way they go, and what is refused."""

import numpy as np
import pytest
import SimpleITK as sitk

from rafr.errors import InputError
from rafr.exchange.targets import read_targets
from rafr.exchange.transform_files import TRANSFORM_FORMATS, read_motion, write_motion
from rafr.geometry import RigidTransform

MOTION = RigidTransform.from_rotvec([0.2, -0.3, 0.1], [12.0, -7.0, 30.0])
EXACT = 1e-12


def affine(matrix, translation=(0.0, 0.0, 0.0)):
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(np.asarray(matrix, dtype=float).ravel().tolist())
    transform.SetTranslation([float(v) for v in translation])
    return transform


@pytest.mark.parametrize("suffix", TRANSFORM_FORMATS)
def test_a_motion_survives_every_format(tmp_path, suffix):
    write_motion(tmp_path / f"left_hip.{suffix}", MOTION)
    assert np.abs(read_motion(tmp_path / f"left_hip.{suffix}").matrix - MOTION.matrix).max() < EXACT


def test_itk_moves_an_image_with_the_file_as_the_plan_moves_the_body(tmp_path):
    """Resampling with what the file holds puts a blob where the motion takes it: SimpleITK's own word."""
    write_motion(tmp_path / "left_hip.tfm", MOTION)
    image = sitk.GaussianSource(
        sitk.sitkFloat32, size=[110, 110, 110], sigma=[4.0] * 3, mean=[35.0, 45.0, 30.0], scale=100.0
    )
    moved = sitk.Resample(image, image, sitk.ReadTransform(str(tmp_path / "left_hip.tfm")), sitk.sitkLinear)
    array = sitk.GetArrayFromImage(moved).astype(float)
    centre = [np.average(np.arange(110), weights=array.sum(axis=axes)) for axes in ((0, 1), (0, 2), (1, 2))]
    assert np.abs(np.array(centre) - MOTION.apply([35.0, 45.0, 30.0])).max() < 0.001


def test_a_file_as_slicer_writes_it_is_the_inverse_of_what_its_window_shows(tmp_path):
    """A quarter turn about the long axis and 5 mm to the right (RAS) in the window; in the file neither."""
    shown_ras = np.array([[0, -1, 0, 5.0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    (tmp_path / "left_hip.tfm").write_text(
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        "Parameters: 0 1 0 -1 0 0 0 0 1 0 -5 0\nFixedParameters: 0 0 0\n"
    )
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    assert np.abs(read_motion(tmp_path / "left_hip.tfm").matrix - flip @ shown_ras @ flip).max() < EXACT


def test_any_kind_of_rigid_transform_is_read_with_its_centre(tmp_path):
    euler = sitk.Euler3DTransform((10.0, 20.0, 30.0), 0.1, 0.2, 0.3, (1.0, 2.0, 3.0))
    shift = sitk.TranslationTransform(3, (4.0, 5.0, 6.0))
    both = sitk.CompositeTransform([shift, euler])
    for transform in (euler, shift, both):
        sitk.WriteTransform(transform, str(tmp_path / "t.tfm"))
        motion = read_motion(tmp_path / "t.tfm").inverse()
        for point in ((0.0, 0.0, 0.0), (11.0, -3.0, 50.0)):
            assert motion.apply(point) == pytest.approx(transform.TransformPoint(point), abs=1e-9)


def test_rounded_to_single_precision_it_is_still_rigid(tmp_path):
    inverse = MOTION.inverse()
    rounded = affine(inverse.rotation.astype(np.float32), inverse.translation.astype(np.float32))
    sitk.WriteTransform(rounded, str(tmp_path / "t.tfm"))
    assert np.abs(read_motion(tmp_path / "t.tfm").matrix - MOTION.matrix).max() < 1e-5


@pytest.mark.parametrize(
    ("transform", "wrong"),
    [
        (affine(1.01 * np.eye(3)), "scales or shears"),
        (affine([[1, 0.1, 0], [0, 1, 0], [0, 0, 1]]), "scales or shears"),
        (affine(np.diag([-1.0, 1.0, 1.0])), "mirrors"),
        (affine(np.zeros((3, 3))), "mirrors"),
        (sitk.Euler2DTransform(), "2 dimensions"),
        (sitk.BSplineTransform(3), "not linear"),
    ],
)
def test_what_is_not_rigid_is_refused_by_name(tmp_path, transform, wrong):
    sitk.WriteTransform(transform, str(tmp_path / "left_hip.h5"))
    with pytest.raises(InputError, match=wrong):
        read_motion(tmp_path / "left_hip.h5")


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("", "cannot be read"),
        ("hello", "cannot be read"),
        (
            "#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\n"
            "Parameters: 1 0 0 0 1 0 0 0 1\nFixedParameters: 0 0 0\n",
            "cannot be read",
        ),
        (
            "#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\n"
            "Parameters: 1 0 0 0 1 0 0 0 1 nan 0 0\nFixedParameters: 0 0 0\n",
            "cannot be read",
        ),
        (
            "#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\n"
            "Parameters: 1 0 0 0 1 0 0 0 1 1e999 0 0\nFixedParameters: 0 0 0\n",
            "cannot be read",
        ),
    ],
)
def test_damaged_and_not_finite_files_are_refused_in_one_line(tmp_path, content, wrong):
    path = tmp_path / "left_hip.tfm"
    path.write_text(content)
    with pytest.raises(InputError, match=wrong) as error:
        read_motion(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_not_a_number_in_a_binary_file_is_named(tmp_path):
    sitk.WriteTransform(affine(np.eye(3), (float("nan"), 0.0, 0.0)), str(tmp_path / "left_hip.h5"))
    with pytest.raises(InputError, match="not finite"):
        read_motion(tmp_path / "left_hip.h5")


def test_a_folder_gives_the_targets_of_the_bodies_its_files_are_named_after(tmp_path, case, goals):
    folder = tmp_path / "from_slicer"
    folder.mkdir()
    write_motion(folder / "left_hip.tfm", goals["left_hip"])
    write_motion(folder / "left_ischium.h5", goals["left_ischium"])
    (folder / "scene.mrml").write_text("<MRML/>")
    read = read_targets(folder, case)
    assert set(read) == {"left_hip", "left_ischium"}
    for name, T in goals.items():
        assert np.abs(read[name].matrix - T.matrix).max() < EXACT
    assert set(read_targets(folder / "left_hip.tfm", case)) == {"left_hip"}


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        ((), "holds no transform file"),
        (("LinearTransform.tfm",), "'LinearTransform' is no moving body of case blocks"),
        (("reference.tfm",), "'reference' is no moving body"),
        (("left_hip.tfm", "left_hip.h5"), "a second file for left_hip"),
    ],
)
def test_a_folder_that_does_not_fit_the_case_is_refused(tmp_path, case, files, wrong):
    folder = tmp_path / "from_slicer"
    folder.mkdir()
    for name in files:
        write_motion(folder / name, MOTION)
    with pytest.raises(InputError, match=wrong):
        read_targets(folder, case)


def test_targets_that_are_not_there_are_refused(tmp_path, case):
    with pytest.raises(InputError, match="no such file or folder"):
        read_targets(tmp_path / "nowhere", case)


def test_the_example_of_the_documentation(tmp_path):
    write_motion(tmp_path / "left_hip.tfm", RigidTransform.from_translation([10.0, 0.0, 5.0]))
    parameters = (
        (tmp_path / "left_hip.tfm")
        .read_text(encoding="utf-8")
        .split("Parameters: ")[1]
        .split("\n")[0]
        .split()
    )
    assert [float(p) for p in parameters[9:]] == [-10.0, 0.0, -5.0]
    itk = sitk.ReadTransform(str(tmp_path / "left_hip.tfm"))
    reduced = itk.GetInverse().TransformPoint((1.0, 2.0, 3.0))
    assert reduced == (11.0, 2.0, 8.0)
    assert itk.TransformPoint(reduced) == (1.0, 2.0, 3.0)
