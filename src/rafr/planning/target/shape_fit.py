"""Fitting the shape model to all bodies at once: one shape, and a pose of every body on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.rigid_transform import fit_rigid as fit_points
from rafr.geometry.surface import Surface
from rafr.planning.target.anatomy import Bone
from rafr.planning.target.estimate import IN_PLACE, Estimate, twist_rows
from rafr.planning.target.evidence import Rows, robust
from rafr.planning.target.priors import PoseTerm
from rafr.planning.target.shape_model import ShapeModel

_SIGMA_MM, _PATCH_MM2, _SCALE_MM = 1.5, 300.0, 8.0
_THINNING, _ROUNDS, _TURNS = 5, 25, 12
_STILL_MM = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class ShapeFit:
    """One shape that explains all bodies.

    Attributes:
        poses: `T_model_ct` of every body, mm, by number (IN_PLACE for what stands in place).
        coefficients: (k,) of the model's modes.   rms_mm: of the residuals, robust.
    """

    poses: dict[int, RigidTransform]
    coefficients: FloatArray
    rms_mm: float

    def target(self, body: int) -> RigidTransform:
        """`T_reduced_displaced` of a body by this shape alone."""
        return self.poses[IN_PLACE].inverse() @ self.poses[body]


@dataclass(frozen=True, slots=True, eq=False)
class ShapeTerm:
    """A body belongs about where the shape model puts it.

    Attributes:
        T: the pose it says, mm.   area: mm² of the body, all of which it is fitted to.
        sigma_mm, sigma_rad: along and about any axis (LLP26 on 3 pelves of the VSD set is off by 8.5 mm
            and 6.7 degrees in the mean).
    """

    body: int
    T: RigidTransform
    area: float
    sigma_mm: float = 5.0
    sigma_rad: float = 0.07

    @property
    def name(self) -> str:
        return f"shape:pelvis {self.body}"

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        rows = PoseTerm(self.body, self.T, self.sigma_mm, self.sigma_rad).rows(at, reach_mm)
        return replace(rows, area=self.area)

    def of_body(self, body: int) -> ShapeTerm:
        return replace(self, body=body)


def fit_shape(model: ShapeModel, bones: Sequence[Bone]) -> ShapeFit:
    """Damped Gauss-Newton over shape and poses, from the bones' middles.

    Args:
        bones: of every body, as displaced; at least one stands in place.
    """
    return min((_follow(model, bones, start) for start in _starts(model, bones)), key=lambda f: f.rms_mm)


def _starts(model: ShapeModel, bones: Sequence[Bone]) -> list[RigidTransform]:
    """`T_model_ct` that lays middles of bones upon those of the mean; turned where two leave that open."""
    names = sorted({b.name for b in bones})
    zero = np.zeros(len(model.variance))
    there = np.array([model.bone(name, zero).centroid for name in names])
    here = np.array([_middle([b for b in bones if b.name == name]) for name in names])
    if len(names) > 2:
        return [fit_points(here, there)]
    # a third point beside the line through the middles; its place on the circle is searched
    axis = there[-1] - there[0] if len(names) == 2 else np.array([0.0, 0.0, 1.0])
    across = here[-1] - here[0] if len(names) == 2 else axis
    first = fit_points(_triangle(here[0], across), _triangle(there[0], axis))
    angles = np.linspace(0.0, 2.0 * np.pi, _TURNS, endpoint=False)
    unit = axis / np.linalg.norm(axis)
    return [RigidTransform.about_point(angle * unit, there[0]) @ first for angle in angles]


def _triangle(corner: FloatArray, along: FloatArray) -> FloatArray:
    """(3, 3) a corner, one 100 mm along a direction and one 100 mm square to it."""
    unit = along / np.linalg.norm(along)
    aside = np.cross(unit, np.eye(3)[np.argmin(np.abs(unit))])
    return np.stack([corner, corner + 100.0 * unit, corner + 100.0 * aside / np.linalg.norm(aside)])


def _middle(bones: Sequence[Bone]) -> FloatArray:
    weights = np.array([b.size for b in bones])
    middle: FloatArray = weights @ np.array([b.points.mean(axis=0) for b in bones]) / weights.sum()
    return middle


def _follow(model: ShapeModel, bones: Sequence[Bone], start: RigidTransform) -> ShapeFit:
    bodies = sorted({b.body for b in bones})
    poses = dict.fromkeys(bodies, start)
    coefficients = np.zeros(len(model.variance))
    rms = np.inf
    for k in range(_ROUNDS):
        scale = max(_SCALE_MM * 0.8**k, 2.0 * _SIGMA_MM)
        H, g, rms = _equations(model, bones, bodies, poses, coefficients, scale)
        step = -np.linalg.solve(H, g)
        for j, body in enumerate(bodies):
            twist = step[6 * j : 6 * j + 6]
            centre = poses[body].apply(_centre(bones, body))
            turn = RigidTransform.about_point(twist[3:], centre)
            poses[body] = (RigidTransform.from_translation(twist[:3]) @ turn @ poses[body]).renormalised()
        coefficients = coefficients + step[6 * len(bodies) :]
        if np.abs(step[: 6 * len(bodies)]).max() < _STILL_MM and k > 12:
            break
    return ShapeFit(poses, coefficients, rms)


def _centre(bones: Sequence[Bone], body: int) -> FloatArray:
    return _middle([b for b in bones if b.body == body])


def _equations(
    model: ShapeModel,
    bones: Sequence[Bone],
    bodies: list[int],
    poses: dict[int, RigidTransform],
    coefficients: FloatArray,
    scale: float,
) -> tuple[FloatArray, FloatArray, float]:
    """Normal matrix, gradient and robust rms of point-to-plane distances, with the modes' own variance."""
    n_poses = 6 * len(bodies)
    H = np.diag(np.concatenate([np.full(n_poses, 1e-9), 1.0 / model.variance]))
    g = np.concatenate([np.zeros(n_poses), coefficients / model.variance])
    cost, weights = 0.0, 0.0
    for bone in bones:
        surface = Surface.of(model.bone(bone.name, coefficients))
        j = 6 * bodies.index(bone.body)
        T = poses[bone.body]
        x, normals = T.apply(bone.points[::_THINNING]), T.rotate(bone.normals[::_THINNING])
        corners, shares, n, y = surface.closest_corners(x)
        keep = np.einsum("ij,ij->i", n, normals) > 0.3
        x, n, y, corners, shares = x[keep], n[keep], y[keep], corners[keep], shares[keep]
        residual = np.einsum("ij,ij->i", n, x - y)
        vertex = model.vertices[bone.name][corners]
        jacobian = np.zeros((len(x), len(g)))
        jacobian[:, j : j + 6] = twist_rows(n, x, T.apply(_centre(bones, bone.body)))
        jacobian[:, n_poses:] = -np.einsum("kncj,nc,nj->nk", model.modes[:, vertex], shares, n)
        w = _THINNING * bone.area / _PATCH_MM2 / _SIGMA_MM**2 * robust(residual, scale)
        H += (jacobian * w[:, None]).T @ jacobian
        g += (jacobian * w[:, None]).T @ residual
        cost += float(w @ residual**2)
        weights += float(w.sum())
    return H, g, float(np.sqrt(cost / max(weights, 1e-12)))
