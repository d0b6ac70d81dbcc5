"""Lifting risk: people left out beside a random split, a real EMG file, and how fast features are computed.

python benchmarks/risk.py people [--seeds 4,5,6] [--models mixed,logistic] [--importance] [--json FILE]
python benchmarks/risk.py walk FOLDER [--json FILE]
python benchmarks/risk.py throughput [--json FILE]

people: virtual people (synthetic), new ones for every seed. walk: stance and swing of the walker in the
public data set emg_walk, blocks of time left out. throughput: windows per second by their number, beside
the same code window by window, and a loop over channels as it is usually written.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from rafr import __version__
from rafr.bench.peers import plain_risk
from rafr.errors import RafrError
from rafr.resources import resource_path
from rafr.risk.data.columns import ColumnMap
from rafr.risk.data.read import read_recording
from rafr.risk.data.recording import Interval, Recording
from rafr.risk.features.table import WindowConfig, features_at, window_table
from rafr.risk.learning.classifier import LoadClassifier
from rafr.risk.learning.importance import PermutationImportance
from rafr.risk.learning.kinds import SEQUENCE_HZ
from rafr.risk.learning.validation import evaluate
from rafr.risk.lifting.session import LiftingConfig, simulate_people

TOLD = ("balanced_accuracy", "worst", "roc_auc", "brier", "calibration_error")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    actions = parser.add_subparsers(dest="action", required=True)
    people = actions.add_parser("people")
    people.add_argument("--seeds", default="4,5,6")
    people.add_argument("--subjects", type=int, default=10)
    people.add_argument("--models", default="mixed")
    people.add_argument("--importance", action="store_true", help="what the fusion listens to")
    walk = actions.add_parser("walk")
    walk.add_argument("folder", type=Path)
    throughput = actions.add_parser("throughput")
    for action in (people, walk, throughput):
        action.add_argument("--json", metavar="FILE", type=Path)
    args = parser.parse_args()
    runs = {"people": of_people, "walk": of_walk, "throughput": of_throughput}
    try:
        rows = runs[args.action](args)
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 2
    if args.json:
        facts = {"version": __version__, "machine": platform.machine(), "synthetic": args.action != "walk"}
        report = {**facts, "rows": rows}
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def of_people(args: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for seed in (int(s) for s in args.seeds.split(",")):
        recordings = simulate_people(args.subjects, seed)
        for model in args.models.split(","):
            config = WindowConfig(sequence_hz=SEQUENCE_HZ if model == "convolutions" else 0.0)
            table = window_table(recordings, config)
            begin = time.perf_counter()
            importance = PermutationImportance(table) if args.importance else None
            look = None if importance is None else importance.look
            result = evaluate(table, LoadClassifier(table.names, model), look=look)
            took = time.perf_counter() - begin
            for source, values in result.items():
                left = values["leave_one_subject_out"]
                row = {"seed": seed, "model": model, "source": source, "windows": len(table), "seconds": took}
                row |= {"random": values["random_split"]["balanced_accuracy"]} | {k: left[k] for k in TOLD}
                rows.append(row | left.get("abstention", {}))
                shown = {k: round(v, 3) if isinstance(v, float) else v for k, v in rows[-1].items()}
                print(json.dumps(shown), flush=True)
            if importance is not None:
                drops = {"seed": seed, "model": model, "importance": importance.result()}
                rows.append(drops)
                print(json.dumps(drops), flush=True)
    return rows


def of_walk(args: argparse.Namespace) -> list[dict[str, Any]]:
    recording = walker(args.folder)
    rows = []
    for length in (0.15, 0.25):
        table = window_table([recording], WindowConfig(length=length, step=0.02))
        for model in ("trees", "logistic"):
            result = evaluate(table, LoadClassifier(table.names, model), blocks=5)["emg"]
            left = result["leave_one_block_out"]
            row = {"window_s": length, "model": model, "windows": len(table)}
            row |= {"random": result["random_split"]["balanced_accuracy"]} | {k: left[k] for k in TOLD}
            rows.append(row | left["abstention"])
            print(json.dumps(rows[-1]), flush=True)
    return rows


def walker(folder: Path) -> Recording:
    """The recording with its stances (touch-down to lift-off) and swings."""
    from dataclasses import replace

    (signals,), (cycles,) = (sorted(folder.glob(f"*{end}.csv")) for end in ("raw_emg", "cycles"))
    recording = read_recording(signals, ColumnMap.from_yaml(resource_path("config/risk/emg_walk.yaml")))
    begin = float(signals.read_text(encoding="utf-8").splitlines()[1].split(",")[0])
    with cycles.open(encoding="utf-8") as stream:
        events = [(float(r["V1"]) - begin, float(r["V2"]) - begin) for r in csv.DictReader(stream)]
    stances = [Interval(down, up, "stance") for down, up in events]
    swings = [Interval(a[1], b[0], "swing") for a, b in itertools.pairwise(events)]
    return replace(recording, intervals=tuple(sorted((*stances, *swings), key=lambda i: i.start)))


def of_throughput(args: argparse.Namespace) -> list[dict[str, Any]]:
    (one, *_) = simulate_people(1, 0, LiftingConfig(trials=1, seconds=60.0))
    config = WindowConfig(length=3.0)
    rows = []
    for count in (10, 100, 1000):
        starts = np.linspace(0.0, one.duration - config.length - 0.1, count)
        begin = time.perf_counter()
        features_at(one, starts, config)
        together = time.perf_counter() - begin
        some = starts[:: max(1, count // 100)]
        begin = time.perf_counter()
        for start in some:
            features_at(one, np.array([start]), config)
        single = (time.perf_counter() - begin) / len(some)
        begin = time.perf_counter()
        for start in some[:20]:
            plain_risk.features(one, start, config)
        plain = (time.perf_counter() - begin) / len(some[:20])
        rates = {"per_second": count / together, "one_by_one": 1 / single, "plain_loop": 1 / plain}
        rows.append({"windows": count, **rates})
        rows[-1]["times_the_plain_loop"] = rows[-1]["per_second"] / rows[-1]["plain_loop"]
        print(json.dumps({k: round(v, 1) for k, v in rows[-1].items()}), flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
