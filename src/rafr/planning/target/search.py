"""Searching where bodies belong: onto the mirror image, then faces and joints together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.target.anatomy import MIRROR_BONE, Bone, Bones, whole_hips
from rafr.planning.target.anchors import anchor_terms
from rafr.planning.target.estimate import IN_PLACE, Estimate
from rafr.planning.target.evidence import WHOLE, MirrorTerm, Term
from rafr.planning.target.faces import face_terms
from rafr.planning.target.joints import joint_terms
from rafr.planning.target.local_mirror import find_local_mirrors
from rafr.planning.target.priors import MidlineTerm, PoseTerm
from rafr.planning.target.rim import rim_terms
from rafr.planning.target.shape_fit import ShapeTerm
from rafr.planning.target.solve import Solution, solve
from rafr.planning.target.symmetry import find_plane, support
from rafr.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """How a target is searched.

    Attributes:
        mirror_reaches_mm: pairing distances while the body is brought onto the mirror image.
        contact_reaches_mm: pairing distances while faces and joints are brought together.
        catch_reaches_mm: pairing distances while fracture faces are first found.
        mirror_loyal_mm, mirror_loyal_share: a fit of faces must keep this share of the area that lies
            within this distance of the mirror image before faces are looked at.
        nudge_mm: how far the last search is started off its best guess, both ways along three axes.
    """

    mirror_reaches_mm: tuple[float, ...] = (30.0, 25.0, 20.0, 16.0, 12.0, 9.0, 7.0, 5.0, 4.0)
    contact_reaches_mm: tuple[float, ...] = (6.0, 5.0, 4.0, 3.0, 2.5, 2.0)
    catch_reaches_mm: tuple[float, ...] = (14.0, 12.0, 10.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0)
    mirror_loyal_mm: float = 5.0
    mirror_loyal_share: float = 0.6
    nudge_mm: float = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What a search looks at.

    Attributes:
        bones: of every body in question and of what stands in place.
        plane_terms: what the bones in place say about the plane.
        everything: every labelled part of the pelvis.
        beliefs: what else is known about poses beforehand.
    """

    bones: tuple[Bone, ...]
    plane_terms: tuple[Term, ...]
    everything: Mapping[int, TriangleMesh]
    beliefs: tuple[ShapeTerm, ...] = ()

    def terms(self, starts: Sequence[RigidTransform]) -> list[Term]:
        """Everything but faces and joints; bodies are loosely held near `starts`."""
        held = [PoseTerm(k, T) for k, T in enumerate(starts)]
        return [*self.plane_terms, *mirror_terms(self.bones), *self._midline_terms(), *self.beliefs, *held]

    def _midline_terms(self) -> list[Term]:
        """A whole hip without a whole counterpart in place: its symphysial face belongs at the midline."""
        whole = whole_hips(self.bones, self.everything)
        if any(hip.body == IN_PLACE for hip in whole):
            return []
        return [MidlineTerm(hip, name=f"midline:{hip.name}") for hip in whole]


def mirror_terms(bones: Sequence[Bone]) -> list[MirrorTerm]:
    """Every bone on the mirror image of its counterpart, where at least one of them moves."""
    terms: list[MirrorTerm] = []
    for k, a in enumerate(bones):
        for b in bones[k + 1 :]:
            if b.name != MIRROR_BONE[a.name] or (a.body == IN_PLACE and b.body == IN_PLACE):
                continue
            first, second = (a, b) if a.body != IN_PLACE else (b, a)
            terms.append(MirrorTerm(first, second, f"mirror:{first.name} {first.body}/{second.body}"))
    return terms


def find_body(
    moving: Bones,
    in_place: Bones,
    everything: Mapping[int, TriangleMesh],
    config: SearchConfig,
    progress: Progress = silent,
    belief: ShapeTerm | None = None,
) -> tuple[Solution, Solution, Scene]:
    """The pose of one body among bones in place.

    Args:
        moving: its bones, of body 0.
        belief: where a shape model puts it; used where no counterpart is in place.

    Returns:
        Where the mirror image alone puts it; where all evidence does; and what was looked at.
    """
    progress(0.0, "plane of symmetry")
    plane, terms = find_plane(in_place, everything)
    bones = (*moving.values(), *in_place.values())
    needed = belief is not None and not mirror_terms(bones)
    scene = Scene(bones, tuple(terms), everything, (belief,) if belief is not None and needed else ())
    centre = np.concatenate([b.points for b in moving.values()]).mean(axis=0)
    start = plane.estimate.joined_by(RigidTransform.identity(), centre)
    progress(0.2, "mirror image")
    coarse = _onto_mirror(start, scene, moving, in_place, config)
    progress(0.4, "fracture faces and joints")
    return coarse, _into_contact(coarse, start, scene, config), scene


