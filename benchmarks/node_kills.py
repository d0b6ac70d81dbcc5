"""Kill (or hang) nodes in the middle of a real reduction: how soon the arm stands, and what comes after.

    python benchmarks/node_kills.py CASE -o DIR [--fault node-kill|node-hang] [--nodes NAME,…] [--together 4]

Whole runs of `rafr sim --recover`, each with several nodes one after the other: every one dies further on the
way, and after every hold what died is started again and the reduction resumed. The moments come from the
report, everything else from the MCAP recording, whose messages carry both clocks: the wall's, by which they
were received, and the simulated one in their stamps.
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
from rafr.geometry.rigid_transform import FloatArray
from rafr.nodes.convert import seconds
from rafr.nodes.graph import GraphOptions, build_graph
from rafr.nodes.recorder import rafr_messages
from rafr.review.recording import read_recording, recordings, typestore

_PATIENT = "or_simulator"  # with it the patient is gone: alone, and last
_MOVING = 4e-3  # rad/s: the joints' noise is 0.2 mrad/s, a held arm settles with less
_STILL = 0.3  # s without motion: the arm stands
_FIRST, _LAST = 0.1, 0.7  # shares of the way between which nodes die
_JOINTS, _ARM = "/rafr/joint_states", "/rafr/arm/state"


def main() -> None:
    nodes = [spec.name for spec in build_graph(GraphOptions(case="", out="", page=False))]
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("case", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--fault", choices=("node-kill", "node-hang"), default="node-kill")
    parser.add_argument("--nodes", default=",".join(sorted(nodes, key=lambda n: n == _PATIENT)))
    parser.add_argument("--together", type=int, default=4, help="nodes per run")
    parser.add_argument("--seed", default="1")
    args = parser.parse_args()
    wanted = args.nodes.split(",")
    rows = []
    for run in range(0, len(wanted), args.together):
        group = wanted[run : run + args.together]
        shares = np.linspace(_FIRST, _LAST, len(group), endpoint=len(group) > 1)
        faults = [f"{args.fault}:{n}@{s:.2g}" for n, s in zip(group, shares, strict=True)]
        out = args.out / f"{args.fault}-{'-'.join(group)}"
        if not (out / "report.json").is_file():
            _run(args.case, out, faults, args.seed)
        rows += measure(out, faults)
        for row in rows[-len(group) :]:
            print(json.dumps(row), flush=True)
        (args.out / f"{args.fault}.json").write_text(json.dumps(rows, indent=1))


def _run(case: Path, out: Path, faults: list[str], seed: str) -> None:
    command = [sys.executable, "-m", "rafr.cli.main", "sim", str(case), "--out", str(out), "--headless"]
    options = ["--seed", seed, "--auto-approve", "--recover", "--faults", ",".join(faults)]
    subprocess.run([*command, *options], check=False)


def measure(out: Path, faults: list[str]) -> list[dict[str, Any]]:
    """What a run has left in its folder, by fault."""
    report = json.loads((out / "report.json").read_text())
    common = {"outcome": report["outcome"], "recovered": report["recovered"], "said": report["holds"]}
    try:
        types = typestore([rafr_messages()])
        messages = [m for r in recordings(out) for m in read_recording(r, types, (_JOINTS, _ARM))]
    except InputError as error:
        return [{"fault": f, "readable": False, "error": str(error)} | common for f in faults]
    history = _History(messages)
    return [
        {"fault": fault, "readable": True, "messages": len(messages)}
        | history.after(report["injected"].get(fault), fault.partition(":")[2].partition("@")[0])
        | common
        for fault in faults
    ]


class _History:
    """The arm's motion and what its controller said, from a recording."""

    def __init__(self, messages: list[tuple[str, float, Any]]) -> None:
        joints = [
            (received, seconds(m.header.stamp), float(np.abs(m.velocity).max()))
            for topic, received, m in messages
            if topic == _JOINTS
        ]
        self._joints: FloatArray = np.array(joints).reshape(-1, 3)
        self._states = [(received, m) for topic, received, m in messages if topic == _ARM]

    def after(self, happened: float | None, node: str) -> dict[str, Any]:
        """Simulated time from the fault to the last motion and to the first hold; the force until then."""
        if happened is None:
            return {"error": "the reduction did not come so far"}
        received, stamps, speeds = self._joints.T
        if not (received <= happened).any():
            return {"error": "no joint states before the fault"}
        t = stamps[received <= happened][-1]
        later = stamps >= t
        moving = stamps[later & (speeds > _MOVING)]
        # the arm stands at the first gap between motions, or after the last of them
        gaps = np.flatnonzero(np.diff(np.concatenate([[t], moving, [np.inf]])) > _STILL)
        stands = np.concatenate([[t], moving])[gaps[0]]
        said = [(seconds(m.header.stamp), m) for r, m in self._states if r > happened]
        held = next(((stamp, m.reason) for stamp, m in said if m.reason and stamp >= t), (np.nan, ""))
        forces = [float(m.force) for stamp, m in said if stamp <= stands + _STILL]
        return {
            "stands_after_s": round(float(stands - t), 3),
            "held_after_s": round(float(held[0] - t), 3),
            "reason": held[1],
            "moved_again": bool((moving > stands + _STILL).any()),
            "watched_for_s": round(float(stamps[-1] - t), 3),
            "peak_force_n": round(max(forces, default=float("nan")), 1),
        }


if __name__ == "__main__":
    main()
