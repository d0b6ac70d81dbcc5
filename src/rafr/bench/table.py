"""A report of `rafr bench` as a table for the terminal and for README.md, and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafr.errors import InputError
from rafr.files import written_whole

if TYPE_CHECKING:
    from rich.table import Table

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
COLUMNS = ("measure", "n", "rafr: median (5 %, 95 %)", "peer: median (5 %, 95 %)", "rafr ÷ peer", "goal")


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One measure, in the order of COLUMNS."""
    ratio = "–" if row["ratio"] is None else f"{row['ratio']['q50']:.3g}"
    name = f"{row['name']}: {row['what']}{', ' * bool(row['unit'])}{row['unit']}"
    return (name, str(row["n"]), spread(row["value"]), peer_text(row["peer"]), ratio, goal_text(row))


def peer_text(peer: Mapping[str, Any] | None) -> str:
    if peer is None:
        return "–"
    name = f"{peer['name']} {peer['version'] or ''}".strip()
    if not peer["found"]:
        return f"{name}: not installed"
    return name if peer["value"] is None else f"{name}: {spread(peer['value'])}"


def spread(values: Mapping[str, float]) -> str:
    """Median and quantiles, or the one value there is."""
    if values["q05"] == values["q95"]:
        return f"{values['q50']:.3g}"
    return f"{values['q50']:.3g} ({values['q05']:.3g}, {values['q95']:.3g})"


def goal_text(row: Mapping[str, Any]) -> str:
    goal = row["goal"]
    if goal is None:
        return "–"
    bound = "≤" if row["better"] == "lower" else "≥"
    at = "median" if goal["quantile"] == 0.5 else f"{100 * goal['quantile']:g} %"
    if goal["of"] == "ratio":
        return f"ratio, {at} {bound} {goal['limit']:g}: {verdict(goal)}"
    return f"{at} {bound} {goal['limit']:g} {row['unit']}".rstrip() + f": {verdict(goal)}"


def verdict(goal: Mapping[str, Any]) -> str:
    return {True: "reached", False: "**missed**", None: "not judged"}[goal["reached"]]


def terminal_table(report: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(title="rafr bench" + (", quick" if report["quick"] else "") + ": medians")
    for column in ("measure", "n", "rafr", "peer", "ratio", "goal"):
        table.add_column(column, no_wrap=column == "measure")
    for row in report["measures"]:
        peer, ratio, goal = row["peer"], row["ratio"], row["goal"]
        beside = "–" if peer is None else peer["name"]
        if peer is not None and peer["value"] is not None:
            beside += f": {peer['value']['q50']:.3g}"
        table.add_row(
            row["name"],
            str(row["n"]),
            f"{row['value']['q50']:.3g} {row['unit']}",
            beside,
            "–" if ratio is None else f"{ratio['q50']:.3g}",
            "–" if goal is None else verdict(goal).strip("*"),
        )
    return table


def circumstances(report: Mapping[str, Any]) -> str:
    """A sentence: when, on what, under which load."""
    machine, versions = report["machine"], report["versions"]
    kind = "a quick run" if report["quick"] else "a full run"
    return (
        f"Made by `rafr bench{' --quick' if report['quick'] else ''}` ({kind}, {report['seconds']:.0f} s, "
        f"{report['began'][:10]}) with rafr {versions['rafr']} and Python {versions['python']} on "
        f"{machine['cores']} cores ({machine['cpu']}), load {machine['load_start']:g} before and "
        f"{machine['load_end']:g} after."
    )


def markdown(report: Mapping[str, Any]) -> str:
    """The table of README.md, between its markers."""
    lines = [circumstances(report), "", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    lines += [f"| {' | '.join(cells(row))} |" for row in report["measures"]]
    return "\n".join((BEGIN, *lines, END))


def with_table(text: str, report: Mapping[str, Any], source: str | Path) -> str:
    """A page with what stands between its markers replaced.

    Raises:
        InputError: it does not have both markers once, in order.
    """
    begin, end = text.find(BEGIN), text.find(END)
    if not 0 <= begin < end or text.count(BEGIN) != 1 or text.count(END) != 1:
        raise InputError(source, "has no place for the table", f"one line {BEGIN} and, below it, one {END}")
    return text[:begin] + markdown(report) + text[end + len(END) :]


def write_into(path: Path, report: Mapping[str, Any]) -> None:
    """Replaces the table of a page.

    Raises:
        InputError: the page cannot be read or written, or has no place for it.
    """
    try:
        text = with_table(path.read_text(encoding="utf-8"), report, path)
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be used ({error})", "a page to put the table into") from None


def save_picture(path: Path, report: Mapping[str, Any]) -> bool:
    """Ratios to the peers, 5 to 95 %, on a logarithmic axis; False, and no picture, where there are none."""
    from matplotlib.figure import Figure

    rows: Sequence[Mapping[str, Any]] = [r for r in reversed(report["measures"]) if r["ratio"] is not None]
    if not rows:
        return False
    figure = Figure(figsize=(9.0, 1.2 + 0.36 * len(rows)), layout="constrained")
    axis = figure.subplots()
    for k, row in enumerate(rows):
        ratio = row["ratio"]
        good = ratio["q50"] <= 1.0 if row["better"] == "lower" else ratio["q50"] >= 1.0
        colour = "tab:green" if good else "tab:orange"
        axis.plot([ratio["q05"], ratio["q95"]], [k, k], color=colour, lw=4, alpha=0.4, solid_capstyle="butt")
        axis.plot(ratio["q50"], k, "o", color=colour)
        goal = row["goal"]
        if goal is not None and goal["of"] == "ratio":
            axis.plot(goal["limit"], k, "|", color="black", markersize=12, markeredgewidth=2)
    axis.axvline(1.0, color="0.4", lw=1)
    names = (f"{r['name']} ({r['better']} is better)\nbeside {r['peer']['name']}" for r in rows)
    axis.set_yticks(range(len(rows)), list(names), fontsize=8)
    axis.set_xscale("log")
    axis.set_xlabel("rafr ÷ peer, same run: median and 5 to 95 % (green: as good or better); bar: goal")
    axis.grid(alpha=0.3, axis="x", which="both")
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110)
    return True
