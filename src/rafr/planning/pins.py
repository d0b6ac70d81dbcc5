"""Where the two Schantz pins of a fragment go, and the frame of the clamp that holds them.

The patient lies supine, so a pin comes from in front, from the side or from above (iliac crest,
supra-acetabular); its axis should run deep in thick bone and its tail stand clear of every bone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rafr.cases.case import Case, SchantzPin
from rafr.errors import InfeasibleError, RafrError
from rafr.geometry import RigidTransform, TriangleMesh, merge_meshes
from rafr.geometry.mesh import IntArray
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface, even_subset

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

_HIP_LABELS = range(11, 31)
_LEFT_HIP_LABELS = range(11, 21)
_DEPTH_STEP_MM = 5.0


@dataclass(frozen=True, slots=True)
class PinConfig:
    """What makes a good pin.

    Attributes:
        azimuths_deg: directions tried, from anterior (0) towards lateral (90).
        tilts_deg: and from the transverse plane towards the head.
        candidates: surface points tried as entries.
        min_incidence: smallest cosine between the pin's outward direction and the surface normal.
        max_depth_mm: deepest useful thread.
        wall_mm: bone left around the pin's axis once it is in, axis to surface.
        spacing_mm: smallest and largest distance between the two parallel pins.
        min_depth_mm: shortest acceptable run in bone.
        length_mm, diameter_mm: of the pin.
    """

    azimuths_deg: tuple[float, ...] = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0)
    tilts_deg: tuple[float, ...] = (-20.0, 0.0, 20.0, 40.0)
    candidates: int = 700
    min_incidence: float = 0.45
    max_depth_mm: float = 60.0
    wall_mm: float = 3.0
    spacing_mm: tuple[float, float] = (25.0, 40.0)
    min_depth_mm: float = 40.0
    length_mm: float = 200.0
    diameter_mm: float = 5.0


# from what a surgeon wants down to what a small fragment can still offer
_LADDER = (
    PinConfig(),
    PinConfig(min_depth_mm=30.0, wall_mm=2.8),
    PinConfig(min_depth_mm=20.0, wall_mm=2.6, spacing_mm=(15.0, 40.0)),
    PinConfig(min_depth_mm=15.0, wall_mm=2.0, spacing_mm=(10.0, 40.0), diameter_mm=4.0),
    PinConfig(min_depth_mm=10.0, wall_mm=1.6, spacing_mm=(8.0, 40.0), diameter_mm=3.0, min_incidence=0.2),
)


@dataclass(frozen=True, slots=True, eq=False)
class PatientAxes:
    """Unit vectors (3,) of the patient in CT axes, from how the pelvis lies on the table."""

    anterior: FloatArray
    superior: FloatArray
    left: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Site:
    """The bone to hold, everything a tail could meet, and how the patient lies around it.

    Attributes:
        hull: (k, 4) outward plane equations of the whole pelvis's convex hull.
        floor: height along `axes.superior` below which an entry risks the hip joint.
    """

    bone: Surface
    everything: Surface
    hull: FloatArray
    axes: PatientAxes
    lateral: FloatArray
    floor: float


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """n possible pins: entries (n, 3), outward directions (n, 3), depth in bone (n,), score (n,)."""

    entries: FloatArray
    out: FloatArray
    depth: FloatArray
    score: FloatArray
    direction_id: IntArray


def patient_axes(case: Case) -> PatientAxes:
    """Anterior is up off the table. Without a `table_pose` the CT itself was taken supine (LPS).

    The table's axes are those of `world`: x towards the head, y to the patient's right, z up.
    """
    if case.table_pose is None:
        return PatientAxes(np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
    R_ct_table = case.table_pose.rotation.T
    return PatientAxes(R_ct_table[:, 2], R_ct_table[:, 0], -R_ct_table[:, 1])


def propose_pins(case: Case, meshes: Mapping[str, BodyMesh], body: str) -> tuple[SchantzPin, SchantzPin]:
    """The case's own pins where it gives two, else two parallel ones in thick, accessible bone.

    Args:
        case: for pins given and for how the patient lies.
        meshes: every body as the CT shows it, LPS mm.
        body: the name of the body to be held.

    Raises:
        InfeasibleError: the body offers no two pins, however short.
    """
    given = case.pins(body)
    if len(given) == 2:
        return given[0], given[1]
    site = _site(case, meshes, body)
    for config in _LADDER:
        found = _best_pair(_candidates(site, config), site.axes, config)
        if found is not None:
            return found
    raise InfeasibleError((f"body {body} has no place for two Schantz pins",))


def clamp_frame(pins: Sequence[SchantzPin], grip_mm: float = 30.0) -> RigidTransform:
    """`T_ct_clamp` (mm): where the clamp grips the pins.

    Origin `grip_mm` inwards of the mean of the pins' tails, z along their mean direction into the
    bone, x from the first pin to the second, made orthogonal to z.
    """
    if not pins:
        raise RafrError("a clamp frame needs at least one pin")
    z = np.mean([p.direction for p in pins], axis=0)
    z = z / np.linalg.norm(z)
    origin = np.mean([p.tail_mm for p in pins], axis=0) + grip_mm * z
    line = pins[-1].tail_mm - pins[0].tail_mm
    x = line - (line @ z) * z
    if np.linalg.norm(x) < 1e-6:
        # a single pin leaves the turn about itself open: the axis least along it decides
        least = np.eye(3)[np.argmin(np.abs(z))]
        x = least - (least @ z) * z
    x = x / np.linalg.norm(x)
    return RigidTransform(np.column_stack([x, np.cross(z, x), z]), origin)


def _site(case: Case, meshes: Mapping[str, BodyMesh], body: str) -> _Site:
    from scipy.spatial import ConvexHull

    pelvis = merge_meshes([m.mesh for m in meshes.values()])
    axes = patient_axes(case)
    return _Site(
        bone=Surface.of(_bone_to_hold(meshes[body])),
        everything=Surface.of(pelvis),
        hull=ConvexHull(pelvis.vertices).equations,
        axes=axes,
        lateral=_lateral(meshes, body, axes),
        floor=_acetabular_roof(meshes, body, axes),
    )


def _bone_to_hold(body: BodyMesh) -> TriangleMesh:
    """The hip parts where the body has any (there is room for pins), else all of it."""
    hips = [mesh for label, mesh in body.parts.items() if label in _HIP_LABELS]
    return merge_meshes(hips) if hips else body.mesh


def _lateral(meshes: Mapping[str, BodyMesh], body: str, axes: PatientAxes) -> FloatArray:
    """The body's own lateral direction: by its hip's side, else away from the pelvis's middle."""
    labels = [label for label in meshes[body].parts if label in _HIP_LABELS]
    if labels:
        return axes.left if labels[0] in _LEFT_HIP_LABELS else -axes.left
    middle = np.mean([m.mesh.centroid for m in meshes.values()], axis=0)
    side = float((meshes[body].mesh.centroid - middle) @ axes.left)
    return axes.left if side >= 0 else -axes.left


