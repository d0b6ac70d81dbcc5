"""Finding the pelvis: where in the CT, how large, and how its bones lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfftn, next_fast_len, rfftn
from scipy.ndimage import gaussian_filter, map_coordinates, uniform_filter
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume
from rafr.segmentation.classical.atlas import Affine, Atlas, AtlasBone
from rafr.segmentation.classical.working_grid import lps_grid

_BORDER_MM = 4.0
# as the file's axes say, then half a turn about an axis: what a wrong direction matrix does without mirroring
_SIGNS = ((1.0, 1.0, 1.0), (-1.0, -1.0, 1.0), (-1.0, 1.0, -1.0), (1.0, -1.0, -1.0))
_OVER = tuple(np.diag(signs) for signs in _SIGNS)


@dataclass(frozen=True, slots=True)
class LocateConfig:
    """Search and fit.

    Attributes:
        scales: sizes that are tried.
        turns_deg: about every axis, in combination, tried in one size on a grid of half the resolution.
        tilts_deg: about every axis, tried last, with the best size and turn.
        finalists: how many turns are tried in every size.
        over_score: times its score that an image turned over (its file has the axes wrong) must exceed the
            best of those as the file has them.
        halo_mm: width of the rim around the bones where no bone is expected.
        halo_weight: how much bone there counts against a place.
        reach_mm: largest distance of corresponding surface points, first and last iteration of the fit.
        iterations: of the fit, for the whole pelvis and again for every bone.
        stiffness: pull of a bone's own fit towards that of the whole pelvis, as a share of its points.
    """

    scales: tuple[float, ...] = (0.86, 0.93, 1.0, 1.07, 1.14)
    turns_deg: tuple[float, ...] = (-25.0, 0.0, 25.0)
    tilts_deg: tuple[float, ...] = (-12.0, 12.0)
    finalists: int = 2
    over_score: float = 1.25
    halo_mm: float = 12.0
    halo_weight: float = 0.5
    reach_mm: tuple[float, float] = (30.0, 8.0)
    iterations: int = 25
    stiffness: float = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Location:
    """The atlas in the CT.

    Attributes:
        start: the coarse pose.   whole: of the pelvis as one, fitted.   poses: of every bone by itself.
        score: how well the coarse search did (1: a perfect match).
        turned_over: the patient lies the other way round than the file's axes say.
    """

    start: Affine
    whole: Affine
    poses: dict[str, Affine]
    score: float
    turned_over: bool


def coarse_pose(bone: Volume, atlas: Atlas, config: LocateConfig) -> tuple[Affine, float]:
    """Size, turn and place of the pelvis by matching the atlas's voxels with the bone's.

    Args:
        bone: share of bone per voxel, 0..1, on a coarse grid along LPS.

    Returns:
        The pose and its score: mean share of bone inside the atlas, less the weighted one around it.
    """
    halved = uniform_filter(bone.array, 2, mode="constant")[::2, ::2, ::2]
    coarser = Volume(halved, bone.origin, 2.0 * bone.spacing, bone.direction)
    turns = list(product(config.turns_deg, repeat=3))
    ranked = []
    for number, over in enumerate(_OVER):
        # turned over is rare: fewer turns
        shapes = [_turn(*t) @ over for t in turns if number == 0 or np.count_nonzero(t) < 2]
        scores = [_matched(coarser, atlas, shape, config)[1] for shape in shapes]
        ranked.append([shapes[n] for n in np.argsort(scores)[::-1][: config.finalists]])
    best = _best(bone, atlas, [s * t for t in ranked[0] for s in config.scales], config)
    for turned in ranked[1:]:
        other = _best(bone, atlas, [best[0].scale * turned[0]], config)
        if other[1] > config.over_score * best[1]:
            sized = [s * t for t in turned for s in config.scales]
            best = max(best, _best(bone, atlas, sized, config), key=lambda m: m[1])
    tilts = [_turn(*(a * axis)) @ best[0].matrix for axis in np.eye(3) for a in config.tilts_deg]
    return max(best, _best(bone, atlas, tilts, config), key=lambda m: m[1])


def _best(bone: Volume, atlas: Atlas, shapes: list[FloatArray], config: LocateConfig) -> tuple[Affine, float]:
    return max((_matched(bone, atlas, shape, config) for shape in shapes), key=lambda m: m[1])


def _matched(bone: Volume, atlas: Atlas, shape: FloatArray, config: LocateConfig) -> tuple[Affine, float]:
    """The best place of the atlas in that size and turn (3, 3), by correlation, and its score."""
    template, origin = _template(atlas, shape, float(bone.spacing[0]), config)
    reach = np.array(template.shape)
    padded = np.pad(bone.array, [(int(n) // 2, int(n) // 2) for n in reach])
    match = _correlated(padded, template)
    at = np.unravel_index(int(np.argmax(match)), match.shape)
    shift = (np.array(at) - reach // 2)[::-1] * bone.spacing + bone.origin
    return Affine(shape, shift - origin), float(match[at])


def _correlated(image: FloatArray, template: FloatArray) -> FloatArray:
    """Correlation at every place where the template lies wholly in the image.

    There nothing has wrapped round, so transforms of the image's own size do: `fftconvolve` takes six
    times as long for transforms that have room for the places beyond, too.
    """
    size = [next_fast_len(n, real=True) for n in image.shape]
    product = rfftn(image, size) * rfftn(template, size).conj()
    places = tuple(slice(n - m + 1) for n, m in zip(image.shape, template.shape, strict=True))
    match: FloatArray = irfftn(product, size)[places]
    return match


def _turn(x: float, y: float, z: float) -> FloatArray:
    """Rotation matrix: about x, then y, then z, degrees."""
    matrix: FloatArray = Rotation.from_euler("xyz", [x, y, z], degrees=True).as_matrix()
    return matrix


def _template(
    atlas: Atlas, matrix: FloatArray, spacing: float, config: LocateConfig
) -> tuple[FloatArray, FloatArray]:
    """Weights (nk, nj, ni) that sum bone inside the atlas, less bone around it; and where (0, 0, 0) is.

    The hip joints and the space above the sacrum count neither way: femur and spine are there.
    """
    points = np.concatenate([b.points for b in atlas.bones.values()]) @ matrix.T
    margin = config.halo_mm + spacing
    box = np.stack([points.min(axis=0) - margin, points.max(axis=0) + margin])
    grid = lps_grid(box, spacing)
    index = np.indices(grid.array.shape).reshape(3, -1).T[:, ::-1]
    pose = Affine(matrix, np.zeros(3))
    own = pose.back(grid.index_to_lps(index))
    distance = np.min([_field_at(b, own) for b in atlas.bones.values()], axis=0)
    neutral = own[:, 2] > atlas.anatomy.sacrum_top[2]
    for hip in atlas.anatomy.hips.values():
        neutral |= np.linalg.norm(own - hip.acetabulum, axis=1) < 1.6 * hip.acetabulum_radius
    inside = distance < 0.5 * spacing
    halo = (distance > spacing) & (distance < config.halo_mm) & ~neutral
    weights = inside / inside.sum() - config.halo_weight * halo / max(1, halo.sum())
    return weights.reshape(grid.array.shape), grid.origin


@dataclass(frozen=True, slots=True, eq=False)
class _Surface:
    """Points (n, 3) mm of the bone's surface with outward unit normals, and the CT they are from."""

    tree: cKDTree
    points: FloatArray
    normals: FloatArray
    ct: Volume

    def sees(self, points: FloatArray) -> NDArray[np.bool_]:
        """Which points (n, 3) lie in the CT, not at its border: it may show a part of the pelvis."""
        return within(self.ct, points, _BORDER_MM)


