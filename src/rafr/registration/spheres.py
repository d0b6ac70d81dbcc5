"""Finding small bright metal spheres in a volume whose grey values are not calibrated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume


@dataclass(frozen=True, slots=True)
class SphereConfig:
    """What counts as a sphere.

    Attributes:
        levels: number of thresholds tried between bright bone and the brightest voxel: a sphere touched
            by a streak or a pin at one level stands alone at another.
        bone_percentile: percentile of the grey values taken as bright bone; metal lies above.
        min_size: smallest accepted extent of a bright spot, in sphere diameters (spots are eroded at
            high thresholds).   max_size: largest; blur and streaks widen a sphere.
        max_elongation: longest over shortest principal axis; pins lie far above, blurred spheres below.
        max_candidates: brightest spots kept, per threshold and in the end.
    """

    levels: int = 7
    bone_percentile: float = 99.7
    min_size: float = 0.25
    max_size: float = 2.5
    max_elongation: float = 1.7
    max_candidates: int = 40


def find_spheres(volume: Volume, diameter_mm: float, config: SphereConfig | None = None) -> FloatArray:
    """Centres (n, 3), LPS mm, of bright spots of about the given size and round shape, brightest first."""
    config = config or SphereConfig()
    image = volume.array
    centres: list[FloatArray] = []
    contrasts: list[float] = []
    for level in _levels(image, config):
        for index in _small_spots(volume, level, diameter_mm, config):
            if _near(volume.index_to_lps(index), centres, diameter_mm):
                continue
            centre, contrast, elongation = _measure(volume, index, diameter_mm)
            round_spot = contrast > 0 and elongation < config.max_elongation
            if round_spot and not _near(centre, centres, diameter_mm):
                centres.append(centre)
                contrasts.append(contrast)
    order = np.argsort(contrasts)[::-1][: config.max_candidates]
    return np.array(centres).reshape(-1, 3)[order]


def _levels(image: NDArray, config: SphereConfig) -> FloatArray:
    """Thresholds from high to low."""
    sample = image[::3, ::3, ::3]
    bone = float(np.percentile(sample, config.bone_percentile))
    brightest = float(image.max())
    levels: FloatArray = np.linspace(brightest, bone, config.levels + 2)[1:-1]
    return levels


def _near(point: FloatArray, centres: list[FloatArray], diameter_mm: float) -> bool:
    return bool(centres) and bool(
        (np.linalg.norm(np.array(centres) - point, axis=1) < 0.5 * diameter_mm).any()
    )


def _small_spots(volume: Volume, level: float, diameter_mm: float, config: SphereConfig) -> list[FloatArray]:
    """Middles (i, j, k) of the brightest connected spots above `level` whose extent fits a sphere's."""
    labels, _ = ndimage.label(volume.array > level)
    middles, brightness = [], []
    for box in ndimage.find_objects(labels):
        k, j, i = ((s.start, s.stop) for s in box)
        extent = np.array([i[1] - i[0], j[1] - j[0], k[1] - k[0]]) * volume.spacing
        if config.min_size * diameter_mm <= extent.max() <= config.max_size * diameter_mm:
            middles.append(np.array([sum(i), sum(j), sum(k)]) / 2.0 - 0.5)
            brightness.append(float(volume.array[box].max()))
    brightest = np.argsort(brightness)[::-1][: config.max_candidates]
    return [middles[n] for n in brightest]


def _measure(volume: Volume, index: FloatArray, diameter_mm: float) -> tuple[FloatArray, float, float]:
    """Centre (3,) LPS mm, contrast above the surroundings, and elongation of the spot at `index`."""
    centre = volume.index_to_lps(index)
    contrast = elongation = 0.0
    for _ in range(3):
        points, values = _ball(volume, centre, 2.0 * diameter_mm)
        if len(values) < 8:
            return centre, 0.0, np.inf
        distance = np.linalg.norm(points - centre, axis=1)
        shell = values[distance > 1.2 * diameter_mm]
        background = float(np.median(shell)) if len(shell) else float(values.min())
        contrast = float(np.percentile(values[distance < 0.5 * diameter_mm], 90)) - background
        core = distance < diameter_mm
        weights = np.where(core, np.clip(values - background - 0.2 * contrast, 0.0, None), 0.0)
        if contrast <= 0 or weights.sum() <= 0:
            return centre, 0.0, np.inf
        elongation = _elongation(points, values > background + 0.5 * contrast)
        centre = weights @ points / weights.sum()
    return centre, contrast, elongation


def _elongation(points: FloatArray, member: NDArray[np.bool_]) -> float:
    """Ratio of the principal standard deviations of the member points."""
    if member.sum() < 5:
        return np.inf
    spread = np.linalg.eigvalsh(np.cov(points[member].T))
    return float(np.sqrt(spread[2] / max(spread[0], 1e-9)))


def _ball(volume: Volume, centre: FloatArray, radius_mm: float) -> tuple[FloatArray, FloatArray]:
    """LPS positions (n, 3) and values (n,) of the voxels within a radius."""
    middle = volume.lps_to_index(centre)
    reach = radius_mm / volume.spacing
    lower = np.maximum(np.floor(middle - reach), 0).astype(int)
    upper = np.minimum(np.ceil(middle + reach) + 1, volume.size).astype(int)
    if (upper <= lower).any():
        return np.empty((0, 3)), np.empty(0)
    i, j, k = np.meshgrid(*(np.arange(a, b) for a, b in zip(lower, upper, strict=True)), indexing="ij")
    points = volume.index_to_lps(np.stack([i, j, k], axis=-1).reshape(-1, 3))
    values = volume.array[k, j, i].reshape(-1).astype(float)
    inside = np.linalg.norm(points - centre, axis=1) <= radius_mm
    return points[inside], values[inside]