def _acetabular_roof(meshes: Mapping[str, BodyMesh], body: str, axes: PatientAxes) -> float:
    """Height along `axes.superior` (mm) below which an entry risks the hip joint; -inf without a hip.

    The femur is not in the labels. The roof of the acetabulum lies at about the height of the hip
    bone's centroid (within 5 mm on the pelves of the VSD set).
    """
    labels = [label for label in meshes[body].parts if label in _HIP_LABELS]
    if not labels:
        return -np.inf
    left = labels[0] in _LEFT_HIP_LABELS
    parts = [
        mesh
        for m in meshes.values()
        for label, mesh in m.parts.items()
        if label in _HIP_LABELS and (label in _LEFT_HIP_LABELS) == left
    ]
    return float(merge_meshes(parts).centroid @ axes.superior) + 5.0


def _outward_directions(axes: PatientAxes, lateral: FloatArray, config: PinConfig) -> FloatArray:
    """(k, 3) directions from bone to tail that a supine patient leaves free."""
    azimuth, tilt = np.meshgrid(np.radians(config.azimuths_deg), np.radians(config.tilts_deg))
    flat = np.stack([np.cos(azimuth), np.sin(azimuth)], axis=-1) * np.cos(tilt)[..., None]
    grid = np.concatenate([flat, np.sin(tilt)[..., None]], axis=-1).reshape(-1, 3)
    return grid @ np.stack([axes.anterior, lateral, axes.superior])


