"""Next to a joint the other side says how two bones stand to each other."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from rafr.geometry import Plane, RigidTransform, TriangleMesh
from rafr.planning.target.anatomy import Bone
from rafr.planning.target.anchors import AnchorTerm, anchor_terms
from rafr.planning.target.estimate import IN_PLACE, Estimate
from rafr.planning.target.evidence import Term
from rafr.planning.target.local_mirror import find_local_mirrors

MIDLINE = Plane(np.zeros(3), np.array([1.0, 0.0, 0.0]))


def rough_block(centre: tuple[float, float, float], size: tuple[float, float, float]) -> TriangleMesh:
    """A block whose faces have bumps of 2 mm every 2 cm or so, even about x = 0."""
    box = trimesh.creation.box(size)
    for _ in range(5):
        box = box.subdivide()
    points = np.asarray(box.vertices) + centre
    waves = np.column_stack([np.abs(points[:, 0]), points[:, 1:]]) / 3.0
    bumps = 2.0 * np.column_stack(
        [np.sin(waves[:, 1]) * np.cos(waves[:, 2]), np.sin(waves[:, 2] + 1.0), np.sin(waves[:, 1] + 2.0)]
    )
    bumps[:, 0] *= np.sign(points[:, 0])
    return TriangleMesh(points + bumps, np.asarray(box.faces))


def pelvis(moving: RigidTransform) -> tuple[list[Bone], Estimate]:
    """A sacrum behind two hips that meet in front; the left one is believed to be at `moving`."""
    right = trimesh.util.concatenate(
        [_trimesh(rough_block((-45.0, 100.0, 0.0), (26.0, 60.0, 70.0))),
         _trimesh(rough_block((-17.0, 0.0, 0.0), (30.0, 24.0, 36.0)))]
    )  # fmt: skip
    hip = TriangleMesh(np.asarray(right.vertices), np.asarray(right.faces))
    sacrum = rough_block((0.0, 100.0, 0.0), (56.0, 50.0, 60.0))
    left = Bone.of("left_hip", [MIDLINE.reflect_mesh(hip)], body=0)
    bones = [left, Bone.of("sacrum", [sacrum]), Bone.of("right_hip", [hip])]
    centre = left.points.mean(axis=0)
    return bones, Estimate(MIDLINE, centre, (moving,), (centre,))


def _trimesh(mesh: TriangleMesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def anchors(moving: RigidTransform) -> tuple[dict[str, AnchorTerm], Estimate]:
    bones, at = pelvis(moving)
    return {t.name.split(" ")[0]: t for t in found(at, bones)}, at


def found(at: Estimate, bones: list[Bone]) -> list[Term]:
    return anchor_terms(at, bones, find_local_mirrors(at, bones))


def test_both_joints_hold_a_hip_that_is_where_it_belongs():
    found, at = anchors(RigidTransform.identity())
    assert set(found) == {"anchor:symphysis", "anchor:left_hip-sacrum"}
    for term in found.values():
        assert np.abs(term.rows(at, 2.0).residual).max() < 0.05


def test_a_step_at_the_symphysis_shows_how_high_it_is():
    found, at = anchors(RigidTransform.from_translation([0.0, 1.5, 2.5]))
    term = found["anchor:symphysis"]
    step = term.directions.T @ term.rows(at, 2.0).residual
    np.testing.assert_allclose(step, [0.0, 1.5, 2.5], atol=0.2)


def test_a_displaced_joint_shows_how_far_it_is_from_that_of_the_other_side():
    shift = np.array([3.0, -2.0, 4.0])
    found, at = anchors(RigidTransform.from_translation(shift))
    residual = found["anchor:left_hip-sacrum"].rows(at, 2.0).residual
    np.testing.assert_allclose(residual, shift, atol=0.2)


@pytest.mark.parametrize("name", ["anchor:symphysis", "anchor:left_hip-sacrum"])
def test_derivatives_are_those_of_the_residual(name):
    found, at = anchors(RigidTransform.from_rotvec([0.02, -0.01, 0.03], [1.0, 2.0, -1.0]))
    rows = found[name].rows(at, 2.0)
    step = np.zeros(at.size)
    for column in range(6):
        step[:] = 0.0
        step[column] = 1e-6
        ahead = found[name].rows(at.moved(step), 2.0).residual
        np.testing.assert_allclose((ahead - rows.residual) / 1e-6, rows.jacobian[:, column], atol=1e-4)


def test_what_lies_centimetres_away_is_not_held():
    assert anchors(RigidTransform.from_translation([25.0, 0.0, 0.0]))[0] == {}


def test_flat_faces_say_nothing_along_themselves():
    plate = trimesh.creation.box((10.0, 200.0, 200.0))
    for _ in range(6):
        plate = plate.subdivide()
    right = TriangleMesh(np.asarray(plate.vertices) - [6.6, 0.0, 0.0], np.asarray(plate.faces))
    left = Bone.of("left_hip", [MIDLINE.reflect_mesh(right)], body=0)
    at = Estimate(MIDLINE, np.zeros(3), (RigidTransform.identity(),), (np.array([6.6, 0.0, 0.0]),))
    assert found(at, [left, Bone.of("right_hip", [right])]) == []


def test_a_joint_within_one_body_is_not_held_again():
    bones, at = pelvis(RigidTransform.identity())
    assert found(at, [bone.of_body(IN_PLACE) for bone in bones]) == []
