"""A sacro-iliac joint that holds, laid upon the one of the other side by what lies next to it alone.

Over a whole pelvis left and right differ by millimetres, so the mirror image of one joint misses the other.
Here the sacrum's two sides are laid upon each other within 30 mm of the joint, then the two ilia.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.geometry import Plane, RigidTransform
from rafr.geometry.rigid_transform import FloatArray, fit_rigid
from rafr.geometry.surface import ClosestPoints, Surface, even_subset
from rafr.planning.target.anatomy import MIRROR_BONE, Bone
from rafr.planning.target.contact import pairs_that_move
from rafr.planning.target.estimate import Estimate, twist_rows

REACH_MM = 30.0  # of what is compared, about the middle of the joint
FARTHEST_MM = 12.0  # what lies further from where it belongs is something else
HELD_MM = 8.0  # a joint whose other bone is this near in the same body does not move
_EDGE_MM = 3.0  # a joint is where bones are nearer than this beyond their smallest distance
_WIDEST_MM = 10.0  # a joint held together is not wider
_POINTS, _ROUNDS, _KEPT, _ALWAYS_KEPT_MM = 800, 40, 0.8, 1.5
_FEWEST = 50
_ARM_MM, _DAMPING, _STILL_MM = 30.0, 1e-4, 0.005
_WORST_FIT_MM, _LEAST_COVERED = 1.2, 0.75
_RELIEF = 0.03  # mean square of the normals along their least direction; 0 of a plane, 1/3 of a ball


@dataclass(frozen=True, slots=True, eq=False)
class LocalMirror:
    """Where the points of a joint have their images on the other side, which holds together.

    Attributes:
        model, base: hip and sacrum of the joint that holds, of one body.
        middle_on_hip, middle_on_sacrum: (3,) the joint's middle in the CT coordinates of either bone; the two
            belong together.
        T_hip, T_sacrum: take the reflected bones of the other side to CT coordinates of hip and sacrum.
        plane: that reflects the CT coordinates of the body that holds together.
    """

    model: Bone
    base: Bone
    middle_on_hip: FloatArray
    middle_on_sacrum: FloatArray
    T_hip: RigidTransform
    T_sacrum: RigidTransform
    plane: Plane

    def image(self, bone: str, points: FloatArray) -> FloatArray:
        """Images of points (n, 3) of a bone, from its CT coordinates to those of the other side."""
        T = self.T_sacrum if bone == "sacrum" else self.T_hip
        return self.plane.reflect(T.inverse().apply(points))

    def image_direction(self, bone: str, directions: FloatArray) -> FloatArray:
        T = self.T_sacrum if bone == "sacrum" else self.T_hip
        return self.plane.reflect_direction(T.inverse().rotate(directions))


Joint = tuple[str, int, int]
"""A sacro-iliac joint: the hip's name, and the bodies of hip and sacrum."""


def joint_of(hip: Bone, sacrum: Bone) -> Joint:
    return hip.name, hip.body, sacrum.body


def find_local_mirrors(at: Estimate, bones: Sequence[Bone]) -> dict[Joint, LocalMirror]:
    """The other side of every joint that moves, laid upon it, where that holds together and fits.

    Args:
        at: bodies within about a centimetre of their places.
    """
    found = {}
    for a, b in pairs_that_move(bones):
        hip, sacrum = (b, a) if a.name == "sacrum" else (a, b)
        if sacrum.name != "sacrum" or hip.name == "sacrum":
            continue
        mirror = _find(hip, sacrum, at, bones)
        if mirror is not None:
            found[joint_of(hip, sacrum)] = mirror
    return found


def _find(hip: Bone, sacrum: Bone, at: Estimate, bones: Sequence[Bone]) -> LocalMirror | None:
    for model in bones:
        for base in bones:
            if model.name != MIRROR_BONE[hip.name] or base.name != "sacrum" or model.body != base.body:
                continue
            found = _laid_over(hip, sacrum, model, base, at, bones)
            if found is not None:
                return found
    return None


