"""The ligaments of the pelvic ring: where they run, how stiff they are, which an injury leaves.

Stiffness is E A / L with E = 251.3 MPa and the cross sections of PMC3750865, L the strand's own length in
the intact pelvis. Across the sacroiliac joint it is three times that: the ligaments then have about the
spring constants of 10.1186/s12891-021-04856-8, read as totals per side, and keep the patient's own size (mean
of 18 pelves against that source, N/mm: anterior 756, 700; interosseous 3180, 2800; long posterior 1380, 1000;
short posterior 660, 400; iliolumbar 850, 1000). `docs/tissue.md` holds them against cadavers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rafr.cases.case import LIGAMENTS
from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue import landmarks
from rafr.tissue.pelvis import SIDES, Pelvis

YOUNGS_MODULUS = 251.3e6  # Pa
# mm²; the posterior sacroiliac ligament's 79.4 split between long and short by stiffness times length
CROSS_SECTION_MM2 = {
    "anterior-sacroiliac": 19.4,
    "interosseous-sacroiliac": 66.2,
    "long-posterior-sacroiliac": 59.5,
    "short-posterior-sacroiliac": 19.9,
    "sacrospinous": 32.2,
    "sacrotuberous": 79.7,
    "iliolumbar": 20.3,
    "superior-pubic": 12.8,
    "arcuate-pubic": 7.4,
}
DORSAL = ("interosseous-sacroiliac", "long-posterior-sacroiliac", "short-posterior-sacroiliac")
_SACROILIAC = ("anterior-sacroiliac", *DORSAL)
# on E A / L of what spans the sacroiliac joint (see above); the experiment says nothing of the others
JOINT_FACTOR = 3.0
_PELVIC_FLOOR = ("sacrospinous", "sacrotuberous")
_PUBIC = ("superior-pubic", "arcuate-pubic")

# Ligaments each kind of injury tears between the fragment and the rest (Tile 1996: type B keeps the posterior
# ligaments, type C tears them). Whichever would be overstretched is taken as torn besides.
TORN = {
    "denis1": (*_SACROILIAC, *_PUBIC),
    "denis2": (*_SACROILIAC, *_PUBIC),
    "denis3": (*_SACROILIAC, *_PUBIC),
    "si-dislocation": LIGAMENTS,
    "crescent": ("iliolumbar",),
    "iliac-wing": (*_PELVIC_FLOOR, *_PUBIC),
    "rami": (*_SACROILIAC, "sacrospinous", "iliolumbar"),
    "open-book": ("anterior-sacroiliac", "sacrospinous", *_PUBIC),
    "vertical-shear": LIGAMENTS,
    "bilateral": LIGAMENTS,
}

_JOINT_REACH_MM = 8.0  # bones nearer than this face each other across the joint
_CLEFT_REACH_MM = 20.0  # … and across the cleft behind it, which the interosseous ligament fills
_SYMPHYSIS_REACH_MM = 15.0
_SPAN_MM = 9.0  # from the joint's edge to where a sacroiliac ligament takes hold of the bone
_DEPTH_MM = 3.0  # of the interosseous ligament's footing in either bone
_STRANDS = {
    "anterior-sacroiliac": 10,
    "interosseous-sacroiliac": 16,
    "short-posterior-sacroiliac": 10,
    "iliolumbar": 4,
}
_CRANIAL = (0.0, -0.5, 1.0)  # the way the sacrum's ala faces, roughly


@dataclass(frozen=True, slots=True, eq=False)
class Strand:
    """One line of a ligament, from a hip bone to sacrum, spine or other hip; LPS mm in the intact pelvis.

    Attributes:
        share: of the ligament's cross section.
        footing: mm inside the bones at both ends together; adds to the length that stretches.
        on_spine: `end` is on L5, not on the nearest bone.
    """

    name: str
    start: FloatArray
    end: FloatArray
    share: float = 1.0
    footing: float = 0.0
    on_spine: bool = False

    @property
    def length(self) -> float:
        """mm that stretches."""
        return float(np.linalg.norm(self.end - self.start)) + self.footing

    @property
    def stiffness(self) -> float:
        """N/m."""
        factor = JOINT_FACTOR if self.name in (*_SACROILIAC, "iliolumbar") else 1.0
        return factor * YOUNGS_MODULUS * CROSS_SECTION_MM2[self.name] * self.share / self.length * 1e-3


def strands_of(pelvis: Pelvis) -> list[Strand]:
    """All ligaments of a pelvis, as far as its bones are there."""
    strands = []
    sacrum = pelvis.bones.get("sacrum")
    for side in SIDES:
        hip = pelvis.hip(side)
        if hip is not None and sacrum is not None:
            strands += _sacral_strands(hip, pelvis.hip_centres[side], sacrum, side)
    left, right = (pelvis.hip(side) for side in SIDES)
    if left is not None and right is not None:
        strands += _pubic_strands(left, right)
    return strands


def _sacral_strands(
    hip: TriangleMesh, hip_centre: FloatArray, sacrum: TriangleMesh, side: str
) -> list[Strand]:
    """Ligaments between a hip bone and the sacrum (or L5, taken 30 mm above the sacrum's top)."""
    lateral = np.array([landmarks.side_sign(side), 0.0, 0.0])
    border = landmarks.sacral_border(sacrum, side)
    lumbar = landmarks.extreme_patch(sacrum.vertices, (0.0, -0.3, 1.0)) + 20.0 * lateral + (0.0, 0.0, 30.0)
    back = landmarks.posterior_superior_spine(hip)
    crest = landmarks.sacral_crest(sacrum, side)
    strands = [
        Strand("sacrospinous", landmarks.ischial_spine(hip, hip_centre, side), border),
        Strand("sacrotuberous", landmarks.ischial_tuberosity(hip), border),
        Strand("iliolumbar", landmarks.iliac_crest_posterior(hip), lumbar, on_spine=True),
        Strand("long-posterior-sacroiliac", back, crest),
    ]
    pairs = landmarks.facing_pairs(hip, sacrum, _CLEFT_REACH_MM)
    return strands + (_joint_strands(hip, sacrum, lateral, *pairs) if pairs is not None else [])


def _joint_strands(
    hip: TriangleMesh, sacrum: TriangleMesh, lateral: FloatArray, on_hip: FloatArray, on_sacrum: FloatArray
) -> list[Strand]:
    """Ligaments across the sacroiliac joint: over its front, in the cleft behind, over its back and top.

    Over the top runs the sacroiliac part of the iliolumbar ligament: from the ala to the iliac crest, in the
    coronal plane, across the joint (Pool-Goudzwaard 2001, J Anat 199:457).
    """
    depth, gap = on_hip[:, 1], np.linalg.norm(on_sacrum - on_hip, axis=1)
    height = on_hip @ np.array(_CRANIAL)
    joint = gap < _JOINT_REACH_MM
    if not joint.any():
        return []  # a target that leaves the joint open holds nothing together there
    front, back = (depth < np.quantile(depth[joint], 0.15)) & joint, depth > np.quantile(depth[joint], 0.85)
    cleft = (depth > np.quantile(depth[joint], 0.4)) & (gap > landmarks.JOINT_SPACE_MM)
    top = height > np.quantile(height[joint], 0.9)
    strands = []
    for (name, count), part in zip(_STRANDS.items(), (front, cleft, back, top), strict=True):
        for i in landmarks.spread_points(on_hip[part], count):
            here, there, share = on_hip[part][i], on_sacrum[part][i], 1.0 / count
            if name == "interosseous-sacroiliac":
                strands.append(Strand(name, here, there, share, footing=2 * _DEPTH_MM))
                continue
            ends = (
                landmarks.nearest_vertex(hip, here + _SPAN_MM * lateral),
                landmarks.nearest_vertex(sacrum, there - _SPAN_MM * lateral),
            )
            strands.append(Strand(name, *ends, share))
    return strands


def _pubic_strands(hip: TriangleMesh, other: TriangleMesh) -> list[Strand]:
    """Ligaments of the symphysis: over the top and under the bottom of the facing surfaces."""
    pairs = landmarks.facing_pairs(hip, other, _SYMPHYSIS_REACH_MM)
    if pairs is None:
        return []
    here, there = pairs
    lateral = np.array([0.5 * _SPAN_MM, 0.0, 0.0])  # from the left hip to the right
    ends: tuple[tuple[str, Callable[[FloatArray], np.intp]], ...] = (
        ("superior-pubic", np.argmax),
        ("arcuate-pubic", np.argmin),
    )
    strands = []
    for name, pick in ends:
        k = pick(here[:, 2])
        start = landmarks.nearest_vertex(hip, here[k] + lateral)
        strands.append(Strand(name, start, landmarks.nearest_vertex(other, there[k] - lateral)))
    return strands
