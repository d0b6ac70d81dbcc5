"""Simulating the intra-operative cone-beam CT of a patient known by a CT with labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging import metal
from rafr.imaging.fiducials import FIDUCIAL_DIAMETER_MM
from rafr.imaging.resample import crop_to, resample
from rafr.imaging.volume import Volume

if TYPE_CHECKING:
    from rafr.cases.case import Body

PADDING = -2048
"""The value outside the field of view; no value inside it is below −1024."""


@dataclass(frozen=True, slots=True)
class CbctConfig:
    """A mobile cone-beam scanner.

    Attributes:
        diameter_mm, length_mm: the cylindrical field of view; its axis is the volume's z.
        spacing_mm: isotropic voxel size.
        gain, offset: ranges of the grey scale, value = gain·HU + offset (a CBCT is not calibrated in HU).
        blur_mm: standard deviation of the scanner's own blur (focal spot, detector, reconstruction).
        noise: standard deviation, grey values.   noise_blur_voxels: its correlation.
        cupping: largest relative loss of attenuation in the middle (beam hardening, scatter).
        shading: amplitude of the smooth bias, grey values.
        streak: amplitude of metal streaks beside the metal, grey values.
        metal: grey value of steel (saturated).
        fiducial_diameter_mm, pin_diameter_mm: of the steel spheres and pins.
    """

    diameter_mm: float = 320.0
    length_mm: float = 200.0
    spacing_mm: float = 1.0
    gain: tuple[float, float] = (0.70, 0.85)
    offset: tuple[float, float] = (40.0, 160.0)
    blur_mm: float = 0.4
    noise: float = 45.0
    noise_blur_voxels: float = 0.5
    cupping: float = 0.10
    shading: float = 40.0
    streak: float = 160.0
    metal: float = 3000.0
    fiducial_diameter_mm: float = FIDUCIAL_DIAMETER_MM
    pin_diameter_mm: float = 5.0


def simulate_cbct(
    ct: Volume,
    labels: Volume,
    bodies: Sequence[Body],
    T_cbct_ct: Mapping[str, RigidTransform],
    *,
    fiducials_cbct_mm: FloatArray,
    pins_cbct_mm: Sequence[tuple[FloatArray, FloatArray]] = (),
    rng: np.random.Generator,
    config: CbctConfig | None = None,
) -> Volume:
    """What a CBCT shows when every body of the CT has moved by its own transform.

    Soft tissue follows the reference body (`bodies[0]`). A bone-only CT (0 outside bone) is given
    uniform soft tissue.

    Args:
        ct: HU.   labels: same grid.
        T_cbct_ct: per body name, LPS mm.
        fiducials_cbct_mm: (n, 3) centres of the reference tool's steel spheres in the CBCT.
        pins_cbct_mm: end points of steel pins in the CBCT.
        rng: grey scale, noise, shading, streaks.

    Returns:
        An int16 volume; `PADDING` outside the field of view.
    """
    config = config or CbctConfig()
    fiducials = np.asarray(fiducials_cbct_mm, dtype=float).reshape(-1, 3)
    surface = {body.name: _body_points(labels, body.labels) for body in bodies}
    moved = np.concatenate([T_cbct_ct[name].apply(p) for name, p in surface.items() if len(p)])
    grid, inside = _field_of_view(moved, fiducials, config)
    hu = _bones_and_tissue(ct, labels, bodies, T_cbct_ct, surface, grid)
    hu = gaussian_filter(hu, config.blur_mm / config.spacing_mm)
    image = _scanner(hu, grid, config, rng)
    metal.add_metal(image, grid, fiducials, pins_cbct_mm, config, rng)
    values = np.clip(np.round(image), -1024, 3071).astype(np.int16)
    values[:, ~inside] = PADDING
    return grid.with_array(values)


def field_of_view(cbct: Volume) -> Volume:
    """True where the scanner saw something."""
    return cbct.with_array(cbct.array > PADDING)


def _body_points(labels: Volume, values: tuple[int, ...]) -> FloatArray:
    """Voxel centres (n, 3) of a body, thinned: enough for its extent."""
    index = np.argwhere(np.isin(labels.array[::2, ::2, ::2], values))[:, ::-1] * 2
    return labels.index_to_lps(index[:: max(1, len(index) // 20000)])


def seen(points: FloatArray, bones: FloatArray, fiducials: FloatArray, config: CbctConfig) -> FloatArray:
    """Mask (n,) of the points (n, 3) that an image of bones (m, 3) and spheres (k, 3) shows; all mm."""
    offset = points - _centre(bones, fiducials, config)
    across = np.linalg.norm(offset[:, :2], axis=1)
    shown: FloatArray = (across < 0.5 * config.diameter_mm) & (np.abs(offset[:, 2]) < 0.5 * config.length_mm)
    return shown


def _centre(bones: FloatArray, fiducials: FloatArray, config: CbctConfig) -> FloatArray:
    """(3,) of what is seen: of bones and tool.

    Where not everything fits, the tool's spheres go first: without them the image is of no use.
    """
    everything = np.concatenate([bones, fiducials])
    centre = 0.5 * (everything.min(axis=0) + everything.max(axis=0))
    reach = np.array([0.5 * config.diameter_mm, 0.5 * config.length_mm]) - 8.0
    for _ in range(200 if len(fiducials) else 0):
        offset = fiducials - centre
        radial = np.linalg.norm(offset[:, :2], axis=1)
        far, high = int(np.argmax(radial)), int(np.argmax(np.abs(offset[:, 2])))
        if radial[far] <= reach[0] and abs(offset[high, 2]) <= reach[1]:
            break
        if radial[far] > reach[0]:
            centre[:2] += offset[far, :2] * (1 - reach[0] / radial[far]) + 1e-3 * np.sign(offset[far, :2])
        if abs(offset[high, 2]) > reach[1]:
            centre[2] += offset[high, 2] - np.sign(offset[high, 2]) * reach[1]
    return np.asarray(centre)


def _field_of_view(bones: FloatArray, fiducials: FloatArray, config: CbctConfig) -> tuple[Volume, np.ndarray]:
    """The grid, centred on bones and tool, and the disc (nj, ni) seen in every slice."""
    centre = _centre(bones, fiducials, config)
    half = 0.5 * np.array([config.diameter_mm, config.diameter_mm, config.length_mm])
    size = np.round(2 * half / config.spacing_mm).astype(int)
    spacing = np.full(3, config.spacing_mm)
    grid = Volume(np.zeros(size[::-1], np.int8), centre - half + 0.5 * spacing, spacing, np.eye(3))
    axis = (np.arange(size[0]) + 0.5) * config.spacing_mm - half[0]
    return grid, axis[None, :] ** 2 + axis[:, None] ** 2 <= half[0] ** 2


def _bones_and_tissue(
    ct: Volume,
    labels: Volume,
    bodies: Sequence[Body],
    T_cbct_ct: Mapping[str, RigidTransform],
    surface: Mapping[str, FloatArray],
    grid: Volume,
) -> np.ndarray:
    """HU (float32) on the CBCT's grid: tissue carried by the reference, bones by their own bodies."""
    owner = owner_labels(labels.array)
    soft, uniform = soft_tissue_hu(ct.array, owner)
    reference = T_cbct_ct[bodies[0].name]
    if uniform:
        hu = np.full(grid.array.shape, soft, np.float32)
    else:
        tissue = np.where(owner > 0, np.int16(soft), ct.array.astype(np.int16, copy=False))
        hu = resample(ct.with_array(tissue), grid, reference, outside=-1000.0).array.astype(np.float32)
    base = 0.0 if uniform else soft
    for body in bodies:
        if not len(surface[body.name]):
            continue
        part, source = crop_to(ct, surface[body.name], 6.0)
        excess = np.where(np.isin(owner[source], body.labels), part.array - base, 0).astype(np.float32)
        T = T_cbct_ct[body.name]
        target, window = crop_to(grid, T.apply(surface[body.name]), 6.0)
        hu[window] += resample(part.with_array(excess), target, T, outside=0.0).array
    return hu


