"""Runs trials and sums up what they measured."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from rafr.bench.machine import load, machine, processor_seconds, versions
from rafr.bench.measure import Measure, Of, Peer, Samples, Setting, Trial, quantiles
from rafr.errors import RafrError
from rafr.progress import Progress, part_of, silent


def run_bench(
    trials: Sequence[Trial], wanted: Sequence[Measure], setting: Setting, progress: Progress = silent
) -> dict[str, Any]:
    """The report, as `rafr bench --json` writes it (docs/bench.md).

    Args:
        wanted: measures to report; trials that give none of them are not run. A quick run leaves out those
            that only a full one has.
    """
    names = {measure.name for measure in wanted if measure.quick or not setting.quick}
    asked = [t for t in trials if names & {m.name for m in t.measures}]
    facts, began = machine() | {"load_start": load()}, time.perf_counter()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    rows: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for k, trial in enumerate(asked):
        measures = [m for m in trial.measures if m.name in names]
        within = part_of(progress, k / len(asked), (k + 1) / len(asked))
        within(0.0, measures[0].name)
        clock, cpu = time.perf_counter(), _processor_seconds()
        try:
            samples = trial.run(setting, within)
        except RafrError as error:
            failed += [{"name": m.name, "reason": str(error)} for m in measures]
            continue
        cost = {
            "trial_seconds": round(time.perf_counter() - clock, 1),
            "trial_cpu_seconds": round(_processor_seconds() - cpu, 1),
        }
        had = [m for m in measures if m.name in samples or m.peer is None or m.peer.found]
        rows += [row(m, samples[m.name]) | cost for m in had]
    facts["load_end"] = load()
    reasons = missed(rows) + [f"{f['name']} could not be measured: {f['reason']}" for f in failed]
    return {
        "began": started,
        "seconds": round(time.perf_counter() - began, 1),
        "quick": setting.quick,
        "versions": versions([m.peer for m in wanted if m.peer is not None and m.peer.found]),
        "machine": facts,
        "measures": rows,
        "failed": failed,
        "missing_peers": missing_peers(wanted),
        "assessment": {"accepted": not reasons, "reasons": reasons},
    }


def row(measure: Measure, samples: Samples) -> dict[str, Any]:
    """One measure of the report."""
    ratios = samples.ratios()
    ratio = None if ratios is None else quantiles(ratios)
    ours = quantiles(samples.ours)
    return {
        "name": measure.name,
        "what": measure.what,
        "unit": measure.unit,
        "better": measure.better.value,
        "n": len(samples.ours),
        "seeds": list(samples.seeds),
        "value": ours,
        "peer": None if measure.peer is None else _peer(measure.peer, samples),
        "ratio": ratio,
        "goal": _goal(measure, {Of.VALUE: ours, Of.RATIO: ratio}),
    }


def _processor_seconds() -> float:
    """Of this process and those that it has waited for."""
    return sum(processor_seconds(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _peer(peer: Peer, samples: Samples) -> dict[str, Any]:
    """Without a value where it was not there, or where the measure is our distance from it."""
    value = None if samples.peer is None else quantiles(samples.peer)
    n = 0 if samples.peer is None else len(np.atleast_1d(samples.peer))
    return {"name": peer.name, "found": peer.found, "version": peer.version, "n": n, "value": value}


def _goal(measure: Measure, values: Mapping[Of, dict[str, float] | None]) -> dict[str, Any] | None:
    """`reached` is None where the goal needs a peer that was not there."""
    goal = measure.goal
    if goal is None:
        return None
    found = values[goal.of]
    reached = None if found is None else measure.reached(found)
    return {"of": goal.of.value, "quantile": goal.quantile, "limit": goal.limit, "reached": reached}


def missed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line per goal that was not reached."""
    said = []
    for found in rows:
        goal = found["goal"]
        if goal is not None and goal["reached"] is False:
            value = found["value" if goal["of"] == Of.VALUE else "ratio"][
                f"q{round(100 * goal['quantile']):02d}"
            ]
            unit = f" {found['unit']}" if goal["of"] == Of.VALUE else f" of {found['peer']['name']}'s"
            bound = "at most" if found["better"] == "lower" else "at least"
            said.append(
                f"{found['name']}: {100 * goal['quantile']:g} % quantile {value:g}{unit}, "
                f"{bound} {goal['limit']:g} wanted"
            )
    return said


def missing_peers(measures: Sequence[Measure]) -> list[dict[str, str]]:
    """Peers that are not installed: name and how to get them."""
    peers = {m.peer.name: m.peer for m in measures if m.peer is not None and not m.peer.found}
    return [{"name": name, "install": peer.install} for name, peer in peers.items()]
