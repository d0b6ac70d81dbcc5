"""The view of a run in the terminal: a live panel, or plain lines where there is no terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rafr.review.run import Phase, RunRecord, Sample

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text

_BAR = 18
_HIGH_FORCE = 0.8  # share of the limit above which the force is shown red
# states in which the share of the path that is behind says something
_ON_THE_WAY = ("MOVING", "REDUCING", "HOLDING")


def panel(record: RunRecord, hint: str = "") -> RenderableType:
    """Phases, reduction and nodes of a run as they stand; fits a terminal of 80 by 24."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    columns = Table.grid(padding=(0, 3, 0, 0))
    columns.add_column(no_wrap=True)
    columns.add_column(overflow="fold")
    columns.add_row(_phases(record), _reduction(record))
    # over the whole width, so that an address is not broken
    rows: list[RenderableType] = [columns, *([Text(hint, style="bold yellow")] if hint else [])]
    return Panel(Group(*rows), title="rafr sim", subtitle=_nodes(record), border_style=_colour(record))


def _colour(record: RunRecord) -> str:
    if record.lost or record.standing_still or record.status in ("HELD", "ABORTED"):
        return "red"
    return "yellow" if record.status == "WAITING" else "green"


def _phases(record: RunRecord) -> Table:
    """The phases that are over, the one that runs, and those to come."""
    from rich.table import Table

    from rafr.procedure.phases import PHASES

    table = Table.grid(padding=(0, 1))
    for phase in record.phases:
        mark = "▶" if not phase.outcome else ("✓" if _went_well(phase) else "✗")
        style = "bold" if not phase.outcome else None
        table.add_row(mark, _words(phase.name), f"{phase.seconds:6.1f} s", style=style)
    if not record.phases:
        table.add_row("▶", "starting", "", style="bold")
    names = [phase.name for phase in PHASES]
    reached = names.index(record.phase) + 1 if record.phase in names else 0
    for name in names[reached:]:
        table.add_row("·", _words(name), "", style="dim")
    return table


def _went_well(phase: Phase) -> bool:
    return phase.outcome in ("done", "ok")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _reduction(record: RunRecord) -> Group:
    from rich.console import Group
    from rich.text import Text

    if not record.phases:
        waiting = ", ".join(record.missing) or "the procedure"
        lines = [Text(f"waiting for {waiting}")]
    else:
        lines = [Text(record.message, style="bold")] if record.message else []
        if record.samples:
            lines += _arm_lines(record.samples[-1])
        bad = [p for p in record.phases if p.outcome and not _went_well(p)]
        lines += [Text(f"{_words(p.name)}: {p.outcome}", style="yellow") for p in bad]
        lines += [Text(f"safety: {r}", style="red") for r in record.safety_reasons]
    lines += [Text(loss, style="red") for loss in record.lost]
    return Group(*lines)


def _arm_lines(sample: Sample) -> list[Text]:
    from rich.text import Text

    body = f" {_words(sample.body)}" if sample.body else ""
    lines = [Text(f"arm       {sample.state.lower()}{body}")]
    if sample.body and not sample.tracked:
        lines.append(Text("          fragment not tracked", style="yellow"))
    if sample.state in _ON_THE_WAY:
        lines.append(Text(f"path      {bar(sample.progress)} {100 * sample.progress:3.0f} %"))
    if math.isfinite(sample.distance):
        error = f"{sample.distance * 1e3:.2f} mm  {math.degrees(sample.angle):.2f}°"
        lines.append(Text(f"to target {error}"))
    share = sample.force / sample.force_limit if sample.force_limit > 0 else 0.0
    force = f"force     {bar(share)} {sample.force:.0f} of {sample.force_limit:.0f} N"
    lines.append(Text(force, style="red" if share > _HIGH_FORCE else ""))
    if math.isfinite(sample.stiffness):
        learnt = f"{sample.stiffness:.1f} times as stiff as planned, {sample.expected_force:.0f} N to come"
        lines.append(Text(f"tissue    {learnt}"))
    if sample.adjustment > 0.0:
        lines.append(Text(f"adjusted  by {1e3 * sample.adjustment:.1f} mm: {sample.adjustment_reason}"))
    lines += [Text(f"warning   {text}", style="yellow") for text in sample.warnings]
    return lines


def _nodes(record: RunRecord) -> str:
    ready = sum(record.nodes.values())
    if record.missing and record.phases:
        return f"{ready}/{len(record.nodes)} nodes ready · waiting for {', '.join(record.missing)}"
    return f"{ready}/{len(record.nodes)} nodes ready"


def bar(share: float, width: int = _BAR) -> str:
    """A bar of `width` characters filled to `share` (0..1, beyond is cut)."""
    filled = round(width * min(max(share if math.isfinite(share) else 0.0, 0.0), 1.0))
    return "█" * filled + "░" * (width - filled)


class PlainLines:
    """Turns a record into lines to print: each new phase, message, hold or loss once."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._losses = 0

    def news(self, record: RunRecord) -> list[str]:
        lines = [f"node lost: {loss}" for loss in record.lost[self._losses :]]
        self._losses = len(record.lost)
        lines += self._change("phase", record.phase, f"phase: {record.phase}")
        lines += self._change("message", record.message, f"  {record.message}")
        if record.safety == "STOPPED" and record.phases:
            lines += self._change("safety", "; ".join(record.safety_reasons), "safety stop: ")
        lines += self._change("adjustment", next(reversed(record.adjustments), ""), "  path: ")
        lines += self._change("tenth", _tenth(record), "  ")
        return lines

    def _change(self, what: str, value: str, text: str) -> list[str]:
        if not value or self._said.get(what) == value:
            return []
        self._said[what] = value
        return [text if text.strip().endswith(value) else f"{text}{value}"]


def _tenth(record: RunRecord) -> str:
    """A line that changes with every tenth of the path reduced."""
    if not record.samples or record.samples[-1].state != "REDUCING":
        return ""
    sample = record.samples[-1]
    step = math.floor(10 * sample.progress) * 10
    # only the step decides whether it is news: the numbers are those at which it was reached
    return f"{sample.body}: {step} % of the path"


def summary(report: dict[str, Any], out: str) -> Table:
    """The table printed at the end."""
    from rich.table import Table

    table = Table(title=f"{report['case']}: {report['outcome']}", title_style="bold", min_width=60)
    reference = "truth" if report["residual_reference"] == "truth" else "plan"
    for heading in ("body", f"to the {reference}, mm (max)", "deg", "to the plan, mm", "deg", "Matta"):
        table.add_column(heading, justify="left" if heading == "body" else "right")
    for name, body in report["bodies"].items():
        mm, plan = body["residual_mm"] or {}, body["residual_to_plan_mm"] or {}
        table.add_row(
            name,
            f"{_number(mm.get('mean'))} ({_number(mm.get('max'))})",
            _number(body["residual_deg"]),
            _number(plan.get("mean")),
            _number(body["residual_to_plan_deg"]),
            body["matta"]["grade"] or "–",
        )
    why = "".join(f"{reason}\n" for reason in report["holds"])
    table.caption = why + (
        f"peak force {report['peak_force_n']:.0f} of {_number(report['force_limit_n'], 0)} N · "
        f"{report['duration_s']:.0f} s simulated in {report['wall_s']:.0f} s · {_approval(report)} · {out}"
    )
    return table


def _approval(report: dict[str, Any]) -> str:
    if report["auto_approved"]:
        return "plan approved automatically (for demonstrations only)"
    approver = report["approval"]["approver"]
    return f"plan approved by {approver}" if approver else "plan not approved"


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
