"""Whatever stops a writer, what it leaves is whole or absent, and it says why in one line."""

import numpy as np
import pytest
from tests.abuse.writers import WRITERS, killed, prepare, starved

from rafr.cli.main import main

BY_NAME = {writer.name: writer for writer in WRITERS}


@pytest.fixture(autouse=True)
def open_folder(tmp_path):
    prepare()
    tmp_path.chmod(0o755)


@pytest.mark.parametrize("name", BY_NAME)
def test_what_a_killed_writer_leaves_is_whole(name, tmp_path):  # 200 kills: benchmarks/kill_writers.py
    end = killed(BY_NAME[name], tmp_path / "folder", np.random.default_rng(len(name)).uniform(0.0, 0.2))
    assert end.problem == ""
    assert end.written > 0


@pytest.mark.parametrize("name", ["image .nii.gz", "image .mha", "mesh", "plan", "recording", "case.yaml"])
def test_what_a_full_disk_leaves_is_whole(name, tmp_path):
    end = starved(BY_NAME[name], tmp_path / "folder", "disk", 2000)
    assert end.problem == ""
    assert end.said


@pytest.mark.parametrize("name", ["case by import", "image .nii.gz", "plan", "mesh"])
def test_a_folder_that_may_not_be_written_is_said(name, tmp_path):
    tmp_path.parent.chmod(0o755)
    end = starved(BY_NAME[name], tmp_path / "folder", "rights", 0)
    assert end.problem == ""
    assert end.said


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device", "out/plan.json"), "out/plan.json: no space left on device"),
        (OSError(30, "Read-only file system", "out"), "out: read-only file system"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_a_machine_that_gives_no_more_is_one_line(error, words, monkeypatch, capsys):
    def fail(args):
        raise error

    monkeypatch.setattr("rafr.cli.report.run", fail)
    assert main(["report", "runs/1"]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1


def test_an_error_of_ours_is_not_hidden_as_one_of_the_machine(monkeypatch):
    def fail(args):
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr("rafr.cli.report.run", fail)
    with pytest.raises(OSError, match="Bad file"):
        main(["report", "runs/1"])
