"""`rafr register`: JSON, table and picture for a good CBCT, exit code 1 for a wrong one, 2 for bad input."""

import json
from pathlib import Path

import numpy as np
import pytest

from rafr.cases.case import Body, Case, save_case
from rafr.cli.main import main
from rafr.geometry import RigidTransform
from rafr.imaging.volume import write_volume


@pytest.fixture(scope="module")
def folder(phantom, other_phantom, tmp_path_factory) -> Path:
    """A case folder with its CBCT, and another patient's CBCT beside it."""
    folder = tmp_path_factory.mktemp("case")
    rng = np.random.default_rng(0)
    poses = phantom.poses(rng, 10.0, 25.0)
    write_volume(folder / "ct.nii.gz", phantom.ct)
    write_volume(folder / "labels.nii.gz", phantom.labels)
    write_volume(folder / "cbct.nii.gz", phantom.cbct(poses, rng))
    write_volume(folder / "other.nii.gz", other_phantom.cbct(other_phantom.poses(rng, 5.0, 10.0), rng))
    bodies = (Body("reference", (1,)), Body("fragment", (11,)))
    case = Case(
        folder, "phantom", folder / "ct.nii.gz", folder / "labels.nii.gz", folder / "cbct.nii.gz", bodies
    )
    save_case(case)
    np.save(folder / "truth.npy", np.stack([poses[b.name].matrix for b in bodies]))
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.mark.slow
def test_good_cbct_gives_json_table_and_picture(folder, tmp_path, capsys, phantom) -> None:
    out = tmp_path / "result.json"
    code = main(["register", str(folder), "--json", str(out), "-o", str(tmp_path / "pictures")])
    assert code == 0
    data = json.loads(out.read_text(encoding="utf-8"))
    assert list(data["bodies"]) == ["reference", "fragment"]
    assert data["assessment"] == {"accepted": True, "reasons": []}
    assert data["seconds"] > 0
    truth = np.load(folder / "truth.npy")
    for matrix, (name, body) in zip(truth, data["bodies"].items(), strict=True):
        points = phantom.meshes[name].vertices
        found = RigidTransform.from_matrix(body["T_cbct_ct"]).apply(points)
        gap = np.linalg.norm(found - RigidTransform.from_matrix(matrix).apply(points), axis=1).mean()
        assert gap < 0.3  # mm, a fifth of a voxel
        assert 0 < body["tre_estimate_mm"] < 1
        assert 0.8 < body["overlap"] <= 1
    assert "fragment" in capsys.readouterr().out
    for name in ("registration", "checkerboard"):
        picture = (tmp_path / "pictures" / f"{name}.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 50_000


@pytest.mark.slow
def test_wrong_patient_gives_exit_code_1_and_says_why_in_the_json(folder, capsys) -> None:
    code = main(["register", str(folder), "--cbct", str(folder / "other.nii.gz"), "--json", "-"])
    captured = capsys.readouterr()
    assert code == 1
    assessment = json.loads(captured.out)["assessment"]
    assert not assessment["accepted"]
    assert assessment["reasons"]
    assert assessment["reasons"][0] in captured.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cbct", "missing.nii.gz"], "missing.nii.gz"),
        (["--body", "fragmnet"], "fragmnet"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_bad_input_gives_exit_code_2_and_one_line(folder, options, words, capsys) -> None:
    assert main(["register", str(folder), *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error


def test_case_without_cbct_gives_exit_code_2(folder, tmp_path, capsys) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("ct.nii.gz", "labels.nii.gz"):
        (bare / name).symlink_to(folder / name)
    (bare / "case.yaml").write_text(
        "id: bare\nct: ct.nii.gz\nlabels: labels.nii.gz\nbodies: {reference: [1], fragment: [11]}\n"
    )
    assert main(["register", str(bare)]) == 2
    assert "no CBCT" in capsys.readouterr().err
