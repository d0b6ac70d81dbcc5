"""Which pelvic ligaments hold on to a fragment, where they attach, and how stiff they are.

Stiffness is E A / L with E = 251.3 MPa and the cross sections of PMC3750865, L the ligament's own length
in the reduced pelvis. The per-ligament spring constants of 10.1186/s12891-021-04856-8 (400 to 2800 N/mm)
agree in order of magnitude only when read as totals per ligament and side; E A / L carries the patient's
own size and is used instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue import landmarks

YOUNGS_MODULUS = 251.3e6
CROSS_SECTION_MM2 = {
    "anterior-sacroiliac": 19.4,
    "posterior-sacroiliac": 79.4,
    "interosseous-sacroiliac": 66.2,
    "sacrospinous": 32.2,
    "sacrotuberous": 79.7,
    "iliolumbar": 20.3,
    "superior-pubic": 12.8,
    "arcuate-pubic": 7.4,
}
_SACROILIAC = ("anterior-sacroiliac", "posterior-sacroiliac", "interosseous-sacroiliac")
_PELVIC_FLOOR = ("sacrospinous", "sacrotuberous")
_PUBIC = ("superior-pubic", "arcuate-pubic")

# Ligaments that may still join fragment and reference after each kind of injury (Tile 1996: type B keeps
# the posterior ligaments, type C tears them). Whichever would be overstretched is taken as torn besides.
REMAINING = {
    "denis1": (*_PELVIC_FLOOR, "iliolumbar"),
    "denis2": (*_PELVIC_FLOOR, "iliolumbar"),
    "denis3": (*_PELVIC_FLOOR, "iliolumbar"),
    "si-dislocation": (),
    "crescent": (*_PELVIC_FLOOR, *_SACROILIAC, *_PUBIC),
    "iliac-wing": ("iliolumbar", *_SACROILIAC),
    "rami": (*_PUBIC, "sacrotuberous"),
    "open-book": ("posterior-sacroiliac", "interosseous-sacroiliac", "sacrotuberous", "iliolumbar"),
    "vertical-shear": (),
    "bilateral": (),
}

_JOINT_REACH_MM = 12.0
_SYMPHYSIS_REACH_MM = 15.0
_STRANDS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Strand:
    """One spring of a ligament: from `start` on the hip side to `end`, LPS mm in the reduced pelvis."""

    name: str
    start: FloatArray
    end: FloatArray
    share: float


def sacral_strands(hip: TriangleMesh, sacrum: TriangleMesh, side: str) -> list[Strand]:
    """Ligaments between a hip bone and the sacrum (or L5, taken 30 mm above the sacrum's top)."""
    spine = landmarks.ischial_spine(hip, side)
    tuber = landmarks.ischial_tuberosity(hip)
    border = landmarks.sacral_border(sacrum, side)
    crest = landmarks.iliac_crest_posterior(hip)
    lumbar = landmarks.extreme_patch(sacrum.vertices, (0.0, -0.3, 1.0))
    lumbar = lumbar + np.array([20.0 * landmarks.side_sign(side), 0.0, 30.0])
    strands = [
        Strand("sacrospinous", spine, border, 1.0),
        Strand("sacrotuberous", tuber, border, 1.0),
        Strand("iliolumbar", crest, lumbar, 1.0),
    ]
    pairs = landmarks.facing_pairs(hip, sacrum, _JOINT_REACH_MM)
    if pairs is not None:
        strands += _joint_strands(*pairs)
    return strands


def _joint_strands(on_hip: FloatArray, on_sacrum: FloatArray) -> list[Strand]:
    """Sacroiliac ligaments: the front, the back and the whole of the joint's facing surfaces."""
    depth = on_hip[:, 1]
    front, back = depth < np.quantile(depth, 0.2), depth > np.quantile(depth, 0.8)
    parts = (front, back, np.ones(len(depth), dtype=bool))
    strands = []
    for name, part in zip(_SACROILIAC, parts, strict=True):
        for i in landmarks.spread_points(on_hip[part], _STRANDS):
            strands.append(Strand(name, on_hip[part][i], on_sacrum[part][i], 1.0 / _STRANDS))
    return strands


def pubic_strands(hip: TriangleMesh, other: TriangleMesh) -> list[Strand]:
    """Ligaments of the symphysis: over the top and under the bottom of the facing surfaces."""
    pairs = landmarks.facing_pairs(hip, other, _SYMPHYSIS_REACH_MM)
    if pairs is None:
        return []
    here, there = pairs
    ends: tuple[tuple[str, Callable[[FloatArray], np.intp]], ...] = (
        ("superior-pubic", np.argmax),
        ("arcuate-pubic", np.argmin),
    )
    return [Strand(name, here[pick(here[:, 2])], there[pick(here[:, 2])], 1.0) for name, pick in ends]
