"""Where two bones meet, the near neighbourhood says best how they stand to each other.

Over a whole pelvis left and right differ by millimetres, and the two hips stand 2 to 3 mm away from being
mirror images of each other. Next to a joint they do not: on intact pelves of the VSD set the two pubes lie
level within 1.1 mm, and an ilium lies on its sacrum where the other side, laid upon it within 30 mm of the
joint, says within 0.8 mm along each axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rafr.geometry import Plane
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface, even_subset
from rafr.planning.target.anatomy import Bone
from rafr.planning.target.contact import pairs_that_move
from rafr.planning.target.estimate import Estimate, tangents
from rafr.planning.target.evidence import Rows, Term, add_twist, robust
from rafr.planning.target.local_mirror import (
    FARTHEST_MM,
    REACH_MM,
    Joint,
    LocalMirror,
    fits,
    joint_of,
    trimmed,
)

# spread per axis on the pelves z001, z013, z024, z027, z036, z050, z056, z062 and z066 (VSD set)
_SYMPHYSIS_SIGMA_MM, _SACROILIAC_SIGMA_MM = 1.1, 0.8
_SYMPHYSIS_REACH_MM = 25.0
_TOLERANT = 4.0  # sigmas from which on an anchor counts ever less
_MEDIAL_SHARE, _MEDIAL_MM = 100, 8.0
_POINTS, _ROUNDS = 800, 40


@dataclass(frozen=True, slots=True, eq=False)
class AnchorTerm:
    """A point of one bone belongs at a point of another, in some directions.

    Attributes:
        first_point, second_point: (3,) in the CT coordinates of either bone, mm.
        directions: (k, 3) unit vectors in which they have to agree.
        area: mm² of bone that was compared.
    """

    first: Bone
    second: Bone
    first_point: FloatArray
    second_point: FloatArray
    directions: FloatArray
    sigma_mm: float
    area: float
    name: str

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        x = at.pose_of(self.first.body).apply(self.first_point)
        y = at.pose_of(self.second.body).apply(self.second_point)
        n = self.directions
        jacobian = np.zeros((len(n), at.size))
        add_twist(jacobian, at, self.first.body, n, x)
        add_twist(jacobian, at, self.second.body, -n, y)
        residual = n @ (x - y)
        scale = max(_TOLERANT * self.sigma_mm, reach_mm / 3.0)
        weight = robust(np.full(len(n), np.linalg.norm(residual)), scale) / self.sigma_mm**2
        return Rows(residual, jacobian, weight, self.area, self.sigma_mm)


def anchor_terms(at: Estimate, bones: Sequence[Bone], mirrors: Mapping[Joint, LocalMirror]) -> list[Term]:
    """Level pubes, and sacro-iliac joints as on a side that holds together.

    Args:
        at: bodies near their places: within about a centimetre.
        mirrors: `find_local_mirrors` of the same.
    """
    terms: list[Term] = []
    for a, b in pairs_that_move(bones):
        if a.name == b.name:
            continue
        if "sacrum" not in (a.name, b.name):
            level = _symphysis(a, b, at)
            terms += [level] if level is not None else []
            continue
        hip, sacrum = (b, a) if a.name == "sacrum" else (a, b)
        joint = mirrors.get(joint_of(hip, sacrum))
        terms += [_sacroiliac(hip, sacrum, joint)] if joint is not None else []
    return terms


def _symphysis(a: Bone, b: Bone, at: Estimate) -> AnchorTerm | None:
    """The two pubes next to the symphysis are mirror images of each other: no step along the plane."""
    faces = [_medial_face(bone, at) for bone in (a, b)]
    if faces[0] is None or faces[1] is None:
        return None
    if np.linalg.norm(faces[0] - faces[1]) > FARTHEST_MM:
        return None
    middle = 0.5 * (faces[0] + faces[1])
    normal = at.plane.normal
    source, goal = (at.pose_of(bone.body) for bone in (a, b))
    local = _within(source.apply(a.surface.mesh.vertices), middle, _SYMPHYSIS_REACH_MM, normal)
    image = Plane(middle, normal).reflect(local)
    along = np.array(tangents(at.plane))
    step = _shift_onto(goal.inverse().apply(image), b.surface, goal.inverse().rotate(along))
    if step is None:
        return None
    step = goal.rotate(step)
    step = step - (step @ normal) * normal
    return AnchorTerm(
        a,
        b,
        source.inverse().apply(middle),
        goal.inverse().apply(middle + step),
        along,
        _SYMPHYSIS_SIGMA_MM,
        np.pi * _SYMPHYSIS_REACH_MM**2,
        f"anchor:symphysis {a.body}/{b.body}",
    )


def _medial_face(hip: Bone, at: Estimate) -> FloatArray | None:
    """(3,) the middle of the surface nearest to the plane; None for a piece without the pubis."""
    points = at.pose_of(hip.body).apply(hip.points)
    s = np.abs(at.plane.signed_distance(points))
    nearest = np.argsort(s)[: max(len(s) // _MEDIAL_SHARE, 5)]
    return np.asarray(points[nearest].mean(axis=0)) if s[nearest].mean() < _MEDIAL_MM else None


def _within(points: FloatArray, middle: FloatArray, reach_mm: float, normal: FloatArray) -> FloatArray:
    """Points in a cylinder about an axis through `middle`, thinned."""
    relative = points - middle
    along = relative @ normal
    aside = np.linalg.norm(relative - along[:, None] * normal, axis=1)
    inside: FloatArray = points[(aside < reach_mm) & (np.abs(along) < reach_mm)]
    return np.asarray(inside[even_subset(len(inside), _POINTS)])


def _shift_onto(points: FloatArray, surface: Surface, directions: FloatArray) -> FloatArray | None:
    """(3,) the shift that lays points on a surface; None where its relief says nothing along `directions`."""
    shift = np.zeros(3)
    if len(points) < 50:
        return None
    for _ in range(_ROUNDS):
        match = surface.closest(points + shift)
        keep = trimmed(match.distance)
        shift = shift + (match.points - points - shift)[keep].mean(axis=0)
    return shift if fits(surface.closest(points + shift), directions) else None


def _sacroiliac(hip: Bone, sacrum: Bone, joint: LocalMirror) -> AnchorTerm:
    """An ilium lies on its sacrum as on the other side, where that joint holds."""
    return AnchorTerm(
        hip,
        sacrum,
        joint.middle_on_hip,
        joint.middle_on_sacrum,
        np.eye(3),
        _SACROILIAC_SIGMA_MM,
        np.pi * REACH_MM**2,
        f"anchor:{hip.name}-sacrum {hip.body}/{sacrum.body}",
    )
