"""What the beam meets: soft tissue, the bodies a case's labels name, metal; each body moves by itself.

Attenuation adds up along a ray, so a picture is the sum of what tissue, bodies and metal take away. A body
that moved by T is projected by moving source and detector by its inverse: no voxel is ever resampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter

from rafr.cases.case import Body, Case
from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.cbct import owner_labels, soft_tissue_hu
from rafr.imaging.resample import crop_to
from rafr.imaging.volume import Volume
from rafr.xray.attenuation import EFFECTIVE_KEV, attenuation_of_hu
from rafr.xray.projector import Absorber
from rafr.xray.rods import Rod

_END_BLUR_MM = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class XrayPatient:
    """A patient as X-rays see them, LPS mm in the CT.

    Attributes:
        tissue: everything that is no body, bodies replaced by soft tissue; None: the CT shows bone only.
        bodies: what each body attenuates beyond the soft tissue in its place (or alone), where the CT has it.
        middle_mm: (3,) middle of all bodies, on which views are centred.
        rods: metal by the body that carries it, in that body's CT coordinates.
        kev: effective energy.
    """

    tissue: Absorber | None
    bodies: Mapping[str, Absorber]
    middle_mm: FloatArray
    rods: Mapping[str, tuple[Rod, ...]] = field(default_factory=dict)
    kev: float = EFFECTIVE_KEV

    @staticmethod
    def of_ct(
        ct: Volume,
        labels: Volume,
        bodies: Sequence[Body],
        rods: Mapping[str, tuple[Rod, ...]] | None = None,
        kev: float = EFFECTIVE_KEV,
    ) -> XrayPatient:
        """Take a CT apart.

        Args:
            ct: HU.   labels: on the same grid.   bodies: with the reference first.
            rods: see the attribute.
            kev: effective energy, 40 to 100.
        """
        owner = owner_labels(labels.array)
        soft_hu, bone_only = soft_tissue_hu(ct.array, owner)
        if bone_only:  # what lies beside a bone there is nothing, not a part of it
            owner = labels.array
        base = 0.0 if bone_only else float(attenuation_of_hu(soft_hu, kev))
        rest = ct.with_array(attenuation_of_hu(ct.array, kev))
        parts, corners = {}, []
        for body in bodies:
            ends = _extent(labels, body.labels)
            corners.append(ends)
            part, window = crop_to(rest, ends, 2.0 * float(ct.spacing.max()))
            mine = np.isin(owner[window], body.labels)
            parts[body.name] = Absorber(part.with_array(np.where(mine, part.array - base, np.float32(0.0))))
            part.array[mine] = base  # a view of `rest`
        everything = np.concatenate(corners)
        middle = 0.5 * (everything.min(axis=0) + everything.max(axis=0))
        tissue = None if bone_only else _trunk(rest)
        return XrayPatient(tissue, parts, middle, rods or {}, kev)


def pins_of(case: Case) -> dict[str, tuple[Rod, ...]]:
    """The Schantz pins a case gives, by body."""
    return {name: tuple(Rod.of_pin(p) for p in pins) for name, pins in case.schantz_pins if pins}


def moved_by(poses: Mapping[str, RigidTransform], body: str) -> RigidTransform:
    """`T_current_displaced` (mm) of a body; a body no pose is given for stands where the CT shows it."""
    return poses.get(body, RigidTransform.identity())


def _trunk(tissue: Volume) -> Absorber:
    """Soft tissue that goes on above and below as it ends, without the noise of its last slices."""
    superior = int(np.argmax(np.abs(tissue.direction[2])))
    slices = np.moveaxis(tissue.array, 2 - superior, 0)  # a view
    for end in (slices[0], slices[-1]):
        end[:] = gaussian_filter(end, _END_BLUR_MM / float(tissue.spacing.mean()))
    return Absorber(tissue, endless=superior)


def _extent(labels: Volume, values: tuple[int, ...]) -> FloatArray:
    """(8, 3) LPS mm: corners of the box of voxels with one of these labels."""
    mask = np.isin(np.arange(256), values)[labels.array]
    ranges = []
    for axis in (2, 1, 0):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        if not len(hit):
            raise RafrError(f"no voxel has a label of {', '.join(map(str, values))}")
        ranges.append((hit[0], hit[-1]))
    corners = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    return labels.index_to_lps(corners)
