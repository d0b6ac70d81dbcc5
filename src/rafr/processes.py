"""Which processes of this machine still run, as the kernel tells it: at once and for certain."""

from __future__ import annotations

import contextlib
import os
import select
from dataclasses import dataclass
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")


def machine() -> str:
    """Names where a process id means something: this boot of this machine and the container in it.

    Empty where the kernel gives no such names (not Linux).
    """
    with contextlib.suppress(OSError):
        return f"{_BOOT.read_text().strip()}/{_PID_NAMESPACE.stat().st_ino}"
    return ""


@dataclass(frozen=True, slots=True)
class _Watched:
    pid: int
    descriptor: int  # of the process, -1 once it has ended


class ProcessWatch:
    """Tells which of the processes it heard of have ended, by whatever cause (Linux pidfd).

    Processes of other machines and containers are passed over: only their heartbeats tell of them.
    """

    def __init__(self) -> None:
        self._machine = machine()
        self._watched: dict[str, _Watched] = {}
        self._poll = select.poll()

    def heard(self, name: str, machine: str, pid: int) -> bool:
        """A process said that it runs; False where the kernel knows better (it died after saying so)."""
        if not self._machine or machine != self._machine or pid <= 0:
            return True
        known = self._watched.get(name)
        if known is not None and known.pid == pid:
            return known.descriptor >= 0
        self._forget(name)
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            descriptor = -1
        except OSError:  # an old kernel, or no descriptors left: heartbeats have to do
            return True
        self._watched[name] = _Watched(pid, descriptor)
        if descriptor >= 0:
            self._poll.register(descriptor, select.POLLIN)
        return descriptor >= 0

    def ended(self) -> list[str]:
        """Names of the processes that ended since the last call."""
        over = {descriptor for descriptor, _ in self._poll.poll(0)}
        names = [name for name, watched in self._watched.items() if watched.descriptor in over]
        for name in names:
            pid = self._watched[name].pid
            self._forget(name)
            self._watched[name] = _Watched(pid, -1)
        return names

    def close(self) -> None:
        for name in list(self._watched):
            self._forget(name)

    def _forget(self, name: str) -> None:
        watched = self._watched.pop(name, None)
        if watched is not None and watched.descriptor >= 0:
            self._poll.unregister(watched.descriptor)
            os.close(watched.descriptor)
