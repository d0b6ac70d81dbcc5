"""The classical method from CT to labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InputError
from rafr.imaging.resample import crop_to
from rafr.imaging.volume import Volume
from rafr.progress import Progress, silent
from rafr.segmentation.classical.atlas import Affine, Atlas, average_atlas
from rafr.segmentation.classical.bone import (
    BoneConfig,
    background_value,
    bone_mask,
    enclosed,
    faint_edge,
)
from rafr.segmentation.classical.evidence import EvidenceConfig, gather, looked_at
from rafr.segmentation.classical.finish import marrow_filled, on_ct
from rafr.segmentation.classical.locate import (
    LocateConfig,
    Location,
    coarse_pose,
    expected_mm3,
    fit,
    sampled_distance,
)
from rafr.segmentation.classical.marks import BONES, MarkConfig, marks_of, without
from rafr.segmentation.classical.partition import (
    NOTHING,
    PartitionConfig,
    absent_bones,
    find_pieces,
    grow,
    seeds_for,
    with_specks,
)
from rafr.segmentation.classical.seeding import plant
from rafr.segmentation.classical.supervoxels import SupervoxelConfig, Supervoxels, cut_up, judged
from rafr.segmentation.classical.working_grid import corners, lps_grid, onto, shrunk, true_corners
from rafr.segmentation.seeds import Seeds
from rafr.segmentation.segmenter import Segmentation

_AIR_HU = -1000.0
_TURNED_OVER = "the pelvis lies turned over: the image's axes may be wrong, and left and right with them"


@dataclass(frozen=True, slots=True)
class ClassicalConfig:
    """Settings of every step, and of the grids (mm).

    Attributes:
        dark_hu: what bone is brighter than; in the sacrum, whose marrow often is as dark as fat and whose
            fractures show by that alone, `dark_sacrum_hu`.
        marrow_mm: marrow lies this deep in a fitted bone.
        coarse_mm, fit_mm: grids on which the pelvis is searched and fitted.
        finest_mm: the working grid is no finer, and half as fine as the CT's widest voxel side.
        around_mm: bone this far beyond the fitted pelvis is looked at.
        lowest_score: of the search, under which there is no pelvis in the image.
        least_mm3, most_mm3: bone that a CT shows; a whole skeleton has less than the latter.
        widest_mm: side of a voxel.
        fat_hu: something in a whole CT is darker than this.   usual_hu: most of a bone CT's bone is under the
            second, some of it over the first.
        seed_reach_mm: how far a seed may be from bone.
    """

    bone: BoneConfig = field(default_factory=BoneConfig)
    locate: LocateConfig = field(default_factory=LocateConfig)
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    lumps: SupervoxelConfig = field(default_factory=SupervoxelConfig)
    marks: MarkConfig = field(default_factory=MarkConfig)
    partition: PartitionConfig = field(default_factory=PartitionConfig)
    dark_hu: float = -50.0
    dark_sacrum_hu: float = 50.0
    marrow_mm: float = 2.0
    coarse_mm: float = 5.0
    fit_mm: float = 2.0
    finest_mm: float = 1.0
    around_mm: float = 25.0
    lowest_score: float = 0.10
    least_mm3: float = 20000.0
    most_mm3: float = 8e6
    widest_mm: float = 10.0
    fat_hu: float = -50.0
    usual_hu: tuple[float, float] = (250.0, 2500.0)
    seed_reach_mm: float = 5.0


@dataclass(frozen=True, slots=True)
class ClassicalSegmenter:
    """Threshold, atlas, supervoxels, merging; see docs/segmentation.md."""

    config: ClassicalConfig = field(default_factory=ClassicalConfig)

    def segment(self, ct: Volume, seeds: Seeds | None, progress: Progress = silent) -> Segmentation:
        """Bones and fragments of a bone CT or a whole one.

        Raises:
            InputError: hardly any bone, no pelvis in the image, or a seed away from bone.
        """
        c = self.config
        progress(0.0, "finding bone")
        _check_grid(ct, c)
        background = background_value(ct, c.bone)
        bone = ct.with_array(bone_mask(ct, background, c.bone))
        _check_bone(ct, bone, background, c)
        progress(0.1, "the atlas")
        atlas = average_atlas()
        progress(0.2, "finding the pelvis")
        found = self._locate(bone, atlas)
        progress(0.4, "looking for gaps")
        grid = self._working_grid(bone, atlas, found, seeds)
        hu, solid = self._grey(ct, bone, background, grid, atlas, found)
        spacing = float(grid.spacing[0])
        evidence = gather(hu, solid, spacing, c.dark_hu, c.evidence)
        progress(0.6, "cutting into lumps")
        lumps = cut_up(evidence, spacing, c.lumps)
        if seeds is not None:
            lumps, planted = plant(seeds, lumps, evidence, grid, c.seed_reach_mm)
        progress(0.75, "putting together")
        marks = marks_of(lumps, grid, atlas, found, c.marks)
        strict = looked_at(hu, evidence.domain, solid, evidence.depth, spacing, c.dark_sacrum_hu, c.evidence)
        sacral = marks.distance.argmin(axis=0) == BONES.index("sacrum")
        lumps = judged(lumps, strict, sacral)
        if seeds is None:
            expected = np.array([expected_mm3(atlas.bones[name], found, ct) for name in BONES])
            absent = absent_bones(lumps, marks, expected, spacing, c.partition)
            if absent:
                # the others are fitted again, not misled by the one that is missing
                again = self._fitted(bone, atlas, found.start, found.score, [BONES[n] for n in absent])
                marks = without(marks_of(lumps, grid, atlas, again, c.marks), absent, c.marks)
            pieces = find_pieces(lumps, marks, spacing, c.partition)
            if not (pieces > 0).any():
                raise InputError("the CT", "no bone of the pelvis is found in it", "a CT of the pelvis")
            seeds = seeds_for(lumps, pieces, grid, c.partition)
            lumps, planted = plant(seeds, lumps, evidence, grid, c.seed_reach_mm)
        label = grow(lumps, planted, spacing, c.partition)
        label = with_specks(lumps, label, spacing, c.partition.speck_mm)
        progress(0.85, "carrying the labels to the CT")
        result = _carried(ct, bone, background, grid, lumps, label, c.bone)
        progress(1.0, "done")
        notes = (_TURNED_OVER,) if found.turned_over else ()
        return Segmentation(ct.with_array(result), seeds, notes)

    def _locate(self, bone: Volume, atlas: Atlas) -> Location:
        c = self.config
        grid = lps_grid(true_corners(bone, 8.0), c.coarse_mm)
        coarse = grid.with_array(onto(shrunk(bone, 0.7 * c.coarse_mm), grid))
        start, score = coarse_pose(coarse, atlas, c.locate)
        if score < c.lowest_score:
            raise InputError(
                "the CT",
                f"no pelvis is found in it (match {score:.2f})",
                f"a CT of the pelvis, {c.lowest_score} or more",
            )
        return self._fitted(bone, atlas, start, score)

    def _fitted(
        self, bone: Volume, atlas: Atlas, start: Affine, score: float, absent: Sequence[str] = ()
    ) -> Location:
        c = self.config
        points = start.apply(np.concatenate([b.points for b in atlas.bones.values()]))
        box = np.stack([points.min(axis=0) - 40.0, points.max(axis=0) + 40.0])
        grid = lps_grid(box, c.fit_mm)
        fine = grid.with_array(onto(shrunk(bone, 0.7 * c.fit_mm), grid))
        return fit(fine, bone, atlas, start, score, c.locate, absent)

    def _working_grid(self, bone: Volume, atlas: Atlas, found: Location, seeds: Seeds | None) -> Volume:
        c = self.config
        pelvis = [found.poses[name].apply(b.points) for name, b in atlas.bones.items()]
        if seeds is not None:
            pelvis += list(seeds.points.values())
        points = np.concatenate(pelvis)
        present = true_corners(bone, 4.0)
        low = np.maximum(points.min(axis=0) - c.around_mm, present.min(axis=0))
        high = np.minimum(points.max(axis=0) + c.around_mm, present.max(axis=0))
        spacing = max(c.finest_mm, 0.5 * float(bone.spacing.max()))
        return lps_grid(np.stack([low, np.maximum(high, low + spacing)]), spacing)

    def _grey(
        self, ct: Volume, bone: Volume, background: float | None, grid: Volume, atlas: Atlas, found: Location
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """HU and bone on the working grid; of a whole CT with the marrow no threshold finds."""
        part, window = crop_to(ct, corners(grid), 3.0)
        inside = part.with_array(bone.array[window].astype(np.float32))
        share = onto(inside, grid)
        solid = share >= 0.5
        if background is not None:
            # the background's value must not bleed into the bone's rim
            hu = onto(inside.with_array(inside.array * part.array), grid) / np.maximum(share, 0.5)
            return hu.astype(np.float32), solid
        hu = onto(part.with_array(part.array.astype(np.float32)), grid, outside=_AIR_HU).astype(np.float32)
        solid &= ~faint_edge(hu, solid, self.config.bone)
        index = np.argwhere(enclosed(solid) & ~solid & (hu > self.config.bone.marrow_hu))
        deep = np.zeros(len(index), bool)
        for name, one in atlas.bones.items():
            deep |= sampled_distance(one, found.poses[name], grid, index) < -self.config.marrow_mm
        solid[tuple(index[deep].T)] = True
        return hu, solid


def _check_grid(ct: Volume, config: ClassicalConfig) -> None:
    widest = float(ct.spacing.max())
    if widest > config.widest_mm:
        raise InputError("the CT", f"its voxels are {widest:g} mm wide", f"{config.widest_mm:g} mm or less")


def _check_bone(ct: Volume, bone: Volume, background: float | None, config: ClassicalConfig) -> None:
    volume = float(bone.array.sum() * np.prod(bone.spacing))
    if not config.least_mm3 <= volume <= config.most_mm3:
        threshold = f" (over {config.bone.certain_hu:g} HU)" if background is None else ""
        raise InputError(
            "the CT",
            f"shows {volume / 1000:.1f} cm³ of bone{threshold}",
            f"a CT of the pelvis in HU, {config.least_mm3 / 1000:g}..{config.most_mm3 / 1000:g} cm³ of bone",
        )
    values = ct.array[bone.array][::7]
    middle, bright = (float(np.quantile(values, q)) for q in (0.5, 0.99))
    low, high = config.usual_hu
    if background is not None and values.min() == values.max():
        raise InputError("the CT", f"all of its bone has the value {middle:g}: a mask", "a CT in HU")
    if bright < low or middle > high:
        problem = f"its bone has values about {middle:g}, the brightest {bright:g}"
        raise InputError("the CT", problem, f"HU: the brightest bone over {low:g}, most under {high:g}")
    if background is None and float(ct.array.min()) > config.fat_hu:
        problem = f"its darkest voxel has {float(ct.array.min()):g}"
        raise InputError("the CT", problem, "HU: fat about -100, air about -1000")


def _carried(
    ct: Volume,
    bone: Volume,
    background: float | None,
    grid: Volume,
    lumps: Supervoxels,
    label: NDArray[np.int64],
    config: BoneConfig,
) -> NDArray[np.uint8]:
    """Labels (uint8) on the CT's grid."""
    table = np.concatenate([[0], np.where(label == NOTHING, 0, label)]).astype(np.uint8)
    labels = table[lumps.labels]
    if background is None:
        other = np.concatenate([[False], label == 0])[lumps.labels]
        labels = marrow_filled(labels, other, float(grid.spacing[0]), float(ct.spacing.max()))
    part, window = crop_to(bone, corners(grid), 3.0)
    result = np.zeros(ct.array.shape, np.uint8)
    if background is None:
        part = part.with_array(
            part.array & ~faint_edge(ct.array[window].astype(np.float32), part.array, config)
        )
    result[window] = on_ct(grid.with_array(labels), part, keep_marrow=background is None)
    return result
