"""Colours of tension: grey without, then blue, green, amber, and red at the scale's end.

The scale goes with the tension's square root: muscles pull with a few newtons, the traction cord with
hundreds, and both must be told apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry.rigid_transform import FloatArray

FULL_SCALE = 400.0  # N: what the traction device gives at most; red from there on
TICKS = (0, 25, 100, 225, 400)  # N, evenly spaced on the scale
_COLOURS = np.array(  # at the ticks
    [(0.45, 0.47, 0.50), (0.20, 0.52, 1.00), (0.16, 0.78, 0.36), (1.00, 0.76, 0.12), (0.94, 0.16, 0.13)]
)


def tension_share(tensions: ArrayLike) -> FloatArray:
    """Where tensions (n,), N, lie on the scale: 0..1."""
    share: FloatArray = np.sqrt(np.clip(np.asarray(tensions, dtype=float) / FULL_SCALE, 0.0, 1.0))
    return share


def tension_colours(tensions: ArrayLike) -> FloatArray:
    """(n, 3) red, green, blue in 0..1 of tensions (n,), N."""
    share = tension_share(tensions)
    at = np.linspace(0.0, 1.0, len(_COLOURS))
    return np.stack([np.interp(share, at, channel) for channel in _COLOURS.T], axis=-1)


def legend_html() -> str:
    """The scale as a bar with its ticks in N."""
    stops = ", ".join(f"rgb({r}, {g}, {b})" for r, g, b in (255 * _COLOURS).round().astype(int))
    ticks = "".join(f"<span>{tick}</span>" for tick in TICKS)
    return (
        "<div>pull of the soft tissue (simulated), N</div>"
        f'<div style="height:12px;border-radius:3px;background:linear-gradient(to right, {stops})"></div>'
        f'<div style="display:flex;justify-content:space-between;font-size:85%">{ticks}</div>'
    )
