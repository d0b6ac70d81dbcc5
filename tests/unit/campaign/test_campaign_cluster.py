"""The same campaign on a Dask cluster: who is lost with a worker is operated on by another."""

import os
import signal
import sys

import pytest

from rafr.campaign.cluster import DaskWorkers
from rafr.campaign.folder import CampaignFolder
from rafr.campaign.run import run_campaign
from rafr.errors import InputError


def operation():
    """Half a second on some worker, whose process is the reason; travels to it by value."""

    def operate(patient, limit):
        import os
        import time

        from rafr.campaign.apart import Finished
        from rafr.campaign.result import PatientResult

        time.sleep(0.5)
        return Finished(PatientResult(patient, "reduced", "here", str(os.getpid())), {"log.txt": b"there"})

    return operate


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_patient(tmp_path, config):
    from distributed import LocalCluster

    folder, killed = CampaignFolder.opened(tmp_path / "c", config), []

    def kill_the_first(fraction, text=""):
        done = list(folder.done(8).values())
        if done and not killed:
            killed.append(int(done[0].reason))
            os.kill(killed[0], signal.SIGKILL)

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", local_directory=tmp_path
    ) as cluster:
        pids = {nanny.pid for nanny in cluster.workers.values()}
        workers = DaskWorkers(cluster.scheduler_address, operation())
        results = run_campaign(config, folder, 8, workers, 10.0, kill_the_first)
    assert killed[0] in pids
    assert [r.outcome for r in results] == ["reduced"] * 8
    others = {int(r.reason) for r in results} - set(killed)
    assert others & pids  # the other worker went on
    assert (folder.of(7) / "log.txt").read_bytes() == b"there"


def test_no_scheduler_and_no_dask_are_said(monkeypatch):
    monkeypatch.setattr("rafr.campaign.cluster._CONNECT", 0.3)
    with pytest.raises(InputError, match=r"no scheduler at tcp://127\.0\.0\.1:9"):
        DaskWorkers("tcp://127.0.0.1:9")
    with pytest.raises(InputError, match="no scheduler at nonsense"):
        DaskWorkers("nonsense://")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(
        InputError, match=r"distributed is not installed; expected pip install 'rafr\[dask\]'"
    ):
        DaskWorkers("tcp://127.0.0.1:9")
