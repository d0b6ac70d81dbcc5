"""`rafr bench` at the command line."""

import json

import pytest

import rafr.bench.registry
from rafr.bench.measure import Setting
from rafr.bench.table import BEGIN, END, markdown
from rafr.cli.main import main


@pytest.fixture(autouse=True)
def quick_trials(monkeypatch, trials):
    monkeypatch.setattr(rafr.bench.registry, "trials", lambda: trials)
    monkeypatch.setattr(rafr.bench.registry, "ROOMS", ("room", "other"))


def test_goals_reached_end_with_0_and_missed_ones_with_1(capsys):
    assert main(["bench", "--quick", "--only", "room.fast"]) == 0
    assert "room.fast" in capsys.readouterr().out
    assert main(["bench", "--quick", "--only", "room"]) == 1
    assert "room.rate: 5 % quantile 1.05 1/s, at least 3 wanted" in capsys.readouterr().out


def test_a_missing_peer_is_one_line_with_what_brings_it(capsys):
    assert main(["bench", "--quick", "--only", "other.alone", "--json", "-"]) == 0
    said = capsys.readouterr()
    assert said.err.strip() == "nobody's is not installed (pip install nothing): measured without it"
    assert json.loads(said.out)["measures"][0]["goal"]["reached"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "nothing"], "there is no measure 'nothing'"),
        (["--seed", "-1"], "-1 is negative"),
        (["--readme", "/no/such/page.md"], "there is no such file"),
        (["--from", "/no/such/file.json"], "cannot be read"),
        (["--json", "/no/such/folder/file.json"], "does not exist"),
    ],
)
def test_bad_input_is_one_line_and_2(capsys, arguments, said):
    assert main(["bench", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("text", ["{", "[]", '{"measures": []}'])
def test_what_is_no_report_is_refused(tmp_path, capsys, text):
    (tmp_path / "given.json").write_text(text, encoding="utf-8")
    assert main(["bench", "--from", str(tmp_path / "given.json")]) == 2
    assert "a file that `rafr bench --json` wrote" in capsys.readouterr().err


def test_the_list_names_measures_peers_and_goals_and_measures_nothing(capsys, monkeypatch):
    monkeypatch.setattr("rafr.bench.run.run_bench", None)
    assert main(["bench", "--list"]) == 0
    out = capsys.readouterr().out
    assert "room.fast" in out
    assert "nobody's" in out


def test_an_earlier_report_is_shown_drawn_and_put_into_a_page(tmp_path, bench, capsys):
    report = bench(Setting(quick=True))
    (tmp_path / "bench.json").write_text(json.dumps(report), encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    arguments = ["--from", str(tmp_path / "bench.json"), "--readme", str(page), "-o", str(tmp_path / "out")]
    assert main(["bench", *arguments]) == 1
    assert page.read_text(encoding="utf-8") == markdown(report) + "\n"
    assert (tmp_path / "out" / "ratios.png").is_file()
    assert "room.rate" in capsys.readouterr().out
