"""`rafr case` as a person uses it: exit codes, one line on stderr, nothing left behind."""

import json

import numpy as np
import pytest

from rafr.cases.case import CASE_FILE
from rafr.cli.main import main
from rafr.imaging.readers import read_volume
from rafr.imaging.volume import Volume, write_volume


@pytest.fixture
def images(tmp_path, pelvis_labels, ct_of, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_volume(tmp_path / "ct.nii.gz", ct_of(pelvis_labels))
    write_volume(tmp_path / "labels.nii.gz", pelvis_labels)
    return tmp_path / "ct.nii.gz", tmp_path / "labels.nii.gz"


def run(capfd, *arguments):
    code = main([str(a) for a in arguments])
    captured = capfd.readouterr()
    return code, captured.out, captured.err


def refused(capfd, *arguments):
    """The one line of a refusal."""
    code, out, err = run(capfd, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("rafr case: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def test_new_makes_a_case_and_tells_its_bodies_as_json(tmp_path, images, capfd):
    code, out, _ = run(capfd, "case", "new", *images, "-o", tmp_path / "case", "--json", "-")
    facts = json.loads(out)
    assert code == 0
    assert {n: b["labels"] for n, b in facts["bodies"].items()} == {"reference": [1, 21], "left_hip": [11]}
    assert facts["labels"]["11"] == {"bone": "left_hip", "volume_mm3": 26 * 70 * 60}
    assert facts["assessment"]["accepted"]
    assert (tmp_path / "case" / CASE_FILE).is_file()


def test_new_says_in_words_what_it_found(tmp_path, images, capfd):
    code, out, _ = run(capfd, "case", "new", *images, "-o", tmp_path / "case")
    assert code == 0
    assert "left_hip" in out
    assert "sacroiliac joint of 1 and 21" in out


def test_new_of_an_unbroken_pelvis_is_kept_but_not_acceptable(tmp_path, images, blocks, ct_of, capfd):
    build, boxes = blocks
    labels = build(boxes)
    write_volume(images[0], ct_of(labels))
    write_volume(images[1], labels)
    code, out, _ = run(capfd, "case", "new", *images, "-o", tmp_path / "case", "--json", "-")
    assert code == 1
    assert "nothing looks loose" in json.loads(out)["assessment"]["reasons"][-1]
    assert (tmp_path / "case" / CASE_FILE).is_file()


def spoil_ct(images):
    ct = read_volume(images[0])
    array = ct.array.astype(np.float32)
    array[0, 0, 0] = np.nan
    write_volume(images[0], ct.with_array(array))


def shift_labels(images):
    v = read_volume(images[1])
    write_volume(images[1], Volume(v.array, v.origin + 2.0, v.spacing, v.direction))


def strange_label(images):
    v = read_volume(images[1])
    write_volume(images[1], v.with_array(np.where(v.array == 11, 77, v.array).astype(np.uint8)))


BAD_IMAGES = {
    "missing file": (lambda images: images[1].unlink(), "no such file"),
    "NaN volume": (spoil_ct, "not finite"),
    "other grid": (shift_labels, "is not that of"),
    "label value": (strange_label, "77"),
    "truncated": (lambda images: images[0].write_bytes(images[0].read_bytes()[:200]), "ct.nii.gz"),
    "text": (lambda images: images[1].write_text("no image"), "labels.nii.gz"),
}


@pytest.mark.parametrize("spoil", BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_new_refuses_a_bad_image_in_one_line_and_leaves_nothing(tmp_path, images, capfd, spoil):
    change, told = spoil
    change(images)
    before = sorted(tmp_path.iterdir())
    assert told in refused(capfd, "case", "new", *images, "-o", tmp_path / "made" / "case")
    assert sorted(tmp_path.iterdir()) == before


def test_new_refuses_an_occupied_folder_and_a_ct_alone(tmp_path, images, capfd):
    assert "not an empty folder" in refused(capfd, "case", "new", *images, "-o", tmp_path)
    assert "without labels" in refused(capfd, "case", "new", images[0], "-o", tmp_path / "case")
    assert "no such file" in refused(capfd, "case", "new", tmp_path / "absent", "-o", tmp_path / "case")


def test_a_json_file_that_cannot_be_written_is_told_before_the_work(tmp_path, images, capfd):
    target = tmp_path / "absent" / "facts.json"
    assert "does not exist" in refused(
        capfd, "case", "new", *images, "-o", tmp_path / "case", "--json", target
    )
    assert not (tmp_path / "case").exists()


@pytest.mark.slow
def test_show_draws_the_case_and_gives_its_facts(case, capfd, tmp_path):
    code, out, err = run(capfd, "case", "show", case.folder, "-o", tmp_path / "pictures", "--json", "-")
    facts = json.loads(out)
    assert code == 0
    assert (tmp_path / "pictures" / "overview.png").read_bytes()[:4] == b"\x89PNG"
    assert facts["ct"]["spacing_mm"] == [2.0, 2.0, 2.0]
    assert not facts["bodies_proposed"]
    assert "left_hip" in err  # the table makes room for JSON on standard output
    assert not list(case.folder.glob("*.png"))


def test_show_refuses_a_yaml_typo_and_an_absent_label(case, capfd):
    path = case.folder / CASE_FILE
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("bodies:", "bodys:"))
    assert "'bodies'" in refused(capfd, "case", "show", case.folder)
    path.write_text(text.replace("left_hip: [11]", "left_hip: [14]"))
    assert "label 14" in refused(capfd, "case", "show", case.folder)
    assert not list(case.folder.glob("*.png"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--virtual", "--fracture", "denis9"], "denis"),
        (["--virtual", "--fracture", "denis2", "--seed", "-1"], "negative"),
        (["--fracture", "denis2"], "no pelvis"),
        (["absent.mat", "--virtual", "--fracture", "denis2"], "both"),
        (["absent.mat", "--fracture", "denis2"], "no such file"),
    ],
)
def test_simulate_refuses_what_it_cannot_do(tmp_path, capfd, arguments, told):
    assert told in refused(capfd, "case", "simulate", *arguments, "-o", tmp_path / "case")
    assert not list(tmp_path.iterdir())
