"""`rafr sim` refuses bad input before any process is started, in one line and with exit code 2."""

import pytest

from rafr.cli.main import main
from rafr.cli.sim_case import clean_folder
from rafr.cli.sim_faults import SUPERVISED, split_faults
from rafr.errors import InputError


@pytest.fixture(autouse=True)
def no_processes(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("a process was started")

    monkeypatch.setattr("rafr.supervisor.Supervisor.start", fail)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seed", "-1"], "--seed"),
        (["--faults", "tracker-freez"], "tracker-freeze"),
        (["--faults", "node-kill:nobody"], "no node 'nobody'"),
        (["--faults", "operator-stop:safety"], "operator-stop:safety"),
        (["--faults", "wrench-nan:arm_controller"], "wrench-nan:arm_controller"),
        (["/nowhere/case"], "/nowhere/case"),
        (["/nowhere/case", "--fracture", "rami"], "one of the two"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(arguments, words, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["sim", *arguments, "--out", str(out), "--headless"]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.strip().splitlines()) == 1
    assert words in captured.err
    assert not out.exists()


def test_without_gazebo_one_line_says_how_to_get_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["sim", "--sim", "gazebo", "--out", str(tmp_path / "run"), "--headless"]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.strip().splitlines()) == 1
    assert "no `gz` on the PATH" in captured.err
    assert "gazebosim.org" in captured.err


def test_a_damaged_case_is_refused_before_anything_starts(tmp_path, capsys):
    folder = tmp_path / "case"
    folder.mkdir()
    (folder / "case.yaml").write_text("id: x\nct: ct.nii.gz\nlabel: labels.nii.gz\n")
    assert main(["sim", str(folder), "--out", str(tmp_path / "run"), "--headless"]) == 2
    assert "unknown key 'label'" in capsys.readouterr().err


def test_faults_help_lists_one_per_line_name_first(capsys):
    assert main(["sim", "--faults", "help"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    names = [line.split()[0] for line in lines]
    assert {"tracker-freeze", "wrench-spike", "traction-break", "arm-connection-lost"} <= set(names)
    assert set(SUPERVISED) <= set(names)
    assert len(set(names)) == len(names)
    assert all(len(line.split()) > 4 for line in lines)


def test_the_supervisors_own_faults_do_not_reach_the_simulator():
    nodes = ("arm_controller", "safety")
    faults, supervised = split_faults("tracker-drop, node-kill:safety,operator-stop", nodes)
    assert faults == ("tracker-drop",)
    assert list(supervised) == ["node-kill:safety", "operator-stop"]
    assert list(split_faults("node-hang", nodes)[1]) == ["node-hang:arm_controller"]
    assert split_faults("", nodes) == ((), {})


def test_a_second_run_replaces_only_what_a_run_leaves(tmp_path):
    for name in ("report.json", "curves.png", "notes.txt"):
        (tmp_path / name).write_text("old")
    (tmp_path / "recording").mkdir()
    (tmp_path / "recording" / "recording.mcap").write_text("old")
    (tmp_path / "case").mkdir()
    clean_folder(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["case", "notes.txt"]


def test_a_recording_folder_that_is_not_ours_is_left_alone(tmp_path):
    (tmp_path / "recording").mkdir()
    (tmp_path / "recording" / "song.wav").write_text("la")
    clean_folder(tmp_path)
    assert (tmp_path / "recording" / "song.wav").exists()


@pytest.mark.parametrize(
    "arguments", [["--out", "{}/file/run"], ["--json", "{}/nowhere/x.json"], ["--json", "{}"]]
)
def test_results_that_could_not_be_written_are_refused_before_the_work(
    arguments, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("rafr.cli.sim.prepare_case", lambda *_: pytest.fail("the work has begun"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    assert main(["sim", "--headless", *[a.format(tmp_path) for a in arguments]]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_output_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can be written"):
        clean_folder(tmp_path / "file" / "run")


def test_a_fault_of_a_process_can_be_put_where_it_is_wanted_on_the_way():
    key, fault = next(iter(split_faults("node-kill:safety@0.5", ("safety",))[1].items()))
    assert (key, fault.node, fault.share) == ("node-kill:safety@0.5", "safety", 0.5)
    for wrong in ("operator-stop@2", "operator-stop@", "operator-stop@half", "tracker-drop@0.5"):
        with pytest.raises(InputError, match="--faults"):
            split_faults(wrong, ("safety",))
