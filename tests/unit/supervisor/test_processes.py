"""The end of a process is known at once, whatever it died of; others' processes are left to heartbeats."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rafr.processes import ProcessWatch, machine

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pidfd is Linux's")


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def watch():
    watch = ProcessWatch()
    yield watch
    watch.close()


@linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_end_is_told_once_and_at_once(watch, sleeper, number):
    assert watch.heard("tracker", machine(), sleeper.pid)
    assert watch.ended() == []
    sleeper.send_signal(number)
    began = time.monotonic()
    while not (ended := watch.ended()) and time.monotonic() - began < 2.0:  # s, however busy the machine
        time.sleep(1e-3)
    assert ended == ["tracker"]
    assert watch.ended() == []
    assert not watch.heard("tracker", machine(), sleeper.pid)  # a heartbeat that was still on its way


@linux
def test_a_node_that_was_started_again_is_watched_again(watch, sleeper):
    first = subprocess.Popen([sys.executable, "-c", ""])
    assert watch.heard("tracker", machine(), first.pid)
    first.wait()
    assert watch.ended() == ["tracker"]
    assert watch.heard("tracker", machine(), sleeper.pid)
    assert watch.ended() == []
    sleeper.kill()
    sleeper.wait()
    assert watch.ended() == ["tracker"]


@linux
def test_a_process_that_is_gone_before_it_is_heard_of_does_not_count_as_running(watch):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert not watch.heard("tracker", machine(), gone.pid)


@pytest.mark.parametrize("case", ["another machine", "no machine", "no pid"])
def test_what_another_machine_says_is_taken_at_its_word(watch, case):
    where, pid = {
        "another machine": ("another/1", 1),
        "no machine": ("", os.getpid()),
        "no pid": (machine(), 0),
    }[case]
    assert watch.heard("tracker", where, pid)
    assert watch.ended() == []


def _descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


@linux
def test_many_heartbeats_cost_no_descriptors(watch, sleeper):
    before = _descriptors()
    for _ in range(100):
        watch.heard("tracker", machine(), sleeper.pid)
    assert _descriptors() == before + 1
