"""`rafr case segment` as a person uses it: exit codes, one line on stderr, nothing left behind."""

import json

import numpy as np
import pytest

from rafr.cli.main import main
from rafr.imaging.readers import read_labels, read_volume
from rafr.imaging.volume import Volume, write_volume


@pytest.fixture
def images(tmp_path):
    """A CT of three blocks and TotalSegmentator's labels for it."""
    labels = np.zeros((20, 30, 40), np.uint8)
    labels[5:15, 10:25, 16:24], labels[5:15, 5:25, 28:36], labels[5:15, 5:25, 4:12] = 25, 77, 78
    grid = Volume(labels, np.zeros(3), np.full(3, 2.0), np.eye(3))
    write_volume(tmp_path / "total.nii.gz", grid)
    write_volume(tmp_path / "ct.nii.gz", grid.with_array(np.where(labels > 0, 700, 40).astype(np.int16)))
    return tmp_path


def run(capfd, *arguments):
    code = main(["case", "segment", *map(str, arguments)])
    captured = capfd.readouterr()
    return code, captured.out, captured.err


def test_import_writes_labels_picture_and_facts(images, capfd):
    code, out, _ = run(
        capfd,
        *(images / "ct.nii.gz", "-o", images / "labels.nii.gz", "--method", "import"),
        *("--labels", images / "total.nii.gz", "--table", "totalsegmentator", "--json", "-"),
    )
    facts = json.loads(out)
    assert code == 0
    assert set(np.unique(read_labels(images / "labels.nii.gz").array)) == {0, 1, 11, 21}
    assert facts["label_values"]["11"] == {"bone": "left_hip", "volume_mm3": 10 * 20 * 8 * 8.0}
    assert facts["assessment"] == {"accepted": True, "reasons": []}
    assert (images / "labels.png").stat().st_size > 10_000


def test_a_missing_bone_is_not_acceptable(images, capfd):
    table = images / "table.yaml"
    table.write_text("25: sacrum\n77: left_hip\n")
    options = ("--method", "import", "--labels", images / "total.nii.gz", "--table", table)
    code, out, _ = run(capfd, images / "ct.nii.gz", "-o", images / "labels.nii.gz", *options)
    assert code == 1
    assert "no right hip is found" in out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("absent.nii.gz", "-o", "labels.nii.gz"), "no such file"),
        (("ct.nii.gz", "-o", "labels.txt"), "no image rafr writes"),
        (("ct.nii.gz", "-o", "nowhere/labels.nii.gz"), "does not exist"),
        (("ct.nii.gz", "-o", "ct.nii.gz"), "is the CT itself"),
        (("ct.nii.gz", "-o", ".nii.gz"), "no image rafr writes"),
        (("ct.nii.gz", "-o", "labels.nii.gz", "--json", "labels.png"), "is written by this command"),
        (("ct.nii.gz", "-o", "total.nii.gz", "--labels", "total.nii.gz"), "is --labels itself"),
        (("ct.nii.gz", "-o", "labels.nii.gz", "--method", "magic"), "'magic' is no method"),
        (("ct.nii.gz", "-o", "labels.nii.gz", "--method", "import"), "--labels"),
        (("ct.nii.gz", "-o", "labels.nii.gz", "--table", "pengwin"), "no such option"),
        (("ct.nii.gz", "-o", "labels.nii.gz", "--seeds", "absent.yaml"), "cannot be read"),
        (
            ("ct.nii.gz", "-o", "labels.nii.gz", "--method", "nnunet", "--model", "absent"),
            "holds no plans.json",
        ),
        (("dark.nii.gz", "-o", "labels.nii.gz"), "of bone"),
        (("total.nii.gz", "-o", "labels.nii.gz"), "the brightest 78"),
        (("mask.nii.gz", "-o", "labels.nii.gz"), "a mask"),
        (("wide.nii.gz", "-o", "labels.nii.gz"), "60 mm wide"),
        (("ct.nii.gz", "-o", "labels.nii.gz", "--seeds", "far.yaml"), "lies outside the CT"),
    ],
)
def test_what_cannot_be_used_is_one_line(images, monkeypatch, capfd, options, says):
    monkeypatch.chdir(images)
    dark = Volume(np.full((12, 12, 12), 30, np.int16), np.zeros(3), np.full(3, 2.0), np.eye(3))
    dark.array[0, 0, 0] = 31
    write_volume(images / "dark.nii.gz", dark)
    ct = read_volume(images / "ct.nii.gz")
    write_volume(images / "mask.nii.gz", ct.with_array((ct.array > 100).astype(np.uint8)))
    write_volume(images / "wide.nii.gz", Volume(ct.array, ct.origin, 30 * ct.spacing, ct.direction))
    (images / "far.yaml").write_text("seeds: {1: [[0, 0, 900]]}")
    before = sorted(images.iterdir())
    code, out, err = run(capfd, *options)
    assert code == 2
    assert out == ""
    assert says in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert sorted(images.iterdir()) == before


def test_what_cannot_be_written_leaves_nothing(images, monkeypatch, capfd):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("rafr.segmentation.picture.save_overlay", full)
    options = ("--method", "import", "--labels", images / "total.nii.gz", "--table", "totalsegmentator")
    before = sorted(images.iterdir())
    code, _, err = run(capfd, images / "ct.nii.gz", "-o", images / "labels.nii.gz", *options)
    assert code == 2
    assert "no space left" in err
    assert sorted(images.iterdir()) == before
