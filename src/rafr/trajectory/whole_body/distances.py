"""Signed distances between spheres and what they must not touch, as CasADi expressions.

Outside a body they are exact and smooth; inside they fall on with the depth, so that a guess that touches
something is led out.
"""

from __future__ import annotations

from typing import Any

_ROUND = 1e-3  # m; rounds the root where its derivative would jump, far inside every sphere


def to_disc(x: Any, y: Any, disc: Any) -> Any:
    """From floor points to an upright cylinder, parameters (x, y, radius)."""
    import casadi as ca

    return ca.sqrt((x - disc[0]) ** 2 + (y - disc[1]) ** 2 + _ROUND**2) - disc[2]


def to_box(x: Any, y: Any, box: Any) -> Any:
    """From floor points to an upright box: x, y, cosine and sine of its turn, half its length and width."""
    import casadi as ca

    dx, dy = x - box[0], y - box[1]
    along, across = box[2] * dx + box[3] * dy, box[2] * dy - box[3] * dx
    return _beyond([ca.fabs(along) - box[4], ca.fabs(across) - box[5]])


def to_block(p: Any, half: Any, middle: Any) -> Any:
    """From a point (3,) to a box with its edges along the axes: half its edges (3,), its centre (3,)."""
    import casadi as ca

    return _beyond([ca.fabs(p[i] - middle[i]) - half[i] for i in range(3)])


def to_column(p: Any, x: float, y: float, radius: float, bottom: float, top: float) -> Any:
    """From a point (3,) to an upright cylinder between two heights."""
    return _beyond([to_disc(p[0], p[1], (x, y, radius)), _absolute(p[2], bottom, top)])


def _absolute(z: Any, bottom: float, top: float) -> Any:
    import casadi as ca

    return ca.fabs(z - (bottom + top) / 2) - (top - bottom) / 2


def _beyond(excess: list[Any]) -> Any:
    """Distance of a point that lies so far beyond each pair of a convex body's faces."""
    import casadi as ca

    outside = ca.sqrt(sum(ca.fmax(e, 0) ** 2 for e in excess) + _ROUND**2) - _ROUND
    deepest = excess[0]
    for e in excess[1:]:
        deepest = ca.fmax(deepest, e)
    return outside + ca.fmin(deepest, 0)
