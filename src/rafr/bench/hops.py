"""Latencies between ROS processes: programs of `rafr.nodes`, for the core imports no ROS."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from rafr.bench.peers.known import RCLPY
from rafr.errors import InfeasibleError, InputError

_PATIENCE = 300.0  # s


def measured(program: str, *options: str) -> dict[str, Any]:
    """What `python -m rafr.nodes.<program>` with these options prints as JSON.

    Raises:
        InputError: there is no ROS.
        InfeasibleError: it failed, with its last line.
    """
    if not RCLPY.found:
        raise InputError("rclpy", "ROS 2 is not installed", "what `make setup` brings, or a ROS 2 machine")
    command = [sys.executable, "-m", f"rafr.nodes.{program}", *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise InfeasibleError((f"{program} did not end within {_PATIENCE:.0f} s",)) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise InfeasibleError((f"{program} failed: {lines[-1]}",))
    return dict(json.loads(done.stdout))
