"""Operate on all patients who are not done yet, on this machine or on others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Protocol

from rafr.campaign.apart import Finished, Running, operate_apart
from rafr.campaign.folder import CampaignFolder
from rafr.campaign.patients import CampaignConfig, Patient, draw_patient
from rafr.campaign.result import FAILED, PatientResult
from rafr.progress import Progress, silent


class Workers(Protocol):
    """Who operates."""

    def submit(self, patient: Patient, limit: float) -> Future[Finished]: ...

    def stop(self) -> None:
        """Leave what is not finished; again does nothing."""


class LocalWorkers:
    """Processes of this machine, so many at a time."""

    def __init__(
        self,
        jobs: int,
        operate: Callable[[Patient, float, Running], Finished] = operate_apart,
    ) -> None:
        self._pool, self._running, self._operate = ThreadPoolExecutor(jobs), Running(), operate

    def submit(self, patient: Patient, limit: float) -> Future[Finished]:
        return self._pool.submit(self._operate, patient, limit, self._running)

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._running.stop()
        self._pool.shutdown()


def run_campaign(
    config: CampaignConfig,
    folder: CampaignFolder,
    n: int,
    workers: Workers,
    limit: float,
    progress: Progress = silent,
) -> list[PatientResult]:
    """Operate on patients 0 to n − 1; those whose result is in the folder are not operated on again.

    Every result is written as it comes, so that whatever ends the campaign leaves all that was done.

    Args:
        limit: s of wall time for one patient.

    Raises:
        InputError: a result in the folder is none of a campaign's.
    """
    done = folder.done(n)
    _tell(progress, done, n)
    try:
        patients = [draw_patient(config, number) for number in range(n) if number not in done]
        futures = {workers.submit(patient, limit): patient for patient in patients}
        for future in as_completed(futures):
            finished = _answer(future, futures[future])
            folder.keep(finished)
            done[finished.result.patient.number] = finished.result
            _tell(progress, done, n)
    finally:
        workers.stop()
    return [done[number] for number in sorted(done)]


def _answer(future: Future[Finished], patient: Patient) -> Finished:
    """What came back; a worker that was lost is a failure of its patient."""
    try:
        return future.result()
    except Exception as error:  # of the machine that should have done it
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Finished(PatientResult(patient, FAILED, "worker", reason), {})


def _tell(progress: Progress, done: dict[int, PatientResult], n: int) -> None:
    counts = Counter(result.outcome for result in done.values())
    parts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    progress(len(done) / n, f"{len(done)} of {n}" + (f": {parts}" if parts else ""))
