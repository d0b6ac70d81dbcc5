"""Starts programs, notices when one dies, and ends them all: knows processes, not ROS."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Literal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_Handler = Callable[[int, FrameType | None], None] | signal.Handlers


@dataclass(frozen=True, slots=True)
class Program:
    """A process to run.

    Attributes:
        name: also that of its log file.
        lasting: False where it ends by itself, with exit code 0, when its work is done.
    """

    name: str
    command: tuple[str, ...]
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class Death:
    """A process that ended although nobody asked it to.

    Attributes:
        returncode: as `subprocess` gives it: negative for a signal.
        last_words: the last line of its log, empty where it left none.
    """

    name: str
    returncode: int
    last_words: str

    def __str__(self) -> str:
        if self.returncode < 0:
            how = f"killed by {signal.Signals(-self.returncode).name}"
        else:
            how = f"ended with exit code {self.returncode}"
        return f"{self.name} {how}" + (f" ({self.last_words})" if self.last_words else "")


@dataclass(frozen=True, slots=True)
class SupervisorConfig:
    """How patiently processes are asked to end.

    Attributes:
        interrupt_grace: s after SIGINT before SIGTERM.
        terminate_grace: s after SIGTERM before SIGKILL.
        poll_period: s between looks at processes that are ending.
    """

    interrupt_grace: float = 5.0
    terminate_grace: float = 2.0
    poll_period: float = 0.05


class Supervisor:
    """Runs programs, each in a session of its own, with its output in `logs`/<name>.log.

    A context manager: whatever happens inside the block, no process outlives it. Should the
    supervisor itself be killed, the kernel ends the processes (Linux).
    """

    def __init__(
        self,
        programs: Sequence[Program],
        logs: Path,
        environment: Mapping[str, str] | None = None,
        config: SupervisorConfig | None = None,
    ) -> None:
        self._programs = tuple(programs)
        self._logs = logs
        self._environment = dict(os.environ if environment is None else environment)
        self._config = config or SupervisorConfig()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Supervisor:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def names(self) -> tuple[str, ...]:
        """The processes that still run, as far as was last looked at."""
        return tuple(self._running)

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def start(self) -> None:
        """Start every program; raises OSError when one cannot be started at all."""
        self._logs.mkdir(parents=True, exist_ok=True)
        for program in self._programs:
            self._start(program, "wb")

    def restart(self, name: str) -> None:
        """Start a program again, killed first if it runs; its log goes on."""
        if name in self._running:
            self.kill(name)
            self._running.pop(name).wait()
        self._start(next(program for program in self._programs if program.name == name), "ab")

    def _start(self, program: Program, mode: Literal["wb", "ab"]) -> None:
        with self._log(program.name).open(mode) as log:
            self._running[program.name] = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,  # Ctrl-C of the terminal reaches the supervisor only
                preexec_fn=die_with_parent(),
            )

    def deaths(self) -> list[Death]:
        """The processes that died since the last call."""
        dead = []
        passing = {program.name for program in self._programs if not program.lasting}
        for name, process in list(self._running.items()):
            returncode = process.poll()
            if returncode is not None:
                self._end_group(process.pid, signal.SIGKILL)
                del self._running[name]
                if returncode == 0 and name in passing:
                    continue
                dead.append(Death(name, returncode, self._last_words(name)))
        return dead

    def kill(self, name: str) -> None:
        """Kill one process without warning, as a crash would; `deaths` then reports it."""
        self._end_group(self._running[name].pid, signal.SIGKILL)

    def hang(self, name: str) -> None:
        """Stop one process in its tracks; it is still there, and `deaths` says nothing of it."""
        self._end_group(self._running[name].pid, signal.SIGSTOP)

    def forbid_writing(self, name: str) -> None:
        """Whatever one process writes to files from now on fails, as on a full disk (Linux)."""
        resource.prlimit(self._running[name].pid, resource.RLIMIT_FSIZE, (0, 0))

    def stop(self) -> None:
        """End everything: SIGINT, then SIGTERM, then SIGKILL. A Ctrl-C meanwhile is not heard."""
        with _handled(signal.SIG_IGN, signal.SIGINT):
            for number, grace in (
                (signal.SIGINT, self._config.interrupt_grace),
                (signal.SIGTERM, self._config.terminate_grace),
                (signal.SIGKILL, None),
            ):
                for process in self._running.values():
                    self._end_group(process.pid, number)
                self._wait(grace)

    def _wait(self, seconds: float | None) -> None:
        deadline = None if seconds is None else time.monotonic() + seconds
        while self._running and (deadline is None or time.monotonic() < deadline):
            for name, process in list(self._running.items()):
                if process.poll() is not None:
                    self._end_group(process.pid, signal.SIGKILL)  # what it may have left behind
                    del self._running[name]
            if self._running:
                time.sleep(self._config.poll_period)

    @staticmethod
    def _end_group(group: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _last_words(self, name: str) -> str:
        with contextlib.suppress(OSError):
            lines = self._log(name).read_text(errors="replace").strip().splitlines()
            return lines[-1].strip() if lines else ""
        return ""


def die_with_parent() -> Callable[[], None] | None:
    """What a child does before it becomes the program: ask the kernel to end it with its parent."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)

    return prepare


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does: with KeyboardInterrupt."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(interrupt, signal.SIGTERM, signal.SIGHUP):
        yield


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """Signals that end programs are heard at the end of the block.

    For calls into C++ that call Python back: there a KeyboardInterrupt may become another error.
    """
    waiting: list[int] = []

    def keep(number: int, frame: FrameType | None) -> None:
        waiting.append(number)

    with _handled(keep, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield
    if waiting:
        signal.raise_signal(waiting[0])


@contextlib.contextmanager
def _handled(
    handler: Callable[[int, FrameType | None], None] | signal.Handlers, *signals: int
) -> Iterator[None]:
    """The block with this handler for these signals; only the main thread hears any."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)
