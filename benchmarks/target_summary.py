"""Numbers and a picture of a target campaign: quantiles by group and kind, mirror alone beside fused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rafr.cli.output import write_json

Row = dict[str, str]
GROUPS = ("broken face", "rami only", "dislocation", "bilateral")


def save_summary(out: Path, rows: list[Row]) -> None:
    """Write summary.json, summary.md and targets.png."""
    summary = {**_by(rows, "group"), **{f"kind {k}": v for k, v in _by(rows, "kind").items()}}
    write_json(out / "summary.json", summary)
    (out / "summary.md").write_text(_table(summary), encoding="utf-8")
    _draw(out / "targets.png", [r for r in rows if r["fused_mm"]])


def _by(rows: list[Row], key: str) -> dict[str, dict[str, Any]]:
    values = [v for v in dict.fromkeys(r[key] for r in rows) if v]
    order = sorted(values, key=lambda v: GROUPS.index(v) if v in GROUPS else len(GROUPS))
    return {value: _statistics([r for r in rows if r[key] == value]) for value in order}


def _statistics(rows: list[Row]) -> dict[str, Any]:
    planned = [r for r in rows if r["fused_mm"]]
    kept = [r for r in planned if r["accepted"] == "1"]
    error, bound = (np.array([float(r[k]) for r in kept]) for k in ("fused_mm", "bound_mm"))
    result: dict[str, Any] = {
        "n": len(rows),
        "failed": len(rows) - len(planned),
        "refused": len(planned) - len(kept),
        "coverage": float((error <= bound).mean()) if len(kept) else None,
        "median_seconds": float(np.median([float(r["seconds"]) for r in planned])) if planned else None,
    }
    for column in ("fused_mm", "fused_deg", "mirror_mm", "mirror_deg", "expected_mm", "bound_mm"):
        result[column] = _quantiles([float(r[column]) for r in kept if r[column]])
    return result


def _quantiles(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    median, p90, p95 = np.quantile(values, [0.5, 0.9, 0.95])
    return {
        "mean": float(np.mean(values)),
        "median": float(median),
        "p90": float(p90),
        "p95": float(p95),
        "max": float(np.max(values)),
    }


def _table(summary: dict[str, Any]) -> str:
    lines = [
        "| | n | refused | fused mm: mean, median, p90, p95, max | fused °: mean, p95 | mirror mm: mean, p95 "
        "| mirror °: mean | expected mm | ≤ 90 % bound | s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, s in summary.items():
        if s["fused_mm"] is None:
            lines.append(f"| {name} | {s['n']} | {s['refused'] + s['failed']} | – | – | – | – | – | – | – |")
            continue
        cells = (
            f"{s['n']} | {s['refused'] + s['failed']}",
            ", ".join(f"{s['fused_mm'][q]:.2f}" for q in ("mean", "median", "p90", "p95", "max")),
            ", ".join(f"{s['fused_deg'][q]:.2f}" for q in ("mean", "p95")),
            _cell(s["mirror_mm"], ("mean", "p95")),
            _cell(s["mirror_deg"], ("mean",)),
            f"{s['expected_mm']['mean']:.2f}",
            f"{100 * s['coverage']:.0f} %",
            f"{s['median_seconds']:.1f}",
        )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(quantiles: dict[str, float] | None, names: tuple[str, ...]) -> str:
    return ", ".join(f"{quantiles[n]:.2f}" for n in names) if quantiles else "–"


def _draw(path: Path, rows: list[Row]) -> None:
    """Cumulative distributions of the error, mirror beside fused, and error against what was expected."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14.0, 4.0), layout="constrained")
    axes = figure.subplots(1, 4)
    for k, group in enumerate(GROUPS):
        chosen, colour = [r for r in rows if r["group"] == group], f"C{k}"
        if not chosen:
            continue
        label = f"{group} (n = {len(chosen)})"
        for axis, unit in ((axes[0], "mm"), (axes[1], "deg")):
            _cumulative(axis, [float(r[f"fused_{unit}"]) for r in chosen], colour, "-", label)
            mirror = [float(r[f"mirror_{unit}"]) for r in chosen if r[f"mirror_{unit}"]]
            _cumulative(axis, mirror, colour, ":", None)
        error, expected = (np.array([float(r[c]) for r in chosen]) for c in ("fused_mm", "expected_mm"))
        axes[2].plot(expected, error, ".", color=colour)
        axes[3].plot(
            [float(r["triangles"]) / 1e3 for r in chosen], [float(r["seconds"]) for r in chosen], "."
        )
    axes[0].set(xlabel="mean error over the body (mm); dotted: mirror alone", ylabel="share", xlim=(0, 6))
    axes[1].set(xlabel="rotation (°)", xlim=(0, 6))
    axes[0].legend(frameon=False, fontsize=8)
    axes[2].set(xlabel="expected error (mm)", ylabel="error (mm)", xlim=(0, 4), ylim=(0, 6))
    axes[2].plot([0, 4], [0, 4], color="0.6", linewidth=0.8)
    axes[3].set(xlabel="triangles (thousands)", ylabel="time (s)")
    FigureCanvasAgg(figure).print_png(path)


def _cumulative(axis: Any, values: list[float], colour: str, style: str, label: str | None) -> None:
    share = np.arange(1, len(values) + 1) / max(len(values), 1)
    axis.step(np.sort(values), share, style, color=colour, label=label, where="post")
