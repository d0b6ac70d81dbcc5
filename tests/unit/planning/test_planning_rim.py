"""Steps of the cortex across a break, on an ellipsoid cut in two."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from rafr.geometry import Plane, RigidTransform, TriangleMesh
from rafr.planning.target.anatomy import Bone
from rafr.planning.target.estimate import Estimate
from rafr.planning.target.rim import rim_terms

MIDLINE = Plane(np.zeros(3), np.array([1.0, 0.0, 0.0]))
STILL = RigidTransform.identity()


def bone_mesh() -> TriangleMesh:
    ball = trimesh.creation.icosphere(subdivisions=5)
    return TriangleMesh(
        np.asarray(ball.vertices) * (30.0, 60.0, 45.0) + np.array([60.0, 0.0, 0.0]), ball.faces
    )


def side(mesh: TriangleMesh, sign: float) -> TriangleMesh:
    kept = mesh.faces[sign * mesh.face_centres[:, 1] > 0.0]
    used, faces = np.unique(kept, return_inverse=True)
    return TriangleMesh(mesh.vertices[used], faces.reshape(-1, 3))


@pytest.fixture(scope="module")
def bones() -> list[Bone]:
    whole = bone_mesh()
    return [
        Bone.of("left_hip", [side(whole, 1.0)], body=0),
        Bone.of("left_hip", [side(whole, -1.0)]),
        Bone.of("right_hip", [MIDLINE.reflect_mesh(whole)]),
    ]


def at(pose: RigidTransform, plane: Plane = MIDLINE) -> Estimate:
    return Estimate(plane, np.array([60.0, 0.0, 0.0]), (pose,), (np.array([60.0, 30.0, 0.0]),))


def step(bones: list[Bone], estimate: Estimate) -> np.ndarray:
    (term,) = rim_terms(estimate, bones)
    return term.rows(estimate, 3.0).residual


def test_an_unbroken_cortex_shows_no_step(bones):
    assert np.abs(step(bones, at(STILL))).max() < 0.1  # mm; facets of 2 mm


def test_a_fragment_that_stands_out_shows_a_step_of_that_size(bones):
    residual = step(bones, at(RigidTransform.from_translation([0.0, 0.0, 1.0])))
    # along z the cortex lies 1 mm outside above and inside below
    assert np.abs(residual).max() == pytest.approx(1.0, abs=0.15)


def test_a_plane_that_is_off_by_a_millimetre_makes_no_step(bones):
    off = Plane(np.array([0.5, 0.0, 0.0]), np.array([1.0, 0.01, 0.0]))
    assert np.abs(step(bones, at(STILL, off))).max() < 0.25  # mm, of 1 mm


def test_without_an_intact_counterpart_there_is_no_template(bones):
    assert rim_terms(at(STILL), bones[:2]) == []
