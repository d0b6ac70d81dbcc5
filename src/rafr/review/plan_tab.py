"""The plan in numbers beside the bones: verdict, metrics before, planned and now, evidence, curves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from rafr.geometry import RigidTransform
from rafr.planning.plan import BodyPlan, ReductionPlan
from rafr.review.desk import Desk
from rafr.review.facts import body_facts, path_facts
from rafr.review.known import LIVE, PATH, Known
from rafr.review.readout import framed

_FORCE, _GAP, _HERE = "#e69f00", "#56b4e9", "#ffffff"
_DOT = {"show": True, "size": 9}
_NOW_PERIOD = 1.0  # s
_HEIGHT = 190  # px of a curve
_CELL = '<td style="text-align:right;padding:0.1em 0.35em">{}</td>'
_HEAD = '<th style="text-align:{};padding:0.1em 0.35em;opacity:0.75">{}</th>'


class PlanTab:
    """Facts, table and curves of one browser."""

    def __init__(self, gui: Any, known: Known) -> None:
        self._known = known
        self._table = gui.add_html("")
        self._where = gui.add_html("")
        self._curve = _curve(gui)
        self._facts = gui.add_html("")
        self._shown_plan: ReductionPlan | None = None
        self._at = -1
        self._tabulated = float("-inf")

    def refresh(self, state: str, step: int, poses: Mapping[str, RigidTransform]) -> None:
        plan = self._known.plan
        if plan is None:
            self._where.content = framed("No plan yet.")
            return
        if plan is not self._shown_plan:
            self._shown_plan, self._at = plan, -1
            self._facts.content = framed(_facts(plan))
        if step != self._at:
            self._at = step
            self._draw(plan, step)
        self._where.content = framed(path_facts(plan, step) if state == PATH else "")
        self._tabulate(plan, poses if state == LIVE and self._known.live else {})

    def refresh_now(self, poses: Mapping[str, RigidTransform]) -> None:
        """Where the bodies are now, once a second: measuring all of their surfaces takes a while."""
        plan = self._known.plan
        if plan is not None and time.monotonic() - self._tabulated > _NOW_PERIOD:
            self._tabulate(plan, poses)

    def _tabulate(self, plan: ReductionPlan, now: Mapping[str, RigidTransform]) -> None:
        self._tabulated = time.monotonic()
        self._table.content = framed(metrics_html(plan, self._known.desk, now))

    def _draw(self, plan: ReductionPlan, step: int) -> None:
        poses = [p for name in plan.order for p in plan.body(name).path]
        x = np.arange(1.0, len(poses) + 1.0)
        force, gap = (np.array([getattr(p, key) for p in poses]) for key in ("force_n", "clearance_mm"))
        here = np.full(len(poses), np.nan)
        at = min(max(step, 0), len(poses) - 1)
        here[at] = force[at]
        self._curve.data = (x, force, gap, here)


def _curve(gui: Any) -> Any:
    """Force and gap over the poses of the path, and which one is shown."""
    from viser import uplot

    return gui.add_uplot(
        (np.array([1.0, 2.0]), *(np.full(2, np.nan),) * 3),
        series=(
            uplot.Series(label="pose"),
            uplot.Series(label="force, N", stroke=_FORCE, width=2, scale="N"),
            uplot.Series(label="gap, mm", stroke=_GAP, width=2, dash=(6, 4), scale="mm"),
            uplot.Series(label="shown", stroke=_HERE, width=0, scale="N", points=_DOT),
        ),
        scales={"x": uplot.Scale(time=False), "N": uplot.Scale(auto=True), "mm": uplot.Scale(auto=True)},
        axes=(
            uplot.Axis(stroke="#bbb"),
            uplot.Axis(stroke=_FORCE, scale="N"),
            uplot.Axis(stroke=_GAP, scale="mm", side=1, grid={"show": False}),
        ),
        height=_HEIGHT,
    )


def _facts(plan: ReductionPlan) -> str:
    """Verdict, hash, method, what to look at, and how sure every target is."""
    verdict = "accepted by the planner" if plan.assessment.accepted else "NOT accepted by the planner"
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in plan.assessment.reasons)
    sure = "".join(f"<li>{_evidence(plan.body(name))}</li>" for name in plan.order)
    return (
        f"<div><b>Plan {plan.hash[:12]}</b>: <b>{verdict}</b></div>"
        f"<div style='opacity:0.8'>Method: {escape(plan.method)}</div>"
        f"<ul style='margin:0.4em 0;padding-left:1.2em'>{reasons}{sure}"
        f"<li>Symmetry plane: {plan.symmetry_plane.rms_mm:.1f} mm rms on intact anatomy.</li></ul>"
    )


def _evidence(body: BodyPlan) -> str:
    """Expected error of a target and what speaks for it."""
    kinds: dict[str, float] = {}
    for key, area in body.after.get("evidence_mm2", {}).items():
        kinds[key.split(":")[0]] = kinds.get(key.split(":")[0], 0.0) + area / 100.0
    by = ", ".join(f"{kind} {area:.0f} cm²" for kind, area in kinds.items() if area > 0.0)
    bound = body.after.get("target", {}).get("error_bound_mm")
    up_to = "" if bound is None else f" (90 %: at most {bound:.1f})"
    name = escape(body.name.replace("_", " "))
    return f"{name}: expected error {body.expected_error_mm:.1f} mm{up_to}, by {by or 'no evidence'}."


def metrics_html(plan: ReductionPlan, desk: Desk | None, now: Mapping[str, RigidTransform]) -> str:
    """A table per body: as found, as planned, and as it stands now (`now`: mm; empty: not known)."""
    return "".join(_body_table(plan.body(name), plan, desk, now.get(name)) for name in plan.order)


def _body_table(body: BodyPlan, plan: ReductionPlan, desk: Desk | None, T: RigidTransform | None) -> str:
    facts = body_facts(body)
    now = None if T is None or desk is None else desk.standing(plan, body.name, T)
    columns = [("before", body.before), ("planned", body.after), ("now", now)]
    sure = f" ± {body.expected_error_mm:.1f}"
    head = "".join(_HEAD.format("right", title) for title, _ in columns)
    rows = [
        (
            "to the target, mm",
            [_number(c, "mean_mm") + (sure if c is body.after else "") for _, c in columns],
        ),
        ("largest, mm", [_number(c, "max_mm") for _, c in columns]),
        ("turn, °", [_number(c, "deg") for _, c in columns]),
        ("Matta", [_matta(c) for _, c in columns]),
    ]
    cells = "".join(
        f"<tr><td>{name}</td>{''.join(_CELL.format(value) for value in values)}</tr>" for name, values in rows
    )
    name = escape(body.name.replace("_", " "))
    along = (
        f"Way {facts['way_mm']:.1f} mm, {facts['turn_deg']:.1f}°; least gap {facts['least_gap_mm']:.1f} mm, "
        f"most force {facts['peak_force_n']:.0f} N (predicted)."
    )
    return (
        f"<table style='border-collapse:collapse;width:100%;margin-top:0.5em'>"
        f"<tr>{_HEAD.format('left', name)}{head}</tr>{cells}</table><div style='opacity:0.8'>{along}</div>"
    )


def _number(column: Mapping[str, Any] | None, key: str) -> str:
    return "–" if not column or key not in column else f"{column[key]:.1f}"


def _matta(column: Mapping[str, Any] | None) -> str:
    if not column or "matta" not in column:
        return "–"
    return f"{column['matta']['grade']} ({column['matta']['max_mm']:.1f})"
