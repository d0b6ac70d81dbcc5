"""`rafr risk`: from virtual people to events, and what is asked wrongly."""

import json

import pytest

from rafr.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate"], "neither files nor --synthetic"),
        (["evaluate", "x.csv", "--synthetic"], "files and --synthetic"),
        (["evaluate", "/nowhere/P1_High.csv"], "/nowhere/P1_High.csv"),
        (["evaluate", "/nowhere/lift.csv"], "P<n>_High.csv"),
        (["evaluate", "--synthetic", "--subjects", "0"], "--subjects"),
        (["evaluate", "--synthetic", "--seconds", "1"], "seconds"),
        (["evaluate", "--synthetic", "--window", "0"], "length"),
        (["evaluate", "--synthetic", "--blocks", "1"], "--blocks"),
        (["evaluate", "--synthetic", "--columns", "m.yaml"], "--columns"),
        (["train", "--synthetic", "-o", "/nowhere/m.rafr-risk"], "/nowhere"),
        (["monitor", "/nowhere/m.rafr-risk", "P1_High.csv"], "/nowhere"),
        (["simulate", "-o", "DIR", "--trials", "0"], "trials"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, arguments, words):
    assert main(["risk", *arguments]) == 2
    complaint = capsys.readouterr().err
    assert words in complaint
    assert complaint.count("\n") == 1


@pytest.mark.slow
def test_people_are_simulated_trained_on_evaluated_and_monitored(tmp_path, capsys):
    folder, model = tmp_path / "lifts", tmp_path / "lifting.rafr-risk"
    small = ["--subjects", "2", "--trials", "1", "--seconds", "6", "--seed", "3"]
    assert main(["risk", "simulate", "-o", str(folder), *small]) == 0
    assert main(["risk", "simulate", "-o", str(folder), *small]) == 2  # never mixed with others
    files = sorted(str(p) for p in folder.glob("*.csv"))
    assert len(files) == 2 * 3
    assert "No person was measured" in (folder / "SYNTHETIC.txt").read_text(encoding="utf-8")
    options = ["--window", "1.5", "--step", "0.25", "--model", "logistic", "--least", "0"]
    report = tmp_path / "report.json"
    assert main(["risk", "train", *files, *options, "-o", str(model), "--json", str(report)]) == 0
    assert json.loads(report.read_text(encoding="utf-8"))["schema"]["synthetic"]
    out = ["-o", str(tmp_path / "pictures"), "--json", str(report), "--importance"]
    assert main(["risk", "evaluate", *files, *options, *out]) == 0
    result = json.loads(report.read_text(encoding="utf-8"))
    for source in ("emg", "imu", "fusion"):
        assert 0.0 <= result[source]["leave_one_subject_out"]["balanced_accuracy"] <= 1.0
        assert result[source]["random_split"]["windows_sharing_samples_with_training"] > 0.9
    assert result["synthetic"]
    assert result["relative_to_maximum_contraction"]
    assert "emg amplitude" in result["importance"]
    assert (tmp_path / "pictures" / "people.png").stat().st_size > 5000
    capsys.readouterr()
    code = main(["risk", "monitor", str(model), *files[:3], "--json", str(report)])
    events = json.loads(report.read_text(encoding="utf-8"))["events"]
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == events
    assert code == (0 if any(e["kind"] in ("heavy", "light") for e in events) else 1)
    assert events
    # nothing worth having: said, and not saved
    refused = ["--least", "1.01", "-o", str(tmp_path / "none.rafr-risk")]
    assert main(["risk", "train", *files, *options[:-2], *refused]) == 1
    assert not (tmp_path / "none.rafr-risk").exists()
