"""The numbers beside the live picture, as HTML: phase, force, torque, traction, way to the target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

_GOOD, _HIGH, _BAD = "#56b4e9", "#e69f00", "#d55e00"  # told apart without red and green
_HIGH_SHARE, _LIMIT_SHARE = 0.8, 1.0  # of a limit
_ROW = (
    '<div style="display:flex;justify-content:space-between;margin-top:0.45em"><span>{}</span><b>{}</b></div>'
)
_BAR = (
    '<div style="height:7px;border-radius:4px;background:#8884">'
    '<div style="height:100%;border-radius:4px;width:{:.0f}%;background:{}"></div></div>'
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is measured now (SI); NaN or "" where nothing is known.

    Attributes:
        phase, message: of the procedure.   arm: its state.   reason: why it holds.
        body: in the clamp or moved.   tracked: the tracker sees it.
        progress: 0..1 along the path.   distance: m, mean over the surface to the target.   angle: rad.
        force, torque: at the clamp, N and N m.   traction: in words, as the simulator says.
        tension: N, of the traction cord as its device measured it; shown where `traction` says nothing.
        drill: in words, how a tracked drill stands to what is planned.
    """

    phase: str = ""
    message: str = ""
    arm: str = ""
    reason: str = ""
    body: str = ""
    tracked: bool = True
    progress: float = math.nan
    distance: float = math.nan
    angle: float = math.nan
    force: float = math.nan
    torque: float = math.nan
    force_limit: float = math.nan
    torque_limit: float = math.nan
    traction: str = ""
    tension: float = math.nan
    drill: str = ""


def readout_html(now: Numbers) -> str:
    """Every number on a line of its own, with a bar where there is a limit."""
    parts = [f'<div style="font-size:130%"><b>{escape(_words(now.phase)) or "starting"}</b></div>']
    parts += [f"<div>{escape(now.message)}</div>"] if now.message else []
    if now.arm:
        held = "" if now.arm == "IDLE" else _words(now.body)
        parts.append(_ROW.format("arm", escape(f"{_words(now.arm)} {held}".strip())))
    if now.body and math.isfinite(now.progress):
        parts.append(_ROW.format("path", f"{100 * now.progress:.0f} %") + _bar(now.progress, _GOOD))
    if now.body and math.isfinite(now.distance):
        way = f"{1e3 * now.distance:.1f} mm · {math.degrees(now.angle):.1f}°"
        parts.append(_ROW.format("to the target", way))
    parts += [_ROW.format("drill", escape(now.drill))] if now.drill else []
    parts += _limited("force", now.force, now.force_limit, "N", 0)
    parts += _limited("torque", now.torque, now.torque_limit, "N m", 1)
    if now.traction:
        parts.append(_ROW.format("traction (simulated)", escape(now.traction)))
    elif math.isfinite(now.tension):
        parts.append(_ROW.format("traction", f"{round(now.tension)} N"))
    warnings = [now.reason] if now.reason else []
    warnings += [f"{_words(now.body)} is not tracked"] if now.body and not now.tracked else []
    parts += [f'<div style="color:{_BAD};margin-top:0.45em"><b>{escape(w)}</b></div>' for w in warnings]
    return framed("".join(parts))


def framed(html: str) -> str:
    """Keeps HTML off the edges of the panel."""
    return f'<div style="padding:0 0.6em 0.5em">{html}</div>'


def _limited(name: str, value: float, limit: float, unit: str, digits: int) -> list[str]:
    """A value, its limit and how near it is."""
    if not (math.isfinite(value) and limit > 0):
        return []
    share = value / limit
    colour = _GOOD if share < _HIGH_SHARE else _HIGH if share < _LIMIT_SHARE else _BAD
    return [_ROW.format(name, f"{value:.{digits}f} of {limit:.0f} {unit}") + _bar(share, colour)]


def _bar(share: float, colour: str) -> str:
    return _BAR.format(100 * min(max(share, 0.0), 1.0), colour)


def _words(name: str) -> str:
    return name.replace("_", " ").lower()
