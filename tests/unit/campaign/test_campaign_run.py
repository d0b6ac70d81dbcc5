"""A campaign goes on where it was left, and one patient's end is not its own."""

import json
from concurrent.futures import Future
from dataclasses import replace

import pytest

from rafr.campaign.apart import Finished
from rafr.campaign.folder import CampaignFolder
from rafr.campaign.run import LocalWorkers, run_campaign
from rafr.errors import InputError


class Scripted:
    """Workers that answer at once with what `operate` says, in order; they know whom they had."""

    def __init__(self, operate):
        self.operate, self.seen, self.stopped = operate, [], False

    def submit(self, patient, limit):
        self.seen.append(patient.number)
        future = Future()
        try:
            future.set_result(self.operate(patient))
        except Exception as error:
            future.set_exception(error)
        return future

    def stop(self):
        self.stopped = True


@pytest.fixture
def well(reduced):
    def operate(patient):
        return Finished(replace(reduced(patient.number), patient=patient), {"before_after.png": b"picture"})

    return operate


def test_another_n_goes_on_with_those_who_are_not_done(tmp_path, config, well):
    folder = CampaignFolder.opened(tmp_path / "c", config)
    run_campaign(config, folder, 3, Scripted(well), 1.0)
    later = Scripted(well)
    results = run_campaign(config, CampaignFolder.opened(tmp_path / "c", config), 5, later, 1.0)
    assert later.seen == [3, 4]
    assert [r.patient.number for r in results] == [0, 1, 2, 3, 4]
    # fewer again: the statistics of the first, nobody operated on
    fewer = Scripted(well)
    assert len(run_campaign(config, folder, 2, fewer, 1.0)) == 2
    assert fewer.seen == []


def test_who_was_begun_and_not_finished_is_done_again(tmp_path, config, well):
    folder = CampaignFolder.opened(tmp_path, config)
    folder.of(1).mkdir(parents=True)
    (folder.of(1) / "log.txt").write_text("half")
    workers = Scripted(well)
    run_campaign(config, folder, 2, workers, 1.0)
    assert workers.seen == [0, 1]
    assert sorted(p.name for p in folder.of(1).iterdir()) == ["before_after.png", "patient.json"]


def test_an_interrupt_leaves_what_was_done_and_stops_the_workers(tmp_path, config, well):
    folder = CampaignFolder.opened(tmp_path, config)
    workers = Scripted(well)
    told = []

    def interrupted(fraction, text=""):
        told.append(text)
        if len(told) == 3:  # at the start, and after the first and second patient
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_campaign(config, folder, 6, workers, 1.0, interrupted)
    assert workers.stopped
    assert len(folder.done(6)) == 2
    assert told[-1] == "2 of 6: 2 reduced"


def test_a_lost_worker_is_a_failure_of_its_patient_alone(tmp_path, config, well):
    def operate(patient):
        if patient.number == 1:
            raise OSError("the machine is gone")
        return well(patient)

    results = run_campaign(config, CampaignFolder.opened(tmp_path, config), 3, Scripted(operate), 1.0)
    assert [r.outcome for r in results] == ["reduced", "failed", "reduced"]
    assert "the machine is gone" in results[1].reason


def test_other_settings_or_foreign_files_are_refused(tmp_path, config, well):
    folder = CampaignFolder.opened(tmp_path / "c", config)
    run_campaign(config, folder, 1, Scripted(well), 1.0)
    with pytest.raises(InputError, match="was begun with seed 0, not 5"):
        CampaignFolder.opened(tmp_path / "c", replace(config, seed=5))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds no campaign"):
        CampaignFolder.opened(tmp_path / "other", config)
    damaged = folder.of(0) / "patient.json"
    data = json.loads(damaged.read_text(encoding="utf-8"))
    for text in ("{", json.dumps({**data, "outcome": "dead"}), json.dumps({**data, "patient": {}})):
        damaged.write_text(text)
        with pytest.raises(InputError, match=r"patient\.json: (is no result|not valid JSON)"):
            folder.done(1)


def test_local_workers_work_side_by_side(tmp_path, config, well):
    from threading import Barrier

    meet = Barrier(2, timeout=10.0)  # broken unless two are there at once

    def operate(patient, limit, running):
        meet.wait()
        return well(patient)

    folder = CampaignFolder.opened(tmp_path, config)
    results = run_campaign(config, folder, 4, LocalWorkers(2, operate), 1.0)
    assert [r.outcome for r in results] == ["reduced"] * 4