def fit(
    bone: Volume,
    ct: Volume,
    atlas: Atlas,
    start: Affine,
    score: float,
    config: LocateConfig,
    absent: Sequence[str] = (),
) -> Location:
    """Refine the coarse pose on the bone's surface: the pelvis as one, then every bone by itself.

    Corresponding points are nearest with agreeing normals (iterated closest points, Besl 1992), fewer and
    fewer by distance; a bone's own affine map is held near the pelvis' by `stiffness`.

    Args:
        bone: share of bone per voxel on a grid along LPS.   ct: whose grid says what the image shows.
        absent: bones that are not fitted, since the image does not show them.
    """
    surface = _surface(bone, ct)
    present = {name: b for name, b in atlas.bones.items() if name not in absent}
    whole = _iterate(surface, list(present.values()), start, config.reach_mm, config)
    reach = (0.7 * config.reach_mm[0], config.reach_mm[1])
    poses = dict.fromkeys(atlas.bones, whole)
    poses |= {name: _iterate(surface, [b], whole, reach, config) for name, b in present.items()}
    # a patient leans by far less than a quarter turn
    return Location(start, whole, poses, score, bool(np.diag(whole.matrix).min() < 0.0))


def expected_mm3(bone: AtlasBone, found: Location, ct: Volume) -> float:
    """Volume of a bone of the atlas, as the whole pelvis lies, that the CT's frame holds."""
    shown = within(ct, found.whole.apply(bone.inner), 0.0).sum()
    return float(shown * bone.cube_mm3 * np.linalg.det(found.whole.matrix))