def _laid_over(
    hip: Bone, sacrum: Bone, model: Bone, base: Bone, at: Estimate, bones: Sequence[Bone]
) -> LocalMirror | None:
    middle = _middle(model, base)
    if middle is None:
        return None
    there = at.pose_of(model.body)
    plane = _carried(at.plane, there.inverse())
    on_base, on_model = (_near(bone, middle) for bone in (base, model))
    # start with the sacrum as the plane says, and with the ilia as whole hips lie upon each other
    reflected = plane.reflect(on_base)
    start = at.pose_of(sacrum.body).inverse() @ there
    T_sacrum = _fitted(reflected, sacrum.surface, start)
    reflected = plane.reflect(on_model)
    start = fit_rigid(
        reflected, at.pose_of(hip.body).inverse().apply(at.image(model.name, there.apply(on_model)))
    )
    T_hip = _fitted(reflected, hip.surface, start)
    if T_sacrum is None or T_hip is None:
        return None
    image = plane.reflect(middle)[0]
    found = LocalMirror(model, base, T_hip.apply(image), T_sacrum.apply(image), T_hip, T_sacrum, plane)
    if any(b.name == "sacrum" and b.body == hip.body and _touch(b, found.middle_on_hip) for b in bones):
        return None
    apart = at.pose_of(hip.body).apply(found.middle_on_hip)
    apart = apart - at.pose_of(sacrum.body).apply(found.middle_on_sacrum)
    return found if np.linalg.norm(apart) < FARTHEST_MM else None


def _touch(sacrum: Bone, point: FloatArray) -> bool:
    """Whether a joint is within its own body: its middle lies next to a piece that moves with it."""
    return float(sacrum.surface.distance(point[None])[0]) < HELD_MM


def _carried(plane: Plane, T: RigidTransform) -> Plane:
    return Plane(T.apply(plane.point), T.rotate(plane.normal))


def _middle(hip: Bone, sacrum: Bone) -> FloatArray | None:
    """(1, 3) the middle of a joint within one body, in its CT coordinates; None where they do not meet."""
    vertices = hip.surface.mesh.vertices
    distance = sacrum.surface.distance(vertices)
    if distance.min() > _WIDEST_MM:
        return None
    return np.asarray(vertices[distance < distance.min() + _EDGE_MM].mean(axis=0)[None], dtype=float)


def _near(bone: Bone, middle: FloatArray) -> FloatArray:
    """(n, 3) a bone's vertices near a joint."""
    vertices = bone.surface.mesh.vertices
    near = vertices[np.linalg.norm(vertices - middle, axis=1) < REACH_MM]
    return np.asarray(near[even_subset(len(near), _POINTS)], dtype=float)


def _fitted(points: FloatArray, surface: Surface, start: RigidTransform) -> RigidTransform | None:
    """The motion that lays points on a surface; None where they do not lie on it well."""
    if len(points) < _FEWEST:
        return None
    T = laid_upon(points, surface, start)
    return T if fits(surface.closest(T.apply(points)), np.eye(3)) else None


def laid_upon(points: FloatArray, surface: Surface, start: RigidTransform) -> RigidTransform:
    """The motion that lays points (n, 3) on a surface, from near by.

    Trimmed point-to-plane ICP (Chen & Medioni 1992, Chetverikov 2002); steps are damped along what the
    surface leaves open.
    """
    T = start
    for _ in range(_ROUNDS):
        moved = T.apply(points)
        match = surface.closest(moved)
        keep = trimmed(match.distance)
        x, n = moved[keep], match.normals[keep]
        centre = x.mean(axis=0)
        rows = twist_rows(n, x, centre)
        residual = np.einsum("ij,ij->i", n, x - match.points[keep])
        scale = np.repeat([1.0, _ARM_MM], 3)
        H = (rows / scale).T @ (rows / scale)
        H += _DAMPING * np.trace(H) * np.eye(6)
        twist = np.linalg.solve(H, -(rows / scale).T @ residual) / scale
        turn = RigidTransform.about_point(twist[3:], centre)
        T = (RigidTransform.from_translation(twist[:3]) @ turn @ T).renormalised()
        if np.abs(twist * scale).max() < _STILL_MM:
            break
    return T


def trimmed(distance_mm: FloatArray) -> NDArray[np.bool_]:
    """(n,) which pairs count: the nearest, and all that are near."""
    return np.asarray(distance_mm <= max(_ALWAYS_KEPT_MM, float(np.quantile(distance_mm, _KEPT))))


def fits(match: ClosestPoints, directions: FloatArray) -> bool:
    """Whether points lie on a surface whose relief says where along all `directions` (k, 3)."""
    covered = float((match.distance < 2.0 * _WORST_FIT_MM).mean())
    along = match.normals @ directions.T
    relief = float(np.linalg.eigvalsh(along.T @ along / len(along))[0])
    return float(np.median(match.distance)) < _WORST_FIT_MM and covered >= _LEAST_COVERED and relief > _RELIEF