def find_together(start: Estimate, scene: Scene, config: SearchConfig) -> Solution:
    """All bodies at once, from where each was found alone; faces are found anew on the way."""
    anchored = [*scene.terms(start.poses), *_joints(start, scene)]
    found = solve(start, [*anchored, *_breaks(start, scene, 4.0)], config.contact_reaches_mm[2:])
    breaks = _breaks(found.estimate, scene, config.contact_reaches_mm[-2])
    return solve(found.estimate, [*anchored, *breaks], config.contact_reaches_mm[-2:])


def _joints(at: Estimate, scene: Scene) -> list[Term]:
    """What joints and their neighbourhoods say."""
    mirrors = find_local_mirrors(at, scene.bones)
    return [*joint_terms(at, scene.bones, mirrors), *anchor_terms(at, scene.bones, mirrors)]


def _breaks(at: Estimate, scene: Scene, reach_mm: float) -> list[Term]:
    """Faces of every break, and the cortex along it."""
    return [*face_terms(at, scene.bones, reach_mm), *rim_terms(at, scene.bones)]


def _onto_mirror(
    start: Estimate, scene: Scene, moving: Bones, in_place: Bones, config: SearchConfig
) -> Solution:
    """The best of several searches: from where the body lies, and from matching centroids."""
    terms = scene.terms(start.poses)
    starts = [start, *_centroid_starts(start, moving, in_place)]
    found = [solve(s, terms, config.mirror_reaches_mm) for s in starts]
    return max(found, key=_mirror_support)


def _centroid_starts(start: Estimate, moving: Bones, in_place: Bones) -> list[Estimate]:
    """The body shifted so that a bone's centroid meets that of its mirror image."""
    shifts: list[FloatArray] = []
    for name, bone in moving.items():
        counterpart = in_place.get(MIRROR_BONE[name])
        if name == "sacrum" or counterpart is None:
            continue
        # a fragment's centroid says nothing about the whole bone's
        if not 1.0 / WHOLE < bone.size / counterpart.size < WHOLE:
            continue
        middle = counterpart.points.mean(axis=0)
        shifts.append(start.image(counterpart.name, middle[None])[0] - bone.points.mean(axis=0))
    return [start.with_pose(0, RigidTransform.from_translation(shift)) for shift in shifts]


def _mirror_support(solution: Solution) -> float:
    rows = [r for name, r in solution.rows.items() if name.startswith("mirror:")]
    return support(rows)


def _into_contact(coarse: Solution, start: Estimate, scene: Scene, config: SearchConfig) -> Solution:
    """Refine with joints, then bring fracture faces together from the mirror and from where they lie."""
    terms = scene.terms(start.poses)
    joined = solve(coarse.estimate, [*terms, *_joints(coarse.estimate, scene)], config.contact_reaches_mm)
    anchored = [*terms, *_joints(joined.estimate, scene)]
    joined = solve(joined.estimate, anchored, config.contact_reaches_mm)
    guesses = [coarse.estimate, joined.estimate, start.with_plane_of(joined.estimate)]
    fits = [_fit_faces(g, anchored, scene, config.catch_reaches_mm) for g in guesses]
    fits.append(_fit_faces(joined.estimate, anchored, scene, config.contact_reaches_mm))
    found = [s for s in fits if s is not None and _keeps_mirror(s, joined, scene, config)]
    if not found:
        return joined
    # rough faces lock into each other: several nudged starts find the deepest fit
    best = max(found, key=_explained)
    nudged = [
        _fit_faces(g, anchored, scene, config.contact_reaches_mm) for g in _nudged(best.estimate, config)
    ]
    kept = [s for s in nudged if s is not None and _keeps_mirror(s, joined, scene, config)]
    return max([best, *kept], key=_explained)


def _keeps_mirror(fit: Solution, joined: Solution, scene: Scene, config: SearchConfig) -> bool:
    """Faces refine what the mirror says; a fit that leaves a hip's mirror image has caught wrong faces.

    A piece of sacrum finds mirror images in many places: its word is weighed, but is no veto.
    """
    hips = [t for t in mirror_terms(scene.bones) if t.bone.name != "sacrum"]

    def area(at: Estimate) -> float:
        return sum(t.rows(at, config.mirror_loyal_mm).area for t in hips)

    return area(fit.estimate) >= config.mirror_loyal_share * area(joined.estimate)


def _fit_faces(
    guess: Estimate, terms: list[Term], scene: Scene, reaches_mm: tuple[float, ...]
) -> Solution | None:
    faces = face_terms(guess, scene.bones, reaches_mm[0])
    if not faces:
        return None
    return solve(guess, [*terms, *faces, *rim_terms(guess, scene.bones)], reaches_mm)


def _nudged(at: Estimate, config: SearchConfig) -> list[Estimate]:
    shifts = config.nudge_mm * np.vstack([np.zeros(3), np.eye(3), -np.eye(3)])
    return [at.moved(np.concatenate([shift, np.zeros(at.size - 3)])) for shift in shifts]


def _explained(solution: Solution) -> float:
    """How much of all evidence a solution explains; what finds no partner counts as unexplained."""
    return sum(rows.support for rows in solution.rows.values())
