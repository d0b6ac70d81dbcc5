"""`rafr campaign`: exit codes, statistics, and one line for bad input."""

import json

import pytest

from rafr.campaign.apart import Finished
from rafr.campaign.folder import CampaignFolder
from rafr.campaign.patients import CampaignConfig, draw_patient
from rafr.campaign.result import BodyResult, PatientResult
from rafr.cli.main import main


@pytest.fixture
def done(tmp_path):
    """A campaign of three patients who are done, with the residual asked for."""

    def make(mm):
        config = CampaignConfig(fractures=("rami",))
        folder = CampaignFolder.opened(tmp_path / f"c{mm}", config)
        for number in range(3):
            body = BodyResult("left_pubis", residual_mm=mm, residual_deg=0.2, matta="excellent", matta_mm=mm)
            result = PatientResult(
                draw_patient(config, number),
                "reduced",
                bodies=(body,),
                peak_force_n=50.0,
                force_limit_n=300.0,
            )
            folder.keep(Finished(result, {}))
        return folder.path

    return make


def campaign(folder, *options):
    return main(["campaign", "--n", "3", "-o", str(folder), "--fractures", "rami", *options])


def test_goals_reached_end_with_0_and_missed_ones_with_1(done, tmp_path, capsys):
    out = tmp_path / "statistics.json"
    assert campaign(done(0.5), "--json", str(out)) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["reached"]
    assert found["quantities"]["residual_mm"]["mean"] == pytest.approx(0.5)
    assert "3 patients: 3 reduced" in capsys.readouterr().out
    assert campaign(done(1.5), "--json", "-") == 1
    streams = capsys.readouterr()
    assert not json.loads(streams.out)["reached"]
    assert "not reached" in streams.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--jobs", "0"), "--jobs: 0 patients side by side"),
        (("--limit", "0.5"), "--limit: 0.5 s"),
        (("--spacing", "9"), "spacing_mm is 9.0"),
        (("--seed", "-1"), "seed is -1"),
        (("--fractures", "ankle"), "--fractures: no fracture 'ankle'"),
        (("--pelvises", "/nowhere"), "/nowhere: no such folder"),
        (("--json", "/nowhere/x.json"), "the folder /nowhere does not exist"),
        (("--n", "0"), "--n: 0 patients"),
        (("--dask", "tcp://127.0.0.1:9"), "--dask: no scheduler at tcp://127.0.0.1:9"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, capsys, monkeypatch, options, says):
    monkeypatch.setattr("rafr.campaign.cluster._CONNECT", 0.3)  # s
    assert campaign(tmp_path / "new", *options) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_another_seed_does_not_go_on_with_a_campaign(done, capsys):
    assert campaign(done(0.5), "--seed", "4") == 2
    assert "was begun with seed 0, not 4" in capsys.readouterr().err
