"""Methods by name; the optional ones against stand-ins for the tools they call."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.imaging.readers import read_volume
from rafr.imaging.volume import Volume, write_volume
from rafr.progress import silent
from rafr.segmentation import registry
from rafr.segmentation.label_table import PENGWIN, TOTALSEGMENTATOR, read_table, translated
from rafr.segmentation.seeds import Seeds
from rafr.segmentation.segmenter import Segmentation

SEEDS = Seeds({1: np.zeros((1, 3))})


@pytest.fixture
def ct():
    return Volume(
        np.zeros((4, 5, 6), np.int16), np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0]), np.eye(3)
    )


def image_of(ct, values):
    """Label image whose first voxels carry `values`."""
    array = np.zeros(ct.array.shape, np.int16)
    array.ravel()[: len(values)] = values
    return ct.with_array(array)


# the table -------------------------------------------------------------------------------------------------


def test_values_of_the_table_are_translated_and_others_dropped(ct):
    labels = translated(image_of(ct, [25, 77, 78, 75]), TOTALSEGMENTATOR, "image")
    assert labels.array.dtype == np.uint8
    assert labels.array.ravel()[:4].tolist() == [1, 11, 21, 0]


def test_a_table_may_name_bones(tmp_path):
    path = tmp_path / "table.yaml"
    path.write_text("3: sacrum\n4: left_hip\n5: 22\n")
    assert read_table(str(path)) == {3: 1, 4: 11, 5: 22}


@pytest.mark.parametrize("text", ["3: femur", "3: 31", "sacrum: 1", "3: true", "[1, 2]"])
def test_a_bad_table_is_refused(tmp_path, text):
    path = tmp_path / "table.yaml"
    path.write_text(text)
    with pytest.raises(InputError):
        read_table(str(path))


def test_an_unknown_table_is_refused():
    with pytest.raises(InputError, match="totalsegmentator"):
        read_table("total")


# the importer ----------------------------------------------------------------------------------------------


def test_import_translates_an_image_of_another_orientation(tmp_path, ct):
    flipped = Volume(
        image_of(ct, []).array, ct.index_to_lps([5, 4, 0]), ct.spacing, np.diag([-1.0, -1.0, 1.0])
    )
    flipped.array[0, 0, 0] = 77  # the CT's last voxel of the first slice
    write_volume(tmp_path / "labels.nii.gz", flipped)
    segmenter = registry.make_segmenter(
        "import", {"labels": str(tmp_path / "labels.nii.gz"), "table": TOTALSEGMENTATOR}
    )
    found = segmenter.segment(ct, None, silent).labels
    assert found.same_grid(ct)
    assert np.argwhere(found.array).tolist() == [[0, 4, 5]]
    assert found.array[0, 4, 5] == 11


def test_import_without_an_image_and_with_seeds_is_refused(tmp_path, ct):
    with pytest.raises(InputError, match="--labels"):
        registry.make_segmenter("import")
    segmenter = registry.make_segmenter("import", {"labels": "labels.nii.gz"})
    with pytest.raises(InputError, match="--seeds"):
        segmenter.segment(ct, SEEDS, silent)


def test_an_image_with_none_of_the_values_is_refused(ct):
    with pytest.raises(InputError, match="holds none of the table"):
        translated(image_of(ct, [7]), TOTALSEGMENTATOR, "image")


def test_an_image_of_another_table_is_not_taken_for_pengwins(ct):
    # TotalSegmentator's 25 would be a piece of the right hip
    with pytest.raises(InputError, match="holds the value 78"):
        translated(image_of(ct, [25, 77, 78]), PENGWIN, "image")


# the registry ----------------------------------------------------------------------------------------------


class Constant:
    """A plugin of another package."""

    def __init__(self, value=1):
        self.value = value

    def segment(self, ct, seeds, progress):
        return Segmentation(ct.with_array(np.full(ct.array.shape, self.value, np.uint8)))


def test_another_package_can_add_a_method(monkeypatch, ct):
    entry = EntryPoint("constant", f"{__name__}:Constant", registry.GROUP)
    monkeypatch.setitem(sys.modules, __name__, SimpleNamespace(Constant=Constant))
    monkeypatch.setattr(
        registry, "entry_points", lambda group, name="constant": (entry,) if name == "constant" else ()
    )
    assert registry.method_names()[-1] == "constant"
    found = registry.make_segmenter("constant").segment(ct, None, silent)
    assert (found.labels.array == 1).all()


def test_unknown_methods_and_options_are_refused():
    with pytest.raises(InputError, match="classical, import, totalsegmentator, nnunet"):
        registry.make_segmenter("magic")
    with pytest.raises(InputError, match="no such option"):
        registry.make_segmenter("classical", {"model": "somewhere"})


# TotalSegmentator ------------------------------------------------------------------------------------------


@pytest.fixture
def total(monkeypatch):
    """A stand-in for its Python interface; `behave` is called in its place."""
    package, module = ModuleType("totalsegmentator"), ModuleType("totalsegmentator.python_api")
    calls = []

    def totalsegmentator(source, target, **options):
        calls.append(options)
        module.behave(source, target)

    module.totalsegmentator = totalsegmentator
    monkeypatch.setitem(sys.modules, "totalsegmentator", package)
    monkeypatch.setitem(sys.modules, "totalsegmentator.python_api", module)
    return module, calls


def test_totalsegmentator_gets_the_ct_and_its_labels_come_back(total, ct):
    module, calls = total

    def behave(source, target):
        write_volume(target, image_of(read_volume(source), [25, 77, 78]))

    module.behave = behave
    found = registry.make_segmenter("totalsegmentator").segment(ct, None, silent)
    assert found.labels.same_grid(ct)
    assert found.labels.array.ravel()[:4].tolist() == [1, 11, 21, 0]
    assert calls[0]["roi_subset"] == ["sacrum", "hip_left", "hip_right"]
    assert calls[0]["ml"] is True


def raising(source, target):
    raise RuntimeError("no weights:\n no internet")


def leaving(source, target):
    sys.exit("no licence")


@pytest.mark.parametrize(
    ("behave", "says"),
    [(raising, "no weights: no internet"), (leaving, "no licence"), (lambda s, t: None, "wrote no")],
)
def test_totalsegmentator_failing_is_one_line(total, ct, behave, says):
    total[0].behave = behave
    with pytest.raises(InputError, match=says) as caught:
        registry.make_segmenter("totalsegmentator").segment(ct, None, silent)
    assert "\n" not in str(caught.value)


def test_without_totalsegmentator_the_line_says_what_to_install(monkeypatch, ct):
    monkeypatch.setitem(sys.modules, "totalsegmentator", None)
    with pytest.raises(InputError, match="pip install TotalSegmentator"):
        registry.make_segmenter("totalsegmentator").segment(ct, None, silent)


# nnU-Net ---------------------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    for fold in (0, 3):
        (folder / f"fold_{fold}").mkdir(parents=True)
        (folder / f"fold_{fold}" / "checkpoint_final.pth").touch()
    for name in ("plans.json", "dataset.json"):
        (folder / name).write_text("{}")
    return folder


@pytest.fixture
def nnunetv2(monkeypatch):
    """Stand-ins for torch and nnU-Net's predictor; what it is called with."""
    seen = {}

    class Predictor:
        def __init__(self, **options):
            seen["options"] = options

        def initialize_from_trained_model_folder(self, folder, use_folds, checkpoint_name):
            seen["folder"], seen["folds"], seen["checkpoint"] = folder, use_folds, checkpoint_name

        def predict_single_npy_array(self, image, properties, previous, output, probabilities):
            seen["shape"], seen["spacing"] = image.shape, properties["spacing"]
            labels = np.zeros(image.shape[1:], np.uint8)
            labels.ravel()[:2] = (1, 12)
            return labels

    inference = ModuleType("nnunetv2.inference.predict_from_raw_data")
    inference.nnUNetPredictor = Predictor
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(device=str))
    monkeypatch.setitem(sys.modules, "nnunetv2", ModuleType("nnunetv2"))
    monkeypatch.setitem(sys.modules, "nnunetv2.inference", ModuleType("nnunetv2.inference"))
    monkeypatch.setitem(sys.modules, inference.__name__, inference)
    return Predictor, seen