def within(volume: Volume, points: FloatArray, margin_mm: float) -> NDArray[np.bool_]:
    """Which points (n, 3) LPS mm lie in a volume, at least a margin from its outermost voxels' centres."""
    index, margin = volume.lps_to_index(points), margin_mm / volume.spacing
    last = np.array(volume.size) - 1
    return np.asarray(((index >= margin) & (index <= last - margin)).all(axis=1))


def _surface(bone: Volume, ct: Volume) -> _Surface:
    smooth = gaussian_filter(bone.array.astype(np.float32), 1.0)
    gradient = np.stack(np.gradient(smooth), axis=-1)
    size = np.linalg.norm(gradient, axis=-1)
    index = np.argwhere((np.abs(smooth - 0.5) < 0.25) & (size > 0.12))
    normals = -gradient[tuple(index.T)][:, ::-1]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    points = bone.index_to_lps(index[:, ::-1])
    # where the image ends is no surface
    shown = within(ct, points, _BORDER_MM)
    step = max(1, int(shown.sum()) // 60000)
    points, normals = points[shown][::step], normals[shown][::step]
    return _Surface(cKDTree(points), points, normals, ct)


def _iterate(
    surface: _Surface, bones: list[AtlasBone], start: Affine, reach: tuple[float, float], config: LocateConfig
) -> Affine:
    points = np.concatenate([b.points[::2] for b in bones])
    normals = np.concatenate([b.normals[::2] for b in bones])
    pose = start
    for radius in np.geomspace(*reach, config.iterations):
        moved, turned = pose.apply(points), pose.normals(normals)
        # the nearest point of several whose surface looks the same way
        distance, near = surface.tree.query(moved, k=6, distance_upper_bound=float(radius))
        known = np.isfinite(distance)
        near = np.where(known, near, 0)
        agree = known & (np.einsum("nj,nkj->nk", turned, surface.normals[near]) > 0.5)
        found = agree.any(axis=1) & surface.sees(moved)
        if found.sum() < 60:
            break
        first = np.argmax(agree, axis=1)[found]
        target = surface.points[near[found, first]]
        pose = _affine(points[found], target, points, start, config.stiffness)
    return pose


def _affine(
    source: FloatArray, target: FloatArray, everything: FloatArray, rest: Affine, stiffness: float
) -> Affine:
    """Least squares from source to target; all of `everything` pulls weakly to where `rest` puts it.

    The pull is on shape alone: it is centred on the same shift as the data.
    """
    shift = (target - rest.apply(source)).mean(axis=0)
    weight = np.sqrt(stiffness * len(source) / len(everything))
    a = np.concatenate([source, weight * everything])
    ones = np.concatenate([np.ones(len(source)), np.full(len(everything), weight)])
    b = np.concatenate([target, weight * (rest.apply(everything) + shift)])
    solution, *_ = np.linalg.lstsq(np.column_stack([a, ones]), b, rcond=None)
    return Affine(solution[:3].T, solution[3])


def sampled_distance(bone: AtlasBone, pose: Affine, grid: Volume, index: np.ndarray) -> FloatArray:
    """Signed distance (n,) mm in the CT from voxels `index` (n, 3; k, j, i) of `grid` to an atlas bone."""
    return _field_at(bone, pose.back(grid.index_to_lps(index[:, ::-1]))) * pose.scale


def _field_at(bone: AtlasBone, points: FloatArray) -> FloatArray:
    """Signed distance (n,) of points (n, 3) of the atlas; as SignedDistanceGrid's, without its gradient."""
    at = ((points - bone.field.origin) / bone.field.spacing).T
    size = np.array(bone.field.values.shape)[:, None] - 1
    inside = np.clip(at, 0, size)
    beyond = np.linalg.norm((at - inside) * bone.field.spacing, axis=0)
    value = map_coordinates(bone.field.values, inside, order=1, mode="nearest")
    distance: FloatArray = value + beyond
    return distance
