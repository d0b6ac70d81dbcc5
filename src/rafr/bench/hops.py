"""Latencies between ROS processes: programs of `rafr.nodes`, for the core imports no ROS."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rafr.errors import InfeasibleError, InputError

_PATIENCE = 300.0  # s


def measured(program: str, *options: str) -> dict[str, Any]:
    """What `python -m rafr.nodes.<program>` with these options writes as JSON.

    Raises:
        InputError: there is no ROS.
        InfeasibleError: it failed, with its last line.
    """
    from rafr.bench.peers.known import RCLPY

    if not RCLPY.found:
        raise InputError("rclpy", "ROS 2 is not installed", "what `make setup` brings, or a ROS 2 machine")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        command = [sys.executable, "-m", f"rafr.nodes.{program}", *options, "--json", str(file)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise InfeasibleError((f"{program} did not end within {_PATIENCE:.0f} s",)) from None
        if done.returncode or not file.is_file():
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise InfeasibleError((f"{program} failed: {lines[-1]}",))
        return dict(json.loads(file.read_text(encoding="utf-8")))