def _candidates(site: _Site, config: PinConfig) -> _Candidates:
    """Every (entry, direction) that can be drilled: surface faces it, tail is free, bone is deep."""
    bone = site.bone
    index = even_subset(len(bone.mesh.vertices), config.candidates)
    points, normals = bone.mesh.vertices[index], bone.vertex_normals[index]
    directions = _outward_directions(site.axes, site.lateral, config)
    which_point, which = np.nonzero(normals @ directions.T >= config.min_incidence)
    entries, out = points[which_point], directions[which]
    free = np.isinf(site.everything.first_hit(entries + 0.5 * out, out))
    entries, out, which = entries[free], out[free], which[free]
    depth, thickness = _run_in_bone(bone, entries, out, config)
    score = depth + 4.0 * np.minimum(thickness, 8.0) + _access(site, entries, out)
    deep = depth >= config.min_depth_mm
    return _Candidates(entries[deep], out[deep], depth[deep], score[deep], which[deep])


def _access(site: _Site, entries: FloatArray, out: FloatArray) -> FloatArray:
    """How easily entries (n, 3) are reached, (n,), in mm of depth they are worth.

    Against: below the roof of the hip joint; far under the pelvis's hull, where belly and pelvic
    organs lie before the bone. For: a pin that rises off the table.
    """
    below = np.maximum(site.floor - entries @ site.axes.superior, 0.0)
    under = -(entries @ site.hull[:, :3].T + site.hull[:, 3]).max(axis=1)
    access: FloatArray = 20.0 * (out @ site.axes.anterior) - below - np.maximum(under - 5.0, 0.0)
    return access


def _run_in_bone(
    bone: Surface, entries: FloatArray, out: FloatArray, config: PinConfig
) -> tuple[FloatArray, FloatArray]:
    """Depth (n,) that keeps `wall_mm` of bone around the axis, and the mean wall (n,) over it, mm."""
    depths = np.arange(_DEPTH_STEP_MM, config.max_depth_mm + _DEPTH_STEP_MM / 2, _DEPTH_STEP_MM)
    if len(entries) == 0:
        return np.zeros(0), np.zeros(0)
    # oblique to the surface the first step is not in yet; half the wall is enough there
    needed = np.where(depths <= _DEPTH_STEP_MM, 0.5 * config.wall_mm, config.wall_mm)
    wall, running = np.zeros((len(entries), len(depths))), np.arange(len(entries))
    for k, depth in enumerate(depths):  # where an axis has left the bone, no more is asked
        wall[running, k] = -bone.signed_distance(entries[running] - depth * out[running])
        running = running[wall[running, k] >= needed[k]]
    inside = np.cumprod(wall >= needed, axis=1)
    count = inside.sum(axis=1)
    thickness = (wall * inside).sum(axis=1) / np.maximum(count, 1)
    return count * _DEPTH_STEP_MM, thickness


def _best_pair(
    found: _Candidates, axes: PatientAxes, config: PinConfig
) -> tuple[SchantzPin, SchantzPin] | None:
    """The two parallel candidates with the highest sum of scores at a distance a clamp can hold."""
    best, best_score = None, -np.inf
    for direction in np.unique(found.direction_id):
        index = np.flatnonzero(found.direction_id == direction)
        entries, out = found.entries[index], found.out[index[0]]
        offset = entries[:, None] - entries[None]
        along = offset @ out
        apart = np.sqrt(np.maximum((offset**2).sum(axis=-1) - along**2, 0.0))
        pair_score = found.score[index][:, None] + found.score[index][None] - 0.3 * np.abs(along)
        pair_score[(apart < config.spacing_mm[0]) | (apart > config.spacing_mm[1])] = -np.inf
        i, j = np.unravel_index(np.argmax(pair_score), pair_score.shape)
        if pair_score[i, j] > best_score:
            best, best_score = (index[i], index[j]), float(pair_score[i, j])
    if best is None:
        return None
    # the one nearer the head comes first, so that the clamp's x is deterministic
    first, second = sorted(best, key=lambda k: -float(found.entries[k] @ axes.superior))
    return _pin(found, first, config), _pin(found, second, config)


def _pin(found: _Candidates, k: int, config: PinConfig) -> SchantzPin:
    return SchantzPin(
        found.entries[k], -found.out[k], float(found.depth[k]), config.length_mm, config.diameter_mm
    )
