"""What was measured with: packages, processor, load."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from rafr import __version__
from rafr.bench.measure import Peer


def machine() -> dict[str, Any]:
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(),
        "threads": os.environ.get("OMP_NUM_THREADS", "not limited"),
    }


def load() -> float:
    """Processes that wanted a core, mean of the last minute."""
    return round(os.getloadavg()[0], 2)


def processor_seconds(of: int) -> float:
    """Used so far, `of` RUSAGE_SELF or RUSAGE_CHILDREN (processes that have ended)."""
    usage = resource.getrusage(of)
    return usage.ru_utime + usage.ru_stime


def versions(peers: Iterable[Peer]) -> dict[str, str]:
    """Python, rafr, these peers' packages and every other that this process has imported by now."""
    owners = _owners()
    loaded = {name.split(".")[0] for name in tuple(sys.modules)}
    used = {owner for name in loaded for owner in owners.get(name, ())} - {"rafr"}
    used |= {peer.distribution for peer in peers if peer.distribution}
    found = {name: metadata.version(name) for name in sorted(used, key=str.lower)}
    return {"python": platform.python_version(), "rafr": __version__, **found}


@cache
def _owners() -> dict[str, list[str]]:
    """Packages by the modules they bring; takes a second."""
    return dict(metadata.packages_distributions())


def _cpu() -> str:
    """The processor's name as Linux gives it, else what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
