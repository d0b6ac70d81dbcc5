"""The supervisor with tiny programs in place of nodes."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rafr.supervisor import Program, Supervisor, SupervisorConfig, interruptible, interrupts_wait

QUICK = SupervisorConfig(interrupt_grace=1.0, terminate_grace=0.5)
SLEEP = "import time\nprint('up', flush=True)\ntime.sleep(60)"
STUBBORN = (
    "import signal, time\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('up', flush=True)\ntime.sleep(60)"
)
PARENT = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(child.pid, flush=True)\ntime.sleep(60)"
)


def program(name: str, code: str) -> Program:
    # -S: no site packages, so that start-up is quick
    return Program(name, (sys.executable, "-S", "-c", code))


def wait_until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def up(logs: Path, *names: str) -> bool:
    return wait_until(lambda: all((logs / f"{n}.log").read_text(encoding="utf-8").strip() for n in names))


def test_a_dying_program_is_reported_once_by_name_with_its_last_words(tmp_path):
    dying = program("dying", "print('one'); print('lost the encoder'); raise SystemExit(3)")
    with Supervisor([dying, program("healthy", SLEEP)], tmp_path, config=QUICK) as supervisor:
        found = []
        assert wait_until(lambda: found.extend(supervisor.deaths()) or bool(found))
        assert str(found[0]) == "dying ended with exit code 3 (lost the encoder)"
        assert len(found) == 1
        assert supervisor.deaths() == []
        assert supervisor.names == ("healthy",)


def test_a_killed_program_names_its_signal(tmp_path):
    with Supervisor([program("victim", SLEEP)], tmp_path, config=QUICK) as supervisor:
        supervisor.kill("victim")
        found = []
        assert wait_until(lambda: found.extend(supervisor.deaths()) or bool(found))
        assert "victim killed by SIGKILL" in str(found[0])


def test_stop_ends_programs_that_ignore_polite_signals(tmp_path):
    supervisor = Supervisor([program("stubborn", STUBBORN), program("meek", SLEEP)], tmp_path, config=QUICK)
    supervisor.start()
    pids = [supervisor.pid("stubborn"), supervisor.pid("meek")]
    assert up(tmp_path, "stubborn", "meek")
    supervisor.stop()
    assert not any(alive(pid) for pid in pids)


def test_grandchildren_end_too(tmp_path):
    with Supervisor([program("parent", PARENT)], tmp_path, config=QUICK):
        assert up(tmp_path, "parent")
        grandchild = int((tmp_path / "parent.log").read_text(encoding="utf-8"))
        assert alive(grandchild)
    assert wait_until(lambda: not alive(grandchild))


def test_a_program_that_cannot_start_leaves_nothing_running(tmp_path):
    supervisor = Supervisor(
        [program("first", SLEEP), Program("ghost", (str(tmp_path / "missing"),))], tmp_path, config=QUICK
    )
    with pytest.raises(FileNotFoundError), supervisor:
        pass
    assert supervisor.names == ()


def test_a_program_may_close_its_files_when_asked_to_end(tmp_path):
    code = (
        "import time\ntry:\n    print('up', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('closed the file', flush=True)"
    )
    with Supervisor([program("recorder", code)], tmp_path, config=QUICK):
        assert up(tmp_path, "recorder")
    assert "closed the file" in (tmp_path / "recorder.log").read_text(encoding="utf-8")


MAIN = """
import sys, time
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {source!r})
from rafr.supervisor import Program, Supervisor, SupervisorConfig, interruptible
programs = [Program(n, (sys.executable, "-S", "-c", {code!r})) for n in ("a", "b")]
with interruptible(), Supervisor(programs, Path(sys.argv[1]), config=SupervisorConfig(1.0, 0.5)) as s:
    print(s.pid("a"), s.pid("b"), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_orphans_however_the_supervisor_ends(tmp_path, number):
    import rafr

    source = str(Path(rafr.__file__).parent.parent)
    main = MAIN.format(source=source, code=SLEEP)
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", main, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    pids = [int(p) for p in process.stdout.readline().split()]
    assert up(tmp_path, "a", "b")
    os.kill(process.pid, number)
    process.wait(timeout=10)
    process.stdout.close()
    assert wait_until(lambda: not any(alive(pid) for pid in pids))


@pytest.mark.parametrize("code", [0, 3])
def test_a_program_that_may_end_dies_only_when_it_fails(tmp_path, code):
    passing = replace(program("passing", f"raise SystemExit({code})"), lasting=False)
    with Supervisor([passing], tmp_path, config=QUICK) as supervisor:
        found = []
        assert wait_until(lambda: found.extend(supervisor.deaths()) or not supervisor.names)
        assert [death.returncode for death in found] == ([code] if code else [])


@pytest.mark.parametrize("end", ["kill", "hang"])
def test_a_dead_or_hung_program_can_be_started_again_and_its_log_goes_on(tmp_path, end):
    with Supervisor([program("node", SLEEP)], tmp_path, config=QUICK) as supervisor:
        assert up(tmp_path, "node")
        first = supervisor.pid("node")
        getattr(supervisor, end)("node")
        if end == "kill":
            assert wait_until(supervisor.deaths)
        supervisor.restart("node")
        assert wait_until(lambda: (tmp_path / "node.log").read_text(encoding="utf-8").split() == ["up", "up"])
        assert not alive(first)
        assert alive(supervisor.pid("node"))
        assert supervisor.deaths() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_waits_for_the_end_of_the_block(number):
    reached = False
    with pytest.raises(KeyboardInterrupt), interruptible():  # noqa: PT012
        with interrupts_wait():
            signal.raise_signal(number)
            reached = True
        reached = False  # never: it is heard before
    assert reached


def test_without_an_interrupt_the_handlers_are_as_before():
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with interrupts_wait():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
