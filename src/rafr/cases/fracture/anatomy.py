"""Landmarks and axes of an intact pelvis, found on the meshes themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_closing, binary_fill_holes, label
from scipy.spatial import cKDTree

from rafr.cases.pelvis import IntactPelvis
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray

SIDES = ("left", "right")
_SAMPLES = 12000


@dataclass(frozen=True, slots=True, eq=False)
class HipAnatomy:
    """Points of one hip bone, (3,) LPS mm.

    Attributes:
        asis, psis, crest_top, ischium, tubercle: anterior and posterior superior iliac spine, highest point
            of the crest, lowest of the ischial tuberosity, most anterior of the pubis.
        symphysis: centre of the surface facing the other pubis.
        si_centre: centre of the surface facing the sacrum.
        acetabulum: centre of the socket.   acetabulum_radius: mm.
        obturator: centre of the obturator foramen.
    """

    asis: FloatArray
    psis: FloatArray
    crest_top: FloatArray
    ischium: FloatArray
    tubercle: FloatArray
    symphysis: FloatArray
    si_centre: FloatArray
    acetabulum: FloatArray
    acetabulum_radius: float
    obturator: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class PelvisAnatomy:
    """The pelvis' own axes and landmarks.

    Attributes:
        T_ct_pelvis: axes x left, y posterior, z cranial, with the anterior pelvic plane (both ASIS, pubic
            tubercles) coronal; origin midway between the hips.
        hips: by side.
        sacrum_top, sacrum_tip: (3,) midline of the sacrum at its base and at its lower end.
        sacrum_half_width: mm, from the midline to the edge of the ala.
    """

    T_ct_pelvis: RigidTransform
    hips: dict[str, HipAnatomy]
    sacrum_top: FloatArray
    sacrum_tip: FloatArray
    sacrum_half_width: float

    def direction(self, left: float, posterior: float, cranial: float) -> FloatArray:
        """A free vector (3,) in LPS from components along the pelvis' axes."""
        return self.T_ct_pelvis.rotate(np.array([left, posterior, cranial], dtype=float))

    def landmarks(self) -> dict[str, FloatArray]:
        """Name to (3,) LPS mm."""
        names = ("asis", "psis", "crest_top", "ischium", "tubercle", "symphysis", "acetabulum")
        found = {f"{side}_{name}": getattr(self.hips[side], name) for side in SIDES for name in names}
        return found | {"sacrum_top": self.sacrum_top, "sacrum_tip": self.sacrum_tip}


def find_anatomy(pelvis: IntactPelvis) -> PelvisAnatomy:
    """Axes and landmarks of an intact pelvis that lies roughly along LPS (within about 40 degrees)."""
    rng = np.random.default_rng(0)  # surface sampling only: the same pelvis gives the same landmarks
    frame = _pelvis_axes(pelvis)
    inverse = frame.inverse()
    points: dict[str, FloatArray] = {}
    normals: dict[str, FloatArray] = {}
    for name, mesh in pelvis.bones.items():
        p, n = mesh.sample_surface(_SAMPLES, rng)
        points[name], normals[name] = inverse.apply(p), inverse.rotate(n)
    hips = {
        side: _hip(
            points[f"{side}_hip"],
            normals[f"{side}_hip"],
            points[f"{other}_hip"],
            points["sacrum"],
            frame,
        )
        for side, other in (("left", "right"), ("right", "left"))
    }
    top, tip, half_width = _sacrum(points["sacrum"])
    return PelvisAnatomy(frame, hips, frame.apply(top), frame.apply(tip), half_width)


def _pelvis_axes(pelvis: IntactPelvis) -> RigidTransform:
    """Anterior pelvic plane by fixed-point iteration: extreme points, plane, extreme points again."""
    left, right = pelvis.left_hip, pelvis.right_hip
    origin = 0.5 * (left.centroid + right.centroid)
    frame = _frame(left.centroid - right.centroid, np.array([0.0, 0.0, 1.0]), origin)
    for _ in range(8):
        a, b = (frame.inverse().apply(m.vertices) for m in (left, right))
        asis_left, asis_right = _foremost(a, 0.55, 1.0), _foremost(b, 0.55, 1.0)
        pubis = 0.5 * (_foremost(a, 0.0, 0.45, 45.0) + _foremost(b, 0.0, 0.45, 45.0))
        across = frame.rotate(asis_left - asis_right)
        up = frame.rotate(0.5 * (asis_left + asis_right) - pubis)
        frame = _frame(across, up, origin)
    return frame


def _frame(across: FloatArray, up: FloatArray, origin: FloatArray) -> RigidTransform:
    x = across / np.linalg.norm(across)
    z = up - x * (up @ x)
    z = z / np.linalg.norm(z)
    return RigidTransform(np.stack([x, np.cross(z, x), z], axis=1), origin)


def _foremost(points: FloatArray, low: float, high: float, within_x: float = np.inf) -> FloatArray:
    """The most anterior point between two fractions of the height."""
    z = (points[:, 2] - points[:, 2].min()) / np.ptp(points[:, 2])
    chosen = points[(z >= low) & (z <= high) & (np.abs(points[:, 0]) < within_x)]
    nearest: FloatArray = chosen[np.argmin(chosen[:, 1])]
    return nearest


