"""Drawing a CT and its labels from the pieces of a fractured pelvis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from rafr.cases.fracture.pieces import FracturedPelvis, Piece
from rafr.cases.fracture.solid import grid_around
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.resample import crop_to, resample
from rafr.imaging.volume import Volume
from rafr.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class CtConfig:
    """What the synthetic CT looks like; grey values in HU, lengths in mm.

    Attributes:
        spacing_mm: isotropic voxel size.
        cortical_hu, cancellous_hu, muscle_hu, fat_hu: mean values.   air_hu: outside the skin.
        cancellous_texture_hu: standard deviation of the trabecular pattern.
        cortex_mm: mean thickness of the cortical shell (it varies by about a third).
        noise_hu: standard deviation of the image noise.
        skin_mm: soft tissue beside, in front of and behind the bones.   fat_mm: of it, under the skin.
        air_mm: air around the skin that is still in the volume.
    """

    spacing_mm: float = 0.9
    cortical_hu: float = 1250.0
    cancellous_hu: float = 240.0
    cancellous_texture_hu: float = 80.0
    cortex_mm: float = 1.5
    muscle_hu: float = 45.0
    fat_hu: float = -95.0
    air_hu: float = -1000.0
    noise_hu: float = 12.0
    skin_mm: tuple[float, float, float] = (42.0, 32.0, 28.0)
    fat_mm: float = 18.0
    air_mm: float = 8.0


def draw_ct(
    fractured: FracturedPelvis,
    rng: np.random.Generator,
    config: CtConfig | None = None,
    progress: Progress = silent,
) -> tuple[Volume, Volume]:
    """CT (int16, HU) and labels (uint8) on one grid, the bodies where they are displaced to."""
    config = config or CtConfig()
    bone_points = _displaced_points(fractured)
    grid = _grid(bone_points, config)
    shape = grid.array.shape
    hu = soft_tissue(grid, bone_points, rng, config)
    nearest = np.zeros(shape, np.float32)
    labels = np.zeros(shape, np.uint8)
    texture = _Texture.draw(rng)
    for number, piece in enumerate(fractured.pieces):
        progress(number / len(fractured.pieces), f"drawing piece {piece.label}")
        voxels = _PieceVoxels.of(fractured, piece, grid)
        value = _bone_hu(voxels.points, voxels.depth, texture, config, float(grid.spacing[0]))
        hu[voxels.where] += voxels.share * (value - np.maximum(hu[voxels.where], config.fat_hu))
        voxels.claim(piece.label, nearest, labels)
    progress(1.0, "adding noise")
    hu += config.noise_hu * rng.standard_normal(shape, dtype=np.float32)
    return grid.with_array(np.clip(np.round(hu), -1024, 3071).astype(np.int16)), grid.with_array(labels)


def draw_labels(fractured: FracturedPelvis, config: CtConfig | None = None) -> Volume:
    """The labels (uint8) that `draw_ct` draws, alone."""
    config = config or CtConfig()
    grid = _grid(_displaced_points(fractured), config)
    nearest, labels = np.zeros(grid.array.shape, np.float32), np.zeros(grid.array.shape, np.uint8)
    for piece in fractured.pieces:
        _PieceVoxels.of(fractured, piece, grid).claim(piece.label, nearest, labels)
    return grid.with_array(labels)


def _displaced_points(fractured: FracturedPelvis) -> FloatArray:
    parts = []
    for piece in fractured.pieces:
        vertices = fractured.pelvis.bones[piece.bone].vertices[::3]
        parts.append(
            fractured.pose(fractured.body_of(piece.label).name).apply(vertices[piece.cut(vertices) < 0])
        )
    return np.concatenate(parts)


def _grid(points: FloatArray, config: CtConfig) -> Volume:
    side, front, back = config.skin_mm
    low, high = points.min(axis=0), points.max(axis=0)
    low = low - np.array([side, front, 10.0]) - config.air_mm * np.array([1, 1, 0])
    high = high + np.array([side, back, 10.0]) + config.air_mm * np.array([1, 1, 0])
    return grid_around(np.stack([low, high]), config.spacing_mm, 0.0)


def soft_tissue(
    grid: Volume, bone_points: FloatArray, rng: np.random.Generator, config: CtConfig
) -> np.ndarray:
    """HU (float32) of a trunk around the bones: muscle with fat planes, a layer of fat, skin, air."""
    ni, nj, nk = grid.size
    x, y, z = (grid.origin[a] + grid.spacing[a] * np.arange(n) for a, n in enumerate((ni, nj, nk)))
    low, high = bone_points.min(axis=0), bone_points.max(axis=0)
    side, front, back = config.skin_mm
    centre = np.array([0.5 * (low[0] + high[0]), 0.5 * (low[1] - front + high[1] + back)])
    half = np.array([0.5 * (high[0] - low[0]) + side, 0.5 * (high[1] - low[1] + front + back)])
    power = 2.6  # between an ellipse and a box, as a supine trunk is

    def radius(px: FloatArray, py: FloatArray) -> FloatArray:
        r: FloatArray = (
            np.abs((px - centre[0]) / half[0]) ** power + np.abs((py - centre[1]) / half[1]) ** power
        )
        return r ** (1 / power)

    limit = max(1.0, float(radius(bone_points[:, 0], bone_points[:, 1]).max()) * 1.04)
    depth = (limit - radius(x[None, :], y[:, None])) * half.min()  # about mm below the skin
    waist = 4.0 * np.cos(2 * np.pi * (z - low[2]) / 260.0)
    below_skin = (depth[None] + waist[:, None, None]).astype(np.float32)
    planes = _smooth_noise(grid, 9.0, rng)
    fat = np.clip((config.fat_mm - below_skin) / 3.0, 0, 1) + np.clip((planes - 1.1) * 2.5, 0, 1)
    tissue = config.muscle_hu + (config.fat_hu - config.muscle_hu) * np.clip(fat, 0, 1) + 6.0 * planes
    skin = np.clip(below_skin / grid.spacing[0] + 0.5, 0, 1)
    hu: np.ndarray = (config.air_hu + (tissue - config.air_hu) * skin).astype(np.float32)
    return hu


def _smooth_noise(grid: Volume, wavelength_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Unit-variance noise of one scale on a grid (float32), made coarse and interpolated."""
    from rafr.geometry import RigidTransform

    step = wavelength_mm / 2.0
    size = np.ceil(np.array(grid.size) * grid.spacing / step).astype(int) + 3
    coarse = gaussian_filter(rng.standard_normal(size[::-1]).astype(np.float32), 1.0)
    coarse /= coarse.std()
    source = Volume(coarse, grid.origin - step, np.full(3, step), np.eye(3))
    return resample(source, grid, RigidTransform.identity(), outside=0.0).array