def test_nnunet_predicts_with_every_fold_there_is(nnunetv2, model, ct):
    found = registry.make_segmenter("nnunet", {"model": str(model)}).segment(ct, None, silent)
    assert found.labels.array.ravel()[:3].tolist() == [1, 12, 0]
    _, seen = nnunetv2
    assert seen["folds"] == (0, 3)
    assert seen["shape"] == (1, 4, 5, 6)
    assert seen["spacing"] == [2.0, 1.0, 1.0]  # mm along k, j, i


def test_nnunet_failing_is_one_line(nnunetv2, model, ct, monkeypatch):
    def fail(*_):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(nnunetv2[0], "predict_single_npy_array", fail)
    with pytest.raises(InputError, match="CUDA out of memory"):
        registry.make_segmenter("nnunet", {"model": str(model)}).segment(ct, None, silent)


def test_a_folder_that_is_no_model_is_refused(tmp_path, model, ct):
    with pytest.raises(InputError, match="--model"):
        registry.make_segmenter("nnunet")
    with pytest.raises(InputError, match=r"plans\.json"):
        registry.make_segmenter("nnunet", {"model": str(tmp_path)}).segment(ct, None, silent)
    (model / "fold_0" / "checkpoint_final.pth").unlink()
    (model / "fold_3" / "checkpoint_final.pth").unlink()
    with pytest.raises(InputError, match=r"fold_0/checkpoint_final\.pth"):
        registry.make_segmenter("nnunet", {"model": str(model)}).segment(ct, None, silent)


def test_without_nnunet_the_line_says_what_to_install(monkeypatch, model, ct):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match="pip install nnunetv2"):
        registry.make_segmenter("nnunet", {"model": str(model)}).segment(ct, None, silent)