def _hip(
    hip: FloatArray, normals: FloatArray, other: FloatArray, sacrum: FloatArray, frame: RigidTransform
) -> HipAnatomy:
    """All arguments in pelvis axes; the result in LPS."""
    height = (hip[:, 2] - hip[:, 2].min()) / np.ptp(hip[:, 2])
    upper = hip[height > 0.6]
    front = hip[(height < 0.5) & (hip[:, 1] < np.median(hip[:, 1]))]
    si = _facing(hip, sacrum, 9.0)
    centre, radius = _acetabulum(hip, normals)
    to_ct = frame.apply
    return HipAnatomy(
        asis=to_ct(_foremost(hip, 0.55, 1.0)),
        psis=to_ct(upper[np.argmax(upper[:, 1])]),
        crest_top=to_ct(hip[np.argmax(hip[:, 2])]),
        ischium=to_ct(hip[np.argmin(hip[:, 2])]),
        tubercle=to_ct(_foremost(hip, 0.0, 0.45, 45.0)),
        symphysis=to_ct(_facing(front, other, 9.0).mean(axis=0)),
        si_centre=to_ct(si.mean(axis=0)),
        acetabulum=to_ct(centre),
        acetabulum_radius=radius,
        obturator=to_ct(_obturator(hip)),
    )


def _facing(points: FloatArray, others: FloatArray, within_mm: float) -> FloatArray:
    """The points that lie close to another bone (at least the nearest twenty)."""
    distance, _ = cKDTree(others).query(points)
    limit = max(within_mm, np.sort(distance)[20])
    facing: FloatArray = points[distance <= limit]
    return facing


def _acetabulum(hip: FloatArray, normals: FloatArray) -> tuple[FloatArray, float]:
    """Centre and radius of the socket: where most inward-looking normals of one length meet (Hough)."""
    radii = np.arange(18.0, 33.0, 1.0)
    votes = (hip[:, None] + radii[None, :, None] * normals[:, None]).reshape(-1, 3)
    radius = np.tile(radii, len(hip))
    cell = 4.0
    index = np.floor((votes - votes.min(axis=0)) / cell).astype(np.int64)
    size = index.max(axis=0) + 1
    flat = (index[:, 0] * size[1] + index[:, 1]) * size[2] + index[:, 2]
    best = np.argmax(np.bincount(flat))
    centre = votes[flat == best].mean(axis=0)
    for _ in range(5):
        near = np.linalg.norm(votes - centre, axis=1) < 5.0
        centre = votes[near].mean(axis=0)
    return centre, float(np.median(radius[np.linalg.norm(votes - centre, axis=1) < 5.0]))


def _obturator(hip: FloatArray) -> FloatArray:
    """Centre of the largest hole the bone's lower half shows, looked at from several directions."""
    z = (hip[:, 2] - hip[:, 2].min()) / np.ptp(hip[:, 2])
    lower = hip[z < 0.55]
    sign = np.sign(lower[:, 0].mean())
    best_area = 0
    best: FloatArray = lower.mean(axis=0)
    for turn in np.deg2rad(np.arange(-60, 61, 15)):
        for tilt in np.deg2rad(np.arange(-30, 46, 15)):
            view = np.array([sign * np.sin(turn) * np.cos(tilt), np.cos(turn) * np.cos(tilt), np.sin(tilt)])
            area, centre = _largest_hole(lower, view)
            if area > best_area:
                best_area, best = area, centre
    return best


def _largest_hole(points: FloatArray, view: FloatArray) -> tuple[int, FloatArray]:
    """Area (mm²) and 3-D centre of the largest hole in the silhouette along `view` (unit)."""
    u = np.cross(view, [0.0, 0.0, 1.0])
    u /= np.linalg.norm(u)
    flat = np.stack([points @ u, points @ np.cross(view, u)], axis=1)
    low = flat.min(axis=0) - 6.0
    cell = 2.0
    index = ((flat - low) / cell).astype(int)
    image = np.zeros(index.max(axis=0) + 4, bool)
    image[index[:, 0], index[:, 1]] = True
    image = binary_closing(image, iterations=1)
    holes, n = label(binary_fill_holes(image) & ~image)
    if n == 0:
        return 0, points.mean(axis=0)
    sizes = np.bincount(holes.ravel())[1:]
    hole = np.argwhere(holes == 1 + np.argmax(sizes)) * cell + low + 0.5 * cell
    middle = hole.mean(axis=0)
    radius = np.sqrt(len(hole) * cell**2 / np.pi)
    rim = points[np.linalg.norm(flat - middle, axis=1) < radius + 8.0]
    centre = middle[0] * u + middle[1] * np.cross(view, u) + view * (rim @ view).mean()
    return int(sizes.max() * cell**2), centre


def _sacrum(points: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Midline at the base and at the lower end, and half the largest width, in pelvis axes."""
    z = points[:, 2]
    bottom, top = np.percentile(z, [1.0, 99.5])
    levels = np.linspace(bottom, top, 13)[1:-1]
    slices = [points[np.abs(z - level) < 5.0] for level in levels]
    middles = np.array([0.5 * (s[:, 0].min() + s[:, 0].max()) for s in slices])
    slope, offset = np.polyfit(levels, middles, 1)
    widest = max(np.ptp(s[:, 0]) for s in slices)
    upper = points[z > np.percentile(z, 90)]
    lower = points[z < np.percentile(z, 6)]
    top_mid = np.array([offset + slope * top, upper[:, 1].mean(), top])
    tip_mid = np.array([offset + slope * bottom, lower[:, 1].mean(), bottom])
    return top_mid, tip_mid, 0.5 * float(widest)
