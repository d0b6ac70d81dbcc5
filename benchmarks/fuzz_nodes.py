"""Damaged messages, requests, goals and answers before every callback of every node.

    python benchmarks/fuzz_nodes.py --messages 4000 --seed 0 [-o fuzz_nodes.json] [--only NODE,…]

Each node runs in a process of its own, driven without a network (`tests/abuse/driven.py`): a callback that
raises, a node that ends, goes silent, moves something or does not say in a line what is wrong is a defect.
Message k of a node is the same for the same seed. Counts are kept node by node: an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rafr.files import written_whole
from rafr.nodes.domain import own_domain

_PATIENCE = 600.0  # s, for a node


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--messages", type=int, default=4000, help="in all, shared out by callbacks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, default=Path("fuzz_nodes.json"))
    parser.add_argument("--only", default="", help="nodes, separated by commas")
    parser.add_argument("--node", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.node:
        print(json.dumps(_driven(args.node, args.messages, args.seed)))
        return 0
    nodes = _callbacks_by_node(args.only)
    found = _earlier(args.out, args.seed, args.messages)
    for node, callbacks in nodes.items():
        share = -(-args.messages * callbacks // sum(nodes.values()))
        if node not in found:
            found[node] = _in_own_process(node, share, args.seed)
            _save(args.out, args.seed, args.messages, found)
        print(_line(node, found[node]), flush=True)
    return _summary({node: found[node] for node in nodes})


def _callbacks_by_node(only: str) -> dict[str, int]:
    """How many ways in every node has, by its source: for fair shares alone."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
    import interfaces
    from tests.abuse.driven import executables

    ways = (interfaces.SUBSCRIBES, interfaces.SERVES, interfaces.SERVES_ACTION)
    with tempfile.TemporaryDirectory() as folder:
        names = [n for n in executables(Path(folder)) if not only or n in only.split(",")]
    return {n: sum(e.role in ways for e in interfaces.entities(n)) or 1 for n in names}


def _in_own_process(node: str, messages: int, seed: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--node", node, "--messages", str(messages), "--seed", str(seed)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return {"messages": messages, "at_work": 0, "defects": [["", "", "it hangs"]]}
    if done.returncode != 0:
        print(done.stderr[-2000:], file=sys.stderr)
        return {"messages": messages, "at_work": 0, "defects": [["", "", f"it ends: {done.returncode}"]]}
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def _driven(name: str, messages: int, seed: int) -> dict[str, Any]:
    from tests.abuse.driven import Driven, executables

    os.environ.pop("ROS_DOMAIN_ID", None)
    with own_domain() as domain, tempfile.TemporaryDirectory() as folder:
        driven = Driven(executables(Path(folder))[name], Path(folder), seed, domain)
        try:
            outcomes = [driven.trial(k) for k in range(messages)]
        finally:
            driven.close()
    return {
        "messages": messages,
        "at_work": driven.at_work,
        "callbacks": sorted({o.place for o in outcomes}),
        "defects": [o for o in outcomes if o.defect],
    }


def _earlier(out: Path, seed: int, messages: int) -> dict[str, Any]:
    if not out.is_file():
        return {}
    found = json.loads(out.read_text(encoding="utf-8"))
    if (found["seed"], found["messages"]) != (seed, messages):
        sys.exit(f"{out} is of seed {found['seed']}, {found['messages']} messages: give another -o")
    nodes: dict[str, Any] = found["nodes"]
    return nodes


def _save(out: Path, seed: int, messages: int, found: dict[str, Any]) -> None:
    with written_whole(out) as part:
        data = {"seed": seed, "messages": messages, "nodes": found}
        part.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def _line(node: str, row: dict[str, Any]) -> str:
    return f"{node:20s} {row['messages']:6d} {row['at_work']:6d} {len(row['defects']):4d}"


def _summary(found: dict[str, Any]) -> int:
    messages, defects = sum(r["messages"] for r in found.values()), 0
    for node, row in found.items():
        kinds = Counter((place, text[:110]) for place, _, text in row["defects"])
        for (place, text), times in kinds.most_common(8):
            print(f"    {times:3d}x {node}, {place}: {text}")
        defects += len(row["defects"])
    print(f"{'all':20s} {messages:6d} {sum(r['at_work'] for r in found.values()):6d} {defects:4d}")
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
