"""Displacing the pieces without pushing bone into bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.cases.case import Body
from rafr.cases.fracture.anatomy import PelvisAnatomy
from rafr.cases.fracture.cuts import sign_of
from rafr.cases.fracture.kinds import MovingBody, Pattern
from rafr.cases.fracture.pieces import Piece, numerical_gradient, piece_distance, surface_points
from rafr.cases.pelvis import IntactPelvis
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume

CLEARANCE_MM = 0.3
_MAX_PUSH_MM = 20.0
_ATTEMPTS = 12
_POINTS_PER_PIECE = 12000


@dataclass(frozen=True, slots=True, eq=False)
class Solids:
    """Pieces of one or more bodies with their surface points, all in the intact position."""

    pieces: tuple[Piece, ...]
    solids: dict[str, Volume]
    points: dict[int, FloatArray]

    @staticmethod
    def of(pelvis: IntactPelvis, solids: dict[str, Volume], pieces: tuple[Piece, ...]) -> Solids:
        points = {}
        for piece in pieces:
            surface = surface_points(piece, solids, pelvis)
            points[piece.label] = surface[:: max(1, len(surface) // _POINTS_PER_PIECE)]
        return Solids(pieces, solids, points)

    def body_distance(self, labels: tuple[int, ...], points: FloatArray) -> FloatArray:
        """Signed distance (n,) to the nearest piece among `labels`."""
        chosen = [p for p in self.pieces if p.label in labels]
        distance: FloatArray = np.min([piece_distance(p, self.solids, points) for p in chosen], axis=0)
        return distance

    def body_points(self, labels: tuple[int, ...]) -> FloatArray:
        return np.concatenate([self.points[v] for v in labels])


def displace(
    pattern: Pattern, anatomy: PelvisAnatomy, solids: Solids, rng: np.random.Generator
) -> dict[str, RigidTransform]:
    """Draw `T_displaced_reduced` (mm) of every moving body, bones at least 0.3 mm apart.

    Raises:
        InfeasibleError: no draw could be freed of interpenetration.
    """
    placed: list[tuple[Body, RigidTransform]] = [(pattern.reference, RigidTransform.identity())]
    for moving in pattern.moving:
        for _ in range(_ATTEMPTS):
            drawn = _draw(moving, anatomy, rng)
            free = push_out(solids, moving.body, drawn, placed)
            if free is not None:
                placed.append((moving.body, free))
                break
        else:
            raise InfeasibleError((f"{moving.body.name} cannot be displaced without bone in bone",))
    return {body.name: pose for body, pose in placed[1:]}


def _draw(moving: MovingBody, anatomy: PelvisAnatomy, rng: np.random.Generator) -> RigidTransform:
    """A motion from the body's ranges, about its pivot."""
    m = moving.motion
    s = sign_of(moving.side)
    lateral, posterior, cranial = (rng.uniform(*r) for r in (m.lateral_mm, m.posterior_mm, m.cranial_mm))
    flexion, external, abduction = (
        np.deg2rad(rng.uniform(*r)) for r in (m.flexion_deg, m.external_deg, m.abduction_deg)
    )
    # +z turns the left hip's front (−y) towards +x, outwards
    rotation = anatomy.direction(flexion, s * abduction, s * external)
    shift = anatomy.direction(s * lateral, posterior, cranial)
    return RigidTransform.from_translation(shift) @ RigidTransform.about_point(rotation, moving.pivot)


def push_out(
    solids: Solids,
    body: Body,
    pose: RigidTransform,
    placed: list[tuple[Body, RigidTransform]],
    clearance_mm: float = CLEARANCE_MM,
) -> RigidTransform | None:
    """Shift a body until it clears all placed ones, along the mean normal of what overlaps.

    Returns:
        The freed `T_displaced_reduced`, or None when 20 mm of pushing do not free it.
    """
    start = pose.translation
    for _ in range(150):
        pushes = [_overlap(solids, body, pose, other, T, clearance_mm) for other, T in placed]
        depth = max(float(d.max(initial=0.0)) for d, _ in pushes)
        if depth <= 0:
            return pose
        direction = sum((d @ n for d, n in pushes), np.zeros(3))
        length = np.linalg.norm(direction)
        if length < 1e-9:
            return None
        pose = RigidTransform.from_translation(direction / length * (0.5 * depth + 0.05)) @ pose
        if np.linalg.norm(pose.translation - start) > _MAX_PUSH_MM:
            return None
    return None


def _overlap(
    solids: Solids,
    body: Body,
    pose: RigidTransform,
    other: Body,
    other_pose: RigidTransform,
    clearance_mm: float,
) -> tuple[FloatArray, FloatArray]:
    """Missing clearance (m,) mm of points that are too close, and (m, 3) where to push `body`."""
    T_other_body = other_pose.inverse() @ pose
    depth_a, normal_a = _too_close(
        solids, other, T_other_body.apply(solids.body_points(body.labels)), clearance_mm
    )
    back = T_other_body.inverse()
    depth_b, normal_b = _too_close(solids, body, back.apply(solids.body_points(other.labels)), clearance_mm)
    return (
        np.concatenate([depth_a, depth_b]),
        np.concatenate([other_pose.rotate(normal_a), -pose.rotate(normal_b)]),
    )


def _too_close(
    solids: Solids, body: Body, points: FloatArray, clearance_mm: float
) -> tuple[FloatArray, FloatArray]:
    distance = solids.body_distance(body.labels, points)
    close = distance < clearance_mm
    if not close.any():
        return np.zeros(0), np.zeros((0, 3))
    normal = numerical_gradient(lambda p: solids.body_distance(body.labels, p), points[close], 0.5)
    return clearance_mm - distance[close], normal
