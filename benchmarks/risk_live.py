"""The live judge on simulated patients: how soon it finds what happens, false alarms, what it costs.

    python benchmarks/risk_live.py [--seeds 20] [--first-seed 100] [--patients 6] [--minutes 30] [-o OUT.json]

Streams come block by block (0.1 s) through the judge and the supervisor's risk watch, as the nodes do it. For
false alarms a patient has a reduction of 40 s every three minutes, with up to 30 to 150 N, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rafr.control.risks import RiskWatch
from rafr.control.safety import SafetyConfig
from rafr.risk.blocks import Block
from rafr.risk.estimate import PATIENT_SOURCE, RiskEstimate
from rafr.risk.patient import GUARDING, NERVE, RELAXATION, PatientRisk
from rafr.simulation.faults.injector import KINDS
from rafr.simulation.wearables import EMG_CHANNELS, EmgConfig, EmgSensor, unchanged

BLOCK = 0.1  # s
EVENTS = {"muscle-guarding": GUARDING, "relaxant-wears-off": RELAXATION, "nerve-irritation": NERVE}
_AT, _AFTER = 20.0, 60.0  # s
_EVERY, _LONG = 180.0, 40.0  # s
_SENSOR_NOISE = 1.4  # N


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=100, help="quiet patients: ten times that on")
    parser.add_argument("--patients", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    costs: list[float] = []
    first, calm = args.first_seed, 10 * args.first_seed
    events = [event(name, seed, costs) for name in EVENTS for seed in range(first, first + args.seeds)]
    quiet = [wolf(seed, 60.0 * args.minutes, costs) for seed in range(calm, calm + args.patients)]
    result = {"events": events, "quiet": quiet, "judging": cost(costs)}
    if args.out:
        args.out.write_text(json.dumps(result, indent=1))
    print(table(events))
    print(alarms(quiet))
    print(json.dumps(result["judging"]))


def stream(
    seed: int, seconds: float, load: Callable[[float], float], costs: list[float], event: str = ""
) -> list[tuple[float, RiskEstimate, float, bool]]:
    """Per block: its end (s), the estimate, the slowing, whether a reduction would stop."""
    rng = np.random.default_rng(seed)
    sensor, judge, watch = EmgSensor(EmgConfig(), rng), PatientRisk(), RiskWatch(SafetyConfig())
    fault = KINDS[event](rng) if event else None
    rows = []
    for k in range(round(seconds / BLOCK)):
        t = k * BLOCK
        pull = load(t)
        change = fault.muscles if fault is not None and t >= _AT else unchanged
        volts = sensor.read(t, BLOCK, pull, change)
        judge.heard_load(abs(pull + _SENSOR_NOISE * rng.standard_normal()))
        began = time.process_time()
        estimate = judge.update(Block(t, EmgConfig().rate, EMG_CHANNELS, volts))
        costs.append(time.process_time() - began)
        watch.heard(PATIENT_SOURCE, estimate.probability, estimate.reason, t + BLOCK)
        rows.append((t + BLOCK, estimate, watch.slowing(t + BLOCK), bool(watch.stops(t + BLOCK))))
    return rows


def reduction(begin: float, long: float, peak: float, t: float) -> float:
    """N on the fragment, which rises, falls and trembles; 0 outside."""
    share = (t - begin) / long
    return 3.0 + peak * np.sin(np.pi * share) * (1.0 + 0.1 * np.sin(3.0 * t)) if 0.0 < share < 1.0 else 0.0


def event(name: str, seed: int, costs: list[float]) -> dict[str, Any]:
    """One event in the middle of a long reduction."""
    peak = float(np.random.default_rng([seed, 1]).uniform(30.0, 150.0))
    rows = stream(seed, _AT + _AFTER, lambda t: reduction(10.0, 70.0, peak, t), costs, name)
    after = [(t - _AT, e, slow, stops) for t, e, slow, stops in rows if t > _AT]
    cause = EVENTS[name]

    def when(found: Callable[[RiskEstimate, float, bool], bool]) -> float | None:
        return next((round(t, 2) for t, e, slow, stops in after if found(e, slow, stops)), None)

    first = next((e for _, e, slow, _ in after if slow > 0.0), None)
    return {
        "event": name,
        "seed": seed,
        "peak_n": peak,
        "slowed_s": when(lambda e, slow, stops: slow > 0.0),
        "stops_s": when(lambda e, slow, stops: stops),
        "named_s": when(lambda e, slow, stops: e.probability >= 0.5 and e.causes[cause] == e.probability),
        "first_named": None if first is None else max(first.causes, key=lambda key: first.causes[key]),
        "before": sum(slow > 0.0 for t, e, slow, stops in rows if t <= _AT),
    }


def wolf(seed: int, seconds: float, costs: list[float]) -> dict[str, Any]:
    """A patient to whom nothing happens: episodes of slowing and stopping, in all and while reducing."""
    rng = np.random.default_rng([seed, 2])
    peaks = rng.uniform(30.0, 150.0, int(seconds / _EVERY) + 1)

    def load(t: float) -> float:
        which = int(t / _EVERY)
        return reduction(which * _EVERY + 60.0, _LONG, float(peaks[which]), t)

    rows = stream(seed, seconds, load, costs)
    reduces = np.array([load(t - BLOCK) > 0.0 for t, *_ in rows])
    slow, stop = np.array([s > 0.0 for *_, s, _ in rows]), np.array([s for *_, s in rows])
    return {
        "seed": seed,
        "hours": seconds / 3600.0,
        "reducing_hours": float(reduces.sum()) * BLOCK / 3600.0,
        "slowed": _episodes(slow),
        "stopped": _episodes(stop),
        "slowed_reducing": _episodes(slow & reduces),
        "stopped_reducing": _episodes(stop & reduces),
    }


def _episodes(flags: np.ndarray) -> int:
    return int(np.sum(np.diff(np.concatenate([[0], flags.astype(int)])) == 1))


def cost(costs: list[float]) -> dict[str, float]:
    """Processor time of the judge alone."""
    ms = 1e3 * np.array(costs)
    return {
        "blocks": len(ms),
        "median_ms": float(np.median(ms)),
        "q99_ms": float(np.quantile(ms, 0.99)),
        "share_of_a_core": float(ms.mean() / (1e3 * BLOCK)),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, a line per event: median and largest delay, and of how many."""
    lines = ["| event | n | slowed after, s | would stop after, s | named after, s | first named so |"]
    lines.append("|---|---|---|---|---|---|")
    for name, cause in EVENTS.items():
        own = [row for row in rows if row["event"] == name]
        right = sum(row["first_named"] == cause for row in own)
        delays = " | ".join(_delay(own, key) for key in ("slowed_s", "stops_s", "named_s"))
        lines.append(f"| {name} | {len(own)} | {delays} | {right} |")
    return "\n".join(lines)


def _delay(rows: list[dict[str, Any]], key: str) -> str:
    values = [row[key] for row in rows if row[key] is not None]
    if not values:
        return "never"
    return f"{np.median(values):.1f} (at most {max(values):.1f}; {len(values)}/{len(rows)})"


def alarms(rows: list[dict[str, Any]]) -> str:
    """False alarms in words."""
    if not rows:
        return "no quiet patient"
    total = {key: sum(row[key] for row in rows) for key in rows[0] if key != "seed"}
    return (
        f"{len(rows)} patients, {total['hours']:.1f} h, {total['reducing_hours']:.2f} h of it reducing: "
        f"{total['slowed']} times slowed, {total['stopped']} times stopped; while reducing "
        f"{total['slowed_reducing']} and {total['stopped_reducing']}"
    )


if __name__ == "__main__":
    main()
