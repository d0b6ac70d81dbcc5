"""Inputs that cannot be right are refused or remarked on."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from rafr.cases.virtual import VariationConfig, virtual_pelvis
from rafr.geometry import Plane, RigidTransform, TriangleMesh
from rafr.planning.target.anatomy import Bone
from rafr.planning.target.estimate import Estimate
from rafr.planning.target.evidence import MirrorTerm
from rafr.planning.target.plausible import handedness, same_person, slices

MIDLINE = Plane(np.zeros(3), np.array([1.0, 0.0, 0.0]))
TURNS = ([0.0, 0.0, 0.0], [0.0, 0.0, np.pi], [1.2, -0.7, 0.4], [np.pi, 0.0, 0.0])


@pytest.fixture(scope="module")
def pelvis() -> dict[int, TriangleMesh]:
    # handedness is a matter of the whole: 3 mm show it
    whole = virtual_pelvis(np.random.default_rng(3), VariationConfig(spacing_mm=3.0))
    return {1: whole.sacrum, 11: whole.left_hip, 21: whole.right_hip}


@pytest.mark.parametrize("turn", TURNS)
def test_a_pelvis_is_right_handed_however_the_ct_lies(pelvis, turn):
    T = RigidTransform.from_rotvec(turn, [30.0, -200.0, 80.0])
    assert handedness({label: mesh.transformed(T) for label, mesh in pelvis.items()}).accepted


@pytest.mark.parametrize("normal", [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.3, -1.0, 0.5]])
def test_a_mirrored_pelvis_is_refused_whichever_axis_was_flipped(pelvis, normal):
    flip = Plane(np.array([5.0, 0.0, 0.0]), np.array(normal))
    verdict = handedness({label: flip.reflect_mesh(mesh) for label, mesh in pelvis.items()})
    assert not verdict.accepted
    assert "mirrored" in verdict.reasons[0]


def test_one_side_alone_tells_nothing_about_handedness(pelvis):
    assert handedness({1: pelvis[1], 11: pelvis[11]}).accepted


def bumpy(wave: float) -> TriangleMesh:
    ball = trimesh.creation.icosphere(subdivisions=4)
    points = np.asarray(ball.vertices)
    height = 1.0 + 0.1 * np.cos(wave * points @ [2.0, 1.0, -1.5])
    return TriangleMesh(points * height[:, None] * (40.0, 60.0, 50.0) + [60.0, 0.0, 0.0], ball.faces)


@pytest.mark.parametrize(("wave", "accepted"), [(1.0, True), (3.0, False)])
def test_a_bone_of_another_shape_than_its_counterpart_is_refused(wave, accepted):
    term = MirrorTerm(
        Bone.of("left_hip", [bumpy(wave)], body=0),
        Bone.of("right_hip", [MIDLINE.reflect_mesh(bumpy(1.0))]),
        "mirror:left_hip",
    )
    at = Estimate(MIDLINE, np.zeros(3), (RigidTransform.identity(),), (np.array([60.0, 0.0, 0.0]),))
    assert same_person("left_hip", at, [term]).accepted is accepted


def test_a_hip_that_ends_far_from_its_mirror_image_is_refused_for_its_place_not_its_shape():
    term = MirrorTerm(
        Bone.of("left_hip", [bumpy(1.0)], body=0),
        Bone.of("right_hip", [MIDLINE.reflect_mesh(bumpy(1.0))]),
        "mirror:left_hip",
    )
    off = RigidTransform.from_translation([0.0, 40.0, 60.0])
    at = Estimate(MIDLINE, np.zeros(3), (off,), (np.array([60.0, 0.0, 0.0]),))
    verdict = same_person("left_hip", at, [term])
    assert not verdict.accepted
    assert "still displaced" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("spacing", "accepted", "remarks"), [(1.0, True, 0), (3.0, True, 1), (8.0, False, 1)]
)
def test_thick_slices_are_remarked_on_and_the_thickest_refused(spacing, accepted, remarks):
    verdict = slices(np.array([0.8, 0.8, spacing]))
    assert verdict.accepted is accepted
    assert len(verdict.reasons) == remarks