@dataclass(frozen=True, slots=True, eq=False)
class _Texture:
    """Periodic noise cubes fixed to the bone: trabeculae (fine) and density (coarse), unit variance."""

    fine: FloatArray
    coarse: FloatArray

    @staticmethod
    def draw(rng: np.random.Generator) -> _Texture:
        def cube(sigma: float) -> FloatArray:
            noise = gaussian_filter(rng.standard_normal((72, 72, 72)), sigma, mode="wrap")
            unit: FloatArray = noise / noise.std()
            return unit

        return _Texture(cube(0.8), cube(5.0))

    def at(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        index = points.T / 1.3  # mm per cell
        fine, coarse = (
            map_coordinates(c, index, order=1, mode="grid-wrap") for c in (self.fine, self.coarse)
        )
        return fine, coarse


@dataclass(frozen=True, slots=True, eq=False)
class _PieceVoxels:
    """Voxels that a piece fills at least in part.

    Attributes:
        where: three arrays (n,) that index the grid's array.
        points: (n, 3) their centres in the intact position.   depth: (n,) mm below the bone's own surface.
        distance: (n,) mm to the piece, negative inside.   share: (n,) of the voxel that is in it.
    """

    where: tuple[np.ndarray, ...]
    points: FloatArray
    depth: FloatArray
    distance: FloatArray
    share: FloatArray

    @staticmethod
    def of(fractured: FracturedPelvis, piece: Piece, grid: Volume) -> _PieceVoxels:
        pose = fractured.pose(fractured.body_of(piece.label).name)
        vertices = fractured.pelvis.bones[piece.bone].vertices
        part, window = crop_to(grid, pose.apply(vertices), 3.0)
        bone = resample(fractured.solids[piece.bone], part, pose, outside=1e3).array
        voxel = float(grid.spacing[0])
        index = np.argwhere(bone < voxel)
        points = pose.inverse().apply(part.index_to_lps(index[:, ::-1]))
        bone_distance = bone[tuple(index.T)]
        distance = np.maximum(bone_distance, piece.cut(points))
        share = np.clip(0.5 - distance / voxel, 0.0, 1.0)
        kept = share > 0
        where = tuple((index[kept] + np.array([s.start for s in window])).T)
        return _PieceVoxels(where, points[kept], -bone_distance[kept], distance[kept], share[kept])

    def claim(self, label: int, nearest: np.ndarray, labels: np.ndarray) -> None:
        """Label the voxels whose centres lie deeper in this piece than in any before."""
        claimed = self.distance < nearest[self.where]
        mine = tuple(w[claimed] for w in self.where)
        nearest[mine] = self.distance[claimed]
        labels[mine] = label


def _bone_hu(
    points: FloatArray, depth: FloatArray, texture: _Texture, config: CtConfig, voxel: float
) -> FloatArray:
    """HU at intact points `depth` mm below the bone's own surface: cortex, then trabeculae."""
    fine, coarse = texture.at(points)
    cortex = config.cortex_mm * (1.0 + 0.33 * np.clip(coarse, -1.5, 1.5))
    cancellous = config.cancellous_hu + config.cancellous_texture_hu * (0.8 * fine + 0.6 * coarse)
    shell = np.clip(0.5 + (cortex - depth) / max(voxel, 0.8), 0.0, 1.0)
    cortical = config.cortical_hu + 90.0 * coarse
    value: FloatArray = cancellous + shell * (cortical - cancellous)
    return value
