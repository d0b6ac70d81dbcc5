"""Gazebo's server as a child process: found, started on a world, watched, ended."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from rafr.errors import InputError
from rafr.resources import resource_path
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.gazebo.world import write_world
from rafr.simulation.plant import PlantError

_HOW = "Gazebo Harmonic with its Python bindings (gazebosim.org/docs/harmonic/install), or --sim embedded"
_END = 5.0  # s that a server has to end by itself


def require_gazebo(option: str) -> None:
    """Raise InputError, saying how to get it, where Gazebo or its bindings are missing."""
    if shutil.which("gz") is None:
        raise InputError(option, "there is no `gz` on the PATH", _HOW)
    for module in ("gz.sim8", "gz.transport13", "gz.msgs10"):
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise InputError(
                option, f"Python {sys.version_info.major}.{sys.version_info.minor} finds no {module}", _HOW
            )


class GazeboServer:
    """`gz sim -s` on the world of an arrangement, in a partition of its own unless GZ_PARTITION is set."""

    def __init__(self, arrangement: Arrangement, *, ros2_control: bool = False) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="rafr-gazebo-"))
        world = write_world(arrangement, self._folder, ros2_control=ros2_control)
        # this process and its child must meet on the same partition
        os.environ.setdefault("GZ_PARTITION", f"rafr-{os.getpid()}")
        self._log = self._folder / "gazebo.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                ["gz", "sim", "-s", "-r", "-v", "2", str(world)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_python_path())},
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise PlantError when the server has ended or given an error."""
        errors = self.errors()
        if errors:
            raise PlantError(f"{errors[0]} (all of it in {self._log})")
        if self._process.poll() is not None:
            raise PlantError(f"Gazebo has ended (exit code {self._process.returncode}); {self.advice()}")

    def errors(self) -> list[str]:
        """The lines it calls errors: it goes on, or exits with 0, in spite of them."""
        text = re.sub(r"\x1b\[[0-9;]*m", "", self._log.read_text(errors="replace"))
        return [
            f"Gazebo: {line.partition('[Err]')[2].strip()}" for line in text.splitlines() if "[Err]" in line
        ]

    def advice(self) -> str:
        return f"see {self._log}"

    def stop(self) -> None:
        """End it and take its files away, unless it complained."""
        with suppress(ProcessLookupError):
            for sign in (signal.SIGINT, signal.SIGKILL):
                os.killpg(self._process.pid, sign)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_END)
                    break
        if not self.errors():
            shutil.rmtree(self._folder, ignore_errors=True)


def _python_path() -> list[str]:
    """Where Gazebo's own interpreter finds the system, rafr and what rafr needs."""
    system = resource_path("sim/systems/rafr_plant.py").parent
    return [str(system), *(path for path in sys.path if path)]
