"""Global start: where the bones of the CT fit into the CBCT, without assuming a common pose.

For every rotation of a ball of rotations the bone mask is correlated with the CBCT's bone map over all
translations at once (FFT). A difference of Gaussians on the mask makes the correlation blind to constant
grey values and sensitive to bone with soft tissue around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial.transform import Rotation

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume
from rafr.progress import Progress, silent
from rafr.registration.field_of_view import BoneMap, sample


@dataclass(frozen=True, slots=True)
class CoarseConfig:
    """The search.

    Attributes:
        spacing_mm: of the grid correlated.
        inner_mm, outer_mm: standard deviations of the difference of Gaussians.
        max_angle_deg: radius of the ball of rotations.
        angle_step_deg: edge of the body-centred cubic lattice of rotation vectors that fills the ball;
            no rotation is further than 0.56 of it from a lattice point.
        starts: best poses returned.
    """

    spacing_mm: float = 6.0
    inner_mm: float = 5.0
    outer_mm: float = 12.0
    max_angle_deg: float = 45.0
    angle_step_deg: float = 24.0
    starts: int = 4


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """A pose worth refining: `T_cbct_ct` and its correlation (larger is better, no unit)."""

    T_cbct_ct: RigidTransform
    score: float


def rotation_ball(max_angle_deg: float, step_deg: float) -> FloatArray:
    """Rotation vectors (n, 3), rad, of a body-centred cubic lattice within a ball, smallest first."""
    reach = int(np.ceil(max_angle_deg / step_deg)) + 1
    axis = np.arange(-reach, reach + 1) * step_deg
    corners = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    lattice = np.concatenate([corners, corners + 0.5 * step_deg])
    angle = np.linalg.norm(lattice, axis=1)
    order = np.argsort(angle, kind="stable")
    inside = order[angle[order] <= max_angle_deg]
    ball: FloatArray = np.radians(lattice[inside])
    return ball


def coarse_starts(
    bone_mask: Volume,
    cbct: BoneMap,
    config: CoarseConfig | None = None,
    progress: Progress = silent,
) -> list[Start]:
    """The best poses of the bones in the CBCT, best first.

    Args:
        bone_mask: CT grid, nonzero in the bones.
        cbct: the CBCT's bone map.
    """
    config = config or CoarseConfig()
    points = _mask_points(bone_mask, config.spacing_mm)
    centre = points.mean(axis=0)
    template = _template(points - centre, config)
    target, origin = _lps_grid(cbct, config.spacing_mm)
    shape = tuple(
        fft.next_fast_len(a + b, real=True) for a, b in zip(target.shape, template.shape, strict=True)
    )
    spectrum = fft.rfftn(target, shape)
    starts = []
    rotvecs = rotation_ball(config.max_angle_deg, config.angle_step_deg)
    for n, rotvec in enumerate(rotvecs):
        rotation = Rotation.from_rotvec(rotvec).as_matrix()
        correlation = fft.irfftn(spectrum * np.conj(fft.rfftn(_turned(template, rotation), shape)), shape)
        position = _peak(correlation, target.shape, template.shape)
        moved = origin + config.spacing_mm * position
        pose = RigidTransform(rotation, moved - rotation @ centre)
        starts.append(Start(pose, float(correlation.max())))
        progress((n + 1) / len(rotvecs), "coarse search")
    return sorted(starts, key=lambda s: -s.score)[: config.starts]


def _mask_points(mask: Volume, spacing_mm: float) -> FloatArray:
    """LPS points (n, 3) of the bone voxels, thinned to well below the grid's spacing."""
    step = np.maximum(np.floor(0.35 * spacing_mm / mask.spacing).astype(int), 1)
    index = np.argwhere(mask.array[:: step[2], :: step[1], :: step[0]])[:, ::-1]
    return mask.index_to_lps(index * step)


def _template(points: FloatArray, config: CoarseConfig) -> NDArray[np.float32]:
    """Difference-of-Gaussians of the bone density on a cube centred on the origin, axes (x, y, z)."""
    h = config.spacing_mm
    radius = float(np.linalg.norm(points, axis=1).max()) + 2.0 * config.outer_mm
    half = int(np.ceil(radius / h))
    edges = (np.arange(2 * half + 2) - half - 0.5) * h
    density, _ = np.histogramdd(points, bins=(edges, edges, edges))
    density /= max(density.max(), 1.0)
    inner = ndimage.gaussian_filter(density, config.inner_mm / h)
    outer = ndimage.gaussian_filter(density, config.outer_mm / h)
    template: NDArray[np.float32] = (inner - outer).astype(np.float32)
    return template


def _turned(template: NDArray[np.float32], rotation: FloatArray) -> NDArray[np.float32]:
    """The template rotated about its centre."""
    middle = (np.array(template.shape) - 1) / 2.0
    offset = middle - rotation.T @ middle
    turned: NDArray[np.float32] = ndimage.affine_transform(template, rotation.T, offset, order=1)
    return turned


def _lps_grid(cbct: BoneMap, spacing_mm: float) -> tuple[NDArray[np.float32], FloatArray]:
    """The bone map on a grid along the LPS axes (x, y, z), and the position of its first voxel."""
    size = np.array(cbct.bone.size)
    corners = np.array([[i, j, k] for i in (0, size[0]) for j in (0, size[1]) for k in (0, size[2])])
    lps = cbct.bone.index_to_lps(corners - 0.5)
    origin = lps.min(axis=0)
    shape = np.ceil((lps.max(axis=0) - origin) / spacing_mm).astype(int) + 1
    smooth = ndimage.gaussian_filter(cbct.bone.array, 0.4 * spacing_mm / cbct.bone.spacing[::-1])
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    values = sample(cbct.bone.with_array(smooth), origin + spacing_mm * grid, outside=0.0)
    return values.astype(np.float32), origin


def _peak(correlation: NDArray[np.float32], target: tuple[int, ...], template: tuple[int, ...]) -> FloatArray:
    """Position (3,) of the template's centre in the target, in voxels, at the highest correlation."""
    flat = int(correlation.argmax())
    shift = np.array(np.unravel_index(flat, correlation.shape))
    shape = np.array(correlation.shape)
    # negative shifts wrap around to the end
    shift = np.where(shift >= np.array(target), shift - shape, shift)
    position: FloatArray = shift + (np.array(template) - 1) / 2.0
    return position
