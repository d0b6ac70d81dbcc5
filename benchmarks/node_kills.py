"""Kill (or hang) a node in the middle of a real reduction: how soon the arm stands, and what is left to read.

    python benchmarks/node_kills.py CASE -o DIR [--fault node-kill|node-hang] [--nodes NAME,…]

One whole `rafr sim` per node. The moment comes from the report, everything else from the MCAP recording,
whose messages carry both clocks: the wall's, by which they were received, and the simulated one in their
stamps.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from rafr.errors import InputError
from rafr.nodes.convert import seconds
from rafr.nodes.recorder import FOLDER, rafr_messages
from rafr.review.recording import read_recording, typestore

NODES = "arm_controller,safety,or_simulator,tracker,procedure,base_controller,trajectory"
_MOVING = 4e-3  # rad/s: the joints' noise is 0.2 mrad/s, a held arm settles with less
_JOINTS, _ARM = "/rafr/joint_states", "/rafr/arm/state"


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("case", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--fault", choices=("node-kill", "node-hang"), default="node-kill")
    parser.add_argument("--nodes", default=NODES)
    parser.add_argument("--seed", default="1")
    args = parser.parse_args()
    rows = []
    for node in args.nodes.split(","):
        fault = f"{args.fault}:{node}"
        out = args.out / fault.replace(":", "-")
        if not (out / "report.json").is_file():
            _run(args.case, out, fault, args.seed)
        rows.append(measure(out, fault))
        print(json.dumps(rows[-1]), flush=True)
        (args.out / "node_kills.json").write_text(json.dumps(rows, indent=1))


def _run(case: Path, out: Path, fault: str, seed: str) -> None:
    command = [sys.executable, "-m", "rafr.cli.main", "sim", str(case), "--out", str(out), "--headless"]
    subprocess.run([*command, "--seed", seed, "--auto-approve", "--faults", fault], check=False)


def measure(out: Path, fault: str) -> dict[str, Any]:
    """What a run with one fault has left in its folder."""
    report = json.loads((out / "report.json").read_text())
    row: dict[str, Any] = {"fault": fault, "outcome": report["outcome"], "said": report["holds"]}
    happened = report["injected"].get(fault)
    if happened is None:
        return row | {"error": "the reduction did not come so far"}
    node = fault.partition(":")[2]
    row["named"] = any(node in reason for reason in report["holds"])
    try:
        messages = list(read_recording(out / FOLDER, typestore([rafr_messages()]), (_JOINTS, _ARM)))
    except InputError as error:
        return row | {"readable": False, "error": str(error)}
    return row | {"readable": True, "messages": len(messages)} | _motion(messages, happened)


def _motion(messages: list[tuple[str, float, Any]], happened: float) -> dict[str, Any]:
    """Simulated time from the fault to the last motion and to the first HOLDING; forces after it."""
    joints = [
        (received, seconds(m.header.stamp), float(np.abs(m.velocity).max()))
        for topic, received, m in messages
        if topic == _JOINTS
    ]
    before = [stamp for received, stamp, _ in joints if received <= happened]
    if not before:
        return {"error": "no joint states before the fault"}
    moving = [stamp for _, stamp, speed in joints if speed > _MOVING]
    states = [(received, m) for topic, received, m in messages if topic == _ARM]
    held = [seconds(m.header.stamp) for received, m in states if received > happened and m.reason]
    return {
        "stops_after_s": max(0.0, moving[-1] - before[-1]) if moving else 0.0,
        "held_after_s": held[0] - before[-1] if held else None,
        "watched_for_s": joints[-1][1] - before[-1],
        "peak_force_n": max((float(m.force) for _, m in states), default=None),
    }


if __name__ == "__main__":
    main()
