"""Where pelves break: one rough surface per classical fracture line, placed by the pelvis' own landmarks.

Every function returns a `Side` that is negative on the piece named in its docstring.
"""

from __future__ import annotations

import numpy as np

from rafr.cases.fracture.anatomy import PelvisAnatomy
from rafr.cases.fracture.surface import Side, rough_surface
from rafr.geometry.rigid_transform import FloatArray

# Distance of the fracture from the midline at the top and at the lower end of the sacrum, as a share of its
# half width. Denis 1988: zone 1 lateral to the foramina, 2 through them, 3 medial, in the canal.
_DENIS_LINE = {
    "denis1": ((0.60, 0.68), (0.52, 0.58)),
    "denis2": ((0.40, 0.46), (0.26, 0.32)),
    "denis3": ((0.12, 0.20), (0.05, 0.12)),
}


def sign_of(side: str) -> float:
    """+1 left, −1 right: the sign of x in pelvis axes."""
    return 1.0 if side == "left" else -1.0


def sacral(anatomy: PelvisAnatomy, zone: str, side: str, rng: np.random.Generator) -> Side:
    """The lateral piece of a vertical sacral fracture in a Denis zone."""
    frame = anatomy.T_ct_pelvis
    top, tip = (frame.inverse().apply(p) for p in (anatomy.sacrum_top, anatomy.sacrum_tip))
    upper, lower = (rng.uniform(*r) * anatomy.sacrum_half_width for r in _DENIS_LINE[zone])
    sign = sign_of(side)
    high = top + np.array([sign * upper, 0.0, 0.0])
    low = tip + np.array([sign * lower, 0.0, 0.0])
    along = high - low
    # tilted about the long axis by a few degrees, as no fracture is sagittal
    depth = np.array([sign * rng.uniform(-0.12, 0.12), 1.0, 0.0])
    normal = np.cross(along, depth)
    normal *= -sign * np.sign(normal[0])
    return rough_surface(frame.apply(0.5 * (high + low)), frame.rotate(normal), rng)


def crescent(anatomy: PelvisAnatomy, side: str, rng: np.random.Generator) -> Side:
    """The posterior ilium (with the PSIS) of a fracture from the sacroiliac joint to the crest; Day 2007."""
    frame = anatomy.T_ct_pelvis
    hip = anatomy.hips[side]
    sign = sign_of(side)
    point = hip.si_centre + anatomy.direction(0.0, rng.uniform(-4.0, 8.0), 0.0)
    upward = np.array([0.0, -rng.uniform(0.2, 0.45), 1.0])
    through = np.array([0.7 * sign, 0.7, 0.0])
    normal = frame.rotate(np.cross(upward, through))
    return rough_surface(point, _pointing_away(normal, point, hip.psis), rng)


def iliac_wing(anatomy: PelvisAnatomy, side: str, rng: np.random.Generator) -> Side:
    """The anterior iliac wing (with the ASIS), from the crest to the border below the spine."""
    frame = anatomy.T_ct_pelvis
    hip = anatomy.hips[side]
    sign = sign_of(side)
    below = hip.asis + anatomy.direction(0.0, 6.0, -rng.uniform(20.0, 28.0))
    share = rng.uniform(0.75, 1.05)
    crest = hip.asis + share * (hip.crest_top - hip.asis)
    through = frame.rotate(np.array([0.82 * sign, 0.57, 0.0]))
    normal = np.cross(crest - below, through)
    return rough_surface(0.5 * (below + crest), _pointing_away(normal, below, hip.asis), rng, scale=0.6)


def pubic_rami(anatomy: PelvisAnatomy, side: str, rng: np.random.Generator) -> Side:
    """The medial piece (pubic body with the inner parts of both rami) of a fracture of both rami."""
    hip = anatomy.hips[side]
    superior_axis = hip.acetabulum - hip.tubercle
    superior_point = hip.tubercle + rng.uniform(0.22, 0.40) * superior_axis
    lower_symphysis = hip.symphysis + anatomy.direction(0.0, 8.0, -18.0)
    inferior_axis = hip.ischium - lower_symphysis
    inferior_point = lower_symphysis + rng.uniform(0.38, 0.52) * inferior_axis
    superior = rough_surface(superior_point, _tilted(superior_axis, rng), rng, scale=0.6)
    inferior = rough_surface(inferior_point, _tilted(inferior_axis, rng), rng, scale=0.6)
    up = anatomy.direction(0.0, 0.0, 1.0)
    level = float(up @ hip.obturator)

    def medial(points: FloatArray) -> FloatArray:
        # the two fractures meet inside the obturator foramen, where there is no bone
        above = points @ up > level
        value: FloatArray = np.where(above, superior(points), inferior(points))
        return value

    return medial


def _pointing_away(normal: FloatArray, point: FloatArray, inside: FloatArray) -> FloatArray:
    """The normal with the sign that makes the side of `inside` negative."""
    return -normal if normal @ (inside - point) > 0 else normal


def _tilted(axis: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A direction up to about 20 degrees off an axis (rami rarely break square)."""
    unit = axis / np.linalg.norm(axis)
    return unit + rng.uniform(-0.2, 0.2, 3)
