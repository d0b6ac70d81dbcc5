"""A patient in a process of its own, with a limit of time: whatever becomes of it is an answer."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from rafr.campaign.job import RESULT, SPEC
from rafr.campaign.patients import Patient
from rafr.campaign.result import FAILED, PatientResult, read_result
from rafr.errors import InputError
from rafr.supervisor import die_with_parent

_LOG = "log.txt"
_KEPT = ("before_after.png", "curves.png", "xrays.png", "report.json", _LOG)
_LAST_WORDS = 300  # characters of the log
_STOP = 5.0  # s that a process has to end when asked


@dataclass(frozen=True, slots=True)
class Finished:
    """A result and the files beside it, by name; may be sent from another machine."""

    result: PatientResult
    files: dict[str, bytes] = field(repr=False)


@dataclass(slots=True)
class Running:
    """The processes that run now: they can be stopped from another thread."""

    _processes: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    stopped: bool = False

    @property
    def pids(self) -> list[int]:
        with self._lock:
            return [process.pid for process in self._processes]

    def add(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._processes.add(process)
            if self.stopped:
                _end(process)

    def remove(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._processes.discard(process)

    def stop(self) -> None:
        """End them all, and whatever is added later."""
        with self._lock:
            self.stopped = True
            for process in self._processes:
                _end(process)


def operate_apart(patient: Patient, limit: float, running: Running | None = None) -> Finished:
    """Start a process for one patient and wait for it.

    Args:
        limit: s of wall time, then the process and all it started are killed.
        running: knows the process while it runs.
    """
    with tempfile.TemporaryDirectory(prefix="rafr-patient-") as name:
        folder = Path(name)
        (folder / SPEC).write_text(json.dumps(dataclasses.asdict(patient)), encoding="utf-8")
        begin = time.monotonic()
        reason = _wait(folder, limit, running or Running())
        result = _result(patient, folder, reason)
        files = {name: (folder / name).read_bytes() for name in _KEPT if (folder / name).is_file()}
        return Finished(replace(result, wall_s=round(time.monotonic() - begin, 1)), files)


def _wait(folder: Path, limit: float, running: Running) -> str:
    """Run the process to its end; why it has no result, if so."""
    command = [sys.executable, "-m", "rafr.campaign.job", str(folder), "--limit", str(limit)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # patients run side by side, not threads
    with (folder / _LOG).open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=alone, start_new_session=True, preexec_fn=die_with_parent()
        )
        running.add(process)
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            _end(process)
            return f"not done in {limit:g} s"
        finally:
            running.remove(process)
    if code == 0:
        return ""
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"the process was {how}" if code < 0 else f"the process {how}: {_last_words(folder)}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process and what it started, by its own session; kindly first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP)


def _result(patient: Patient, folder: Path, reason: str) -> PatientResult:
    if not reason:
        try:
            return read_result(folder / RESULT)
        except InputError as error:
            reason = str(error)
    return PatientResult(patient, FAILED, "process", reason)


def _last_words(folder: Path) -> str:
    text = (folder / _LOG).read_text(encoding="utf-8", errors="replace").strip()
    return " ".join(text.splitlines()[-1:])[-_LAST_WORDS:]