def owner_labels(labels: np.ndarray) -> np.ndarray:
    """Labels, and for voxels beside bone, which are partly bone, the label of the bone next to them."""
    owners: np.ndarray = np.where(labels > 0, labels, maximum_filter(labels, size=3))
    return owners


def soft_tissue_hu(ct: np.ndarray, owner: np.ndarray) -> tuple[float, bool]:
    """HU to put where bone has gone, and whether the CT has no soft tissue of its own.

    Args:
        ct: HU.   owner: `owner_labels` of the same grid.
    """
    outside = ct[::3, ::3, ::3][owner[::3, ::3, ::3] == 0]
    if outside.size == 0 or np.mean(outside == 0) > 0.95:
        return 40.0, True
    near = outside[(outside > -50) & (outside < 150)]
    return (float(np.median(near)) if near.size else 40.0), False


def _scanner(hu: np.ndarray, grid: Volume, config: CbctConfig, rng: np.random.Generator) -> np.ndarray:
    """Grey scale, cupping, smooth bias and noise (float32)."""
    nk, nj, ni = hu.shape
    x, y, z = (np.linspace(-1, 1, n, dtype=np.float32) for n in (ni, nj, nk))
    r2 = np.clip(x[None, :] ** 2 + y[:, None] ** 2, 0, 1)
    cup = 1.0 - config.cupping * (1.0 - r2)
    gain, offset = rng.uniform(*config.gain), rng.uniform(*config.offset)
    c = rng.uniform(-1, 1, 6).astype(np.float32)
    bias = c[0] * x[None, :] + c[1] * y[:, None] + c[2] * x[None, :] * y[:, None] + c[3] * x[None, :] ** 2
    along = c[4] * z + c[5] * z**2
    noise = rng.standard_normal(hu.shape, dtype=np.float32)
    noise = gaussian_filter(noise, config.noise_blur_voxels)
    image: np.ndarray = ((hu + 1000.0) * (gain * cup) - 1000.0 * gain + offset).astype(np.float32)
    image += config.shading * bias
    image += (config.shading * along)[:, None, None]
    image += (config.noise / noise.std()) * noise
    return image
