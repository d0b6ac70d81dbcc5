"""A mirrored CT is not taken for the patient's own, however symmetric the patient."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rafr.assessment import ACCEPTED
from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume
from rafr.registration.bodies import RegisteredBody, RegistrationConfig, Scene, not_found
from rafr.registration.field_of_view import bone_map
from rafr.registration.judge import JudgeConfig, Quality
from rafr.registration.swapped import judge_side, mirror_image
from rafr.registration.uncertainty import scale_error

NAME = "reference"


@pytest.fixture(scope="module")
def scene(phantom) -> Scene:
    cbct = phantom.cbct(dict.fromkeys(phantom.meshes, RigidTransform.identity()), np.random.default_rng(1))
    labels = {NAME: (1,), "fragment": (11,)}
    config = RegistrationConfig(judge=JudgeConfig(min_overlap=0.05, min_found=0.0))
    return Scene(phantom.ct, phantom.labels, labels, phantom.meshes, cbct, bone_map(cbct), config)


def registered(residual_mm: float, found: float) -> RegisteredBody:
    quality = Quality(overlap=1.0, found=found, residual_mm=residual_mm, spread_mm=0.1, tre_mm=0.4)
    return RegisteredBody(not_found(NAME), ACCEPTED, quality)


def test_the_mirror_image_of_the_mirror_image_is_the_scan_itself(scene):
    twice = mirror_image(mirror_image(scene))
    assert np.array_equal(twice.ct.array, scene.ct.array)
    assert np.array_equal(twice.labels.array, scene.labels.array)
    assert twice.meshes[NAME].vertices == pytest.approx(scene.meshes[NAME].vertices, abs=1e-9)
    assert twice.meshes[NAME].volume > 0.0


def test_surface_and_voxels_are_mirrored_alike(scene):
    mirrored = mirror_image(scene)
    inside = mirrored.labels.index_to_lps(np.argwhere(mirrored.labels.array == 1)[:, ::-1])
    corners = mirrored.meshes[NAME].vertices
    for extreme in (np.min, np.max):
        # mm; the surface lies half a voxel of 1.5 mm outside the last centres
        assert extreme(inside, axis=0) == pytest.approx(extreme(corners, axis=0), abs=1.5)


@pytest.mark.slow
def test_a_mirrored_scan_is_refused_where_its_mirror_image_fits_better(scene):
    verdict = judge_side(mirror_image(scene), registered(0.5, 0.7), np.random.default_rng(0))
    assert not verdict.accepted
    assert "left and right swapped" in verdict.reasons[0]


@pytest.mark.slow
def test_a_poor_image_of_the_right_side_stays_accepted(scene):
    assert judge_side(scene, registered(0.5, 0.9), np.random.default_rng(0)).accepted


def test_nothing_is_tried_where_edges_lie_close(scene):
    empty = dataclasses.replace(scene, meshes={})
    assert judge_side(empty, registered(0.1, 0.9), np.random.default_rng(0)).accepted


def test_the_scale_of_a_scanner_counts_with_the_distance_from_its_middle():
    cbct = Volume(np.zeros((11, 11, 11)), np.full(3, -5.0), np.ones(3), np.eye(3))
    assert scale_error(np.array([[100.0, 0.0, 0.0]]), cbct) == pytest.approx(0.1)
    assert scale_error(np.zeros((1, 3)), cbct) == 0.0
