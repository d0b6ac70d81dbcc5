"""A patient's process: what becomes of it is an answer, and nothing of it stays."""

import os
import signal
import threading
import time
from dataclasses import replace

import pytest

from rafr.campaign.apart import Running, operate_apart
from rafr.campaign.patients import draw_patient


@pytest.fixture
def hopeless(config):
    """A patient whose anatomy is not there: the process says so after its imports."""
    return replace(draw_patient(config, 0), pelvis="/nowhere/pelvis.mat")


@pytest.mark.slow
def test_a_defect_is_a_failure_with_its_reason_and_log(hopeless):
    finished = operate_apart(hopeless, 100.0)
    result = finished.result
    assert (result.outcome, result.stage) == ("failed", "case")
    assert result.reason.startswith("InputError: /nowhere/pelvis.mat: no such file")
    assert b"Traceback" in finished.files["log.txt"]
    assert result.patient == hopeless
    assert result.wall_s > 0.0


def test_who_takes_too_long_has_failed(hopeless):
    began = time.monotonic()
    result = operate_apart(hopeless, 0.05).result
    assert (result.outcome, result.reason) == ("failed", "not done in 0.05 s")
    assert time.monotonic() - began < 5.0  # s: not the 100 s of a patient, on any machine


def test_a_killed_process_is_a_failure_that_names_the_signal(hopeless):
    running, answers = Running(), []
    thread = threading.Thread(target=lambda: answers.append(operate_apart(hopeless, 100.0, running).result))
    thread.start()
    while not running.pids:
        time.sleep(0.01)
    os.kill(running.pids[0], signal.SIGKILL)
    thread.join(10.0)
    assert answers[0].reason == "the process was killed by SIGKILL"
    assert running.pids == []


def test_stopped_workers_end_their_processes_and_start_no_other(hopeless):
    running = Running()
    thread = threading.Thread(target=lambda: operate_apart(hopeless, 100.0, running))
    thread.start()
    while not running.pids:
        time.sleep(0.01)
    (pid,) = running.pids
    running.stop()
    thread.join(10.0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "killed" in operate_apart(hopeless, 100.0, running).result.reason
