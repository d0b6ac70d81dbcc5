"""Where bones meet: faces of a break, joints, and keeping bodies from overlapping."""

from __future__ import annotations

from typing import cast

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.anatomy import MIRROR_BONE, Bone, Bones
from rafr.planning.evidence import BoolArray, ContactTerm, Estimate, Term, facing_pairs

# mean width of sacro-iliac joint and symphysis over 18 pelves of the VSD set; the first only where no
# intact joint shows its own
_JOINT_GAP_MM = {frozenset({"sacrum", "left_hip"}): 2.0, frozenset({"sacrum", "right_hip"}): 2.0}
_SYMPHYSIS_GAP_MM = 3.2
_JOINT_SIGMA_MM, _SYMPHYSIS_SIGMA_MM, _JOINT_PATCH_MM2 = 0.8, 1.0, 150.0
_FACE_SIGMA_MM, _FACE_PATCH_MM2 = 0.4, 25.0
_SMALLEST_FACE_MM2 = 40.0
_JOINT_SEARCH_MM, _CONTACT_SEARCH_MM = 6.0, 15.0
_JOINT_WATCH_MM = 20.0
_CORTEX_MM = 2.0


def contact_area(moving: Bones, in_place: Bones) -> float:
    """Area (mm²) of a body, as it lies, that faces bone in place within 15 mm."""
    area = 0.0
    for bone in moving.values():
        for other in in_place.values():
            pairs = facing_pairs(
                bone, _all(bone), RigidTransform.identity(), other.surface, _CONTACT_SEARCH_MM
            )
            area += bone.area * len(pairs.gap)
    return area


def contact_terms(at: Estimate, moving: Bones, in_place: Bones) -> list[Term]:
    """Joints between the body and what stands in place: sacro-iliac and symphysis."""
    terms: list[Term] = []
    for name, bone in moving.items():
        for other_name, other in in_place.items():
            masks = _near(bone, other, at, _JOINT_WATCH_MM)
            if name == other_name or not masks[0].any():
                continue
            gap, sigma = _joint_gap(name, other_name, in_place)
            label = f"joint:{name}-{other_name}"
            terms.append(ContactTerm(bone, other, gap, sigma, _JOINT_PATCH_MM2, label, *masks))
    return terms


def face_terms(at: Estimate, moving: Bones, in_place: Bones, reach_mm: float) -> list[Term]:
    """Fracture faces: parts of one bone that face each other within reach and continue no mirrored cortex."""
    terms: list[Term] = []
    for name in moving.keys() & in_place.keys():
        bone, other = moving[name], in_place[name]
        mirror = in_place.get(MIRROR_BONE[name])
        near, other_near = _near(bone, other, at, 2.0 * reach_mm)
        bone_mask = near & ~_on_cortex(bone, at.T, at, mirror)
        # a bone in place lies on itself, not on its own mirror image
        intact = mirror if mirror is not other else None
        other_mask = other_near & ~_on_cortex(other, RigidTransform.identity(), at, intact)
        label = f"face:{name}"
        term = ContactTerm(bone, other, 0.0, _FACE_SIGMA_MM, _FACE_PATCH_MM2, label, bone_mask, other_mask)
        if term.rows(at, reach_mm).area >= _SMALLEST_FACE_MM2:
            terms.append(term)
    return terms


def _near(bone: Bone, other: Bone, at: Estimate, reach_mm: float) -> tuple[BoolArray, BoolArray]:
    """Points of the body's bone near one in place, and the other way round: all that can ever pair."""
    forth = other.surface.distance(at.T.apply(bone.points)) < reach_mm
    back = bone.surface.distance(at.T.inverse().apply(other.points)) < reach_mm
    return forth, back


def _all(bone: Bone) -> BoolArray:
    return np.ones(len(bone.points), dtype=bool)


def _on_cortex(bone: Bone, T: RigidTransform, at: Estimate, mirror: Bone | None) -> BoolArray:
    """Points whose mirror image lies on intact cortex that faces the same way."""
    if mirror is None:
        return np.zeros(len(bone.points), dtype=bool)
    normals = T.rotate(bone.normals)
    match = mirror.surface.closest(at.plane.reflect(T.apply(bone.points)))
    same_way = np.einsum("ij,ij->i", match.normals, at.plane.reflect_direction(normals)) > 0.7
    return cast(BoolArray, same_way & (match.distance < _CORTEX_MM))


def _joint_gap(name: str, other_name: str, in_place: Bones) -> tuple[float, float]:
    """Wanted gap and its sigma (mm): that of the mirror side's joint where it is intact."""
    if "sacrum" not in (name, other_name):
        return _SYMPHYSIS_GAP_MM, _SYMPHYSIS_SIGMA_MM
    default = _JOINT_GAP_MM[frozenset({name, other_name})]
    hip, sacrum = in_place.get(MIRROR_BONE[name if name != "sacrum" else other_name]), in_place.get("sacrum")
    if hip is None or sacrum is None:
        return default, _JOINT_SIGMA_MM
    pairs = facing_pairs(hip, _all(hip), RigidTransform.identity(), sacrum.surface, _JOINT_SEARCH_MM)
    return (float(np.median(pairs.gap)) if len(pairs.gap) >= 30 else default), _JOINT_SIGMA_MM


def push_out(at: Estimate, moving: Bones, in_place: Bones, allowed_mm: float) -> tuple[Estimate, float]:
    """Shift the body along the mean outward direction of its overlap until it keeps at most `allowed_mm`.

    Returns:
        The estimate without overlap, and the distance moved (mm).
    """
    vertices = np.concatenate([b.surface.mesh.vertices for b in moving.values()])
    total = np.zeros(3)
    for _ in range(30):
        depth, outward = _overlap(at.T, vertices, in_place)
        if len(depth) == 0 or depth.max() <= allowed_mm:
            break
        worst = depth > 0.5 * depth.max()
        direction = (outward[worst] * depth[worst, None]).sum(axis=0)
        direction /= max(float(np.linalg.norm(direction)), 1e-9)
        shift = (depth.max() - allowed_mm + 0.02) * direction
        total += shift
        at = Estimate(RigidTransform.from_translation(shift) @ at.T, at.plane, at.centre)
    return at, float(np.linalg.norm(total))


def _overlap(T: RigidTransform, vertices: FloatArray, in_place: Bones) -> tuple[FloatArray, FloatArray]:
    """Depths (k,) of the body's vertices inside bone in place, and the way out (k, 3)."""
    moved = T.apply(vertices)
    depths, ways = [np.zeros(0)], [np.zeros((0, 3))]
    for bone in in_place.values():
        lower, upper = bone.surface.mesh.vertices.min(axis=0), bone.surface.mesh.vertices.max(axis=0)
        near = moved[((moved > lower) & (moved < upper)).all(axis=1)]
        if len(near) == 0:
            continue
        distance = bone.surface.signed_distance(near)
        inside = distance < 0.0
        depths.append(-distance[inside])
        ways.append(bone.surface.closest(near[inside]).normals if inside.any() else np.zeros((0, 3)))
    return np.concatenate(depths), np.concatenate(ways)
