"""The hip bone as an implicit surface: left side, pelvis axes (x left, y posterior, z cranial), mm.

Numbers are proportions of an average adult pelvis, to about 5 mm; the anterior pelvic plane is coronal.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from rafr.cases.virtual.implicit import (
    Grid,
    ball,
    interpolated,
    outline_distance,
    rounded_outline,
    smooth_max,
    smooth_min,
    tube,
)
from rafr.geometry.rigid_transform import FloatArray

LOW, HIGH = (-4.0, -84.0, -126.0), (152.0, 94.0, 116.0)
_SYMPHYSIS_HALF_GAP = 2.3
SI_GAP_MM = 2.0

# Lateral view (y, z) of the ilium from the ASIS along the crest, behind and below, to the front again.
_ILIUM = [
    (-69, 28), (-63, 46), (-47, 67), (-22, 88), (4, 100), (26, 101), (46, 91), (61, 77), (70, 62), (77, 49),
    (78, 38), (71, 28), (68, 16), (58, 7), (44, 5), (30, 4), (23, -5), (27, -20), (31, -40), (10, -56),
    (-20, -58), (-42, -40), (-51, -20), (-55, -6), (-54, 6), (-60, 14), (-67, 20),
]  # fmt: skip
_CREST = _ILIUM[:10]

# (y, z, x): how far lateral the middle of the bone lies.
_MIDDLE = np.array([
    (-69, 28, 116), (-60, 48, 126), (-42, 70, 134), (-18, 89, 126), (5, 100, 109), (24, 100, 88),
    (46, 90, 66), (61, 76, 54), (71, 60, 47), (79, 44, 43), (70, 22, 41), (56, 8, 45), (38, 38, 61),
    (55, 45, 53), (24, -2, 61), (15, 30, 71), (0, 12, 75), (-15, 40, 91), (-40, 30, 104),
    (-10, 65, 107), (20, 65, 81),
    (40, 62, 67), (-30, 55, 112), (-52, -6, 97), (-40, 0, 91), (-20, -5, 83), (-10, -20, 80), (0, -45, 73),
    (25, -30, 64), (-40, -40, 84),
], dtype=float)  # fmt: skip

# (y, z, thickness) away from the crest's own rim.
_THICKNESS = np.array([
    (-69, 28, 12), (-54, 8, 11), (-52, -6, 17), (-40, 5, 13), (-15, 42, 4.0), (-30, 52, 5.0), (0, 60, 4.5),
    (18, 68, 5.5), (35, 75, 8), (-45, 35, 7), (-42, 60, 12), (-15, 80, 8), (5, 90, 8), (0, 15, 12),
    (-20, 5, 14), (-15, -18, 24), (15, 15, 15), (20, -2, 16), (27, -20, 15), (38, 38, 17), (55, 45, 20),
    (65, 30, 17), (55, 12, 13), (75, 45, 17), (25, 38, 12), (0, -40, 22), (50, 65, 15),
], dtype=float)  # fmt: skip

_SOCKET = np.array([86.0, -13.0, -46.0])
_SOCKET_RADIUS = 25.3
_OPENING = np.array([0.74, -0.28, -0.61])  # inclination about 40 degrees, anteversion about 20


def sacroiliac_surface(grid: Grid) -> FloatArray:
    """x of the middle of the sacroiliac joint over (y, z), (1, ny, nz): oblique and gently waved."""
    y, z = grid.y, grid.z
    plane = 51.5 - 0.33 * (y - 38.0) + 0.15 * (z - 38.0)
    wave = 1.3 * np.sin((y - 20.0) / 9.0) * np.cos((z - 30.0) / 16.0)
    return plane + wave - 0.03 * np.maximum(y - 60.0, 0.0) ** 2


def hip_field(grid: Grid) -> FloatArray:
    """Negative inside the left hip bone."""
    field = _ilium(grid)
    field = smooth_min(field, _socket_wall(grid), 12.0)
    for part, blend in _struts(grid):
        field = smooth_min(field, part, blend)
    field = smooth_max(field, -ball(grid, _SOCKET, _SOCKET_RADIUS), 1.5)
    field = smooth_max(field, -_socket_fossa(grid), 2.0)
    field = smooth_max(field, _SYMPHYSIS_HALF_GAP - grid.x, 2.0)
    joint = sacroiliac_surface(grid) + 0.5 * SI_GAP_MM - 3.0 * np.maximum(-grid.z, 0.0)
    return smooth_max(field, joint - grid.x, 2.0)


def _ilium(grid: Grid) -> FloatArray:
    """A curved plate: its outline seen from the side, its middle surface, its thickness."""
    points = grid.sagittal_points()
    edge = grid.sagittal(outline_distance(points, rounded_outline(_ILIUM)))
    middle = interpolated(grid, _MIDDLE, smoothing=2.0)
    slope_y, slope_z = np.gradient(middle[0], grid.spacing)
    tilt = 1.0 / np.sqrt(1.0 + slope_y**2 + slope_z**2)[None]
    crest = rounded_outline(_ILIUM, per_edge=24)[: 24 * len(_CREST)]
    to_crest, _ = cKDTree(crest).query(points)
    rim = grid.sagittal(6.5 * np.exp(-((to_crest / 9.0) ** 2)))
    thickness = np.maximum(interpolated(grid, _THICKNESS, smoothing=1.0), 3.6) + rim
    across = np.abs(grid.x - middle) * tilt - 0.5 * thickness
    return smooth_max(across, np.broadcast_to(edge, grid.shape), 7.0)


def _socket_wall(grid: Grid) -> FloatArray:
    wall = ball(grid, _SOCKET + 2.0 * _OPENING, _SOCKET_RADIUS + 6.0)
    along = (
        (grid.x - _SOCKET[0]) * _OPENING[0]
        + (grid.y - _SOCKET[1]) * _OPENING[1]
        + (grid.z - _SOCKET[2]) * _OPENING[2]
    )
    return smooth_max(wall, along - 4.0, 4.0)


def _socket_fossa(grid: Grid) -> FloatArray:
    """The rough floor of the socket and the notch that opens it below."""
    below = np.array([-0.35, -0.10, -0.93])
    below -= (below @ _OPENING) * _OPENING  # in the plane of the rim
    below /= np.linalg.norm(below)
    inner = _SOCKET - 13.5 * _OPENING + 4.0 * below
    outer = _SOCKET + 2.0 * _OPENING + 30.0 * below
    return tube(grid, [(*inner, 12.5), (*outer, 9.0)], per_span=1)


def _struts(grid: Grid) -> list[tuple[FloatArray, float]]:
    """Columns, ischium, rami, pubis and the spines, each with the fillet that joins it."""
    posterior_column = [(63, 18, -12, 7), (66, 20, -32, 9), (69, 19, -55, 12), (65, 21, -78, 12.5)]
    ischium = [(74, 10, -66, 12.5), (64, 19, -84, 12.5), (57, 20, -96, 12.5), (51, 13, -101, 10.5)]
    lower_ramus = [(50, 12, -102, 9), (40, -6, -103, 7), (29, -23, -97, 6.4), (16, -39, -87, 7)]
    upper_ramus = [(75, -26, -24, 12), (62, -42, -35, 10), (45, -54, -48, 8), (25, -61, -57, 8)]
    ramus_root = [(80, -36, -44, 11), (62, -46, -46, 8.5), (45, -54, -51, 7)]
    pubis = [(10, -58, -59, 9.5), (9, -51, -74, 9), (9, -44, -88, 8)]
    body = [(24, -60, -59, 7.5), (16, -55, -69, 7.5), (13, -47, -82, 7.5)]
    ischial_spine = [(61, 28, -43, 9), (53, 37, -48, 6), (47, 44, -52, 2.6)]
    asis = [(117, -60, 30, 7), (116, -65, 26, 6)]
    aiis = [(94, -44, -8, 8), (98, -50, -12, 6)]
    psis = [(47, 70, 46, 8), (44, 74, 45, 6.5)]
    return [
        (tube(grid, posterior_column), 12.0),
        (tube(grid, ischium), 8.0),
        (tube(grid, lower_ramus), 6.0),
        (tube(grid, upper_ramus), 10.0),
        (tube(grid, ramus_root), 9.0),
        (tube(grid, pubis), 8.0),
        (tube(grid, body), 8.0),
        (ball(grid, np.array([22.0, -64.0, -57.0]), 5.0), 5.0),
        (tube(grid, ischial_spine), 9.0),
        (tube(grid, asis), 7.0),
        (tube(grid, aiis), 8.0),
        (tube(grid, psis), 6.0),
    ]
