"""Numbers of the whole pelvis: nothing where all is in place, and what was done to it where not."""

import numpy as np
import pytest

from rafr.cases.meshes import BodyMesh
from rafr.cases.virtual import virtual_pelvis
from rafr.geometry import Plane, RigidTransform
from rafr.planning.alignment import alignment, hip_landmarks, pelvic_axes
from rafr.planning.pins import PatientAxes

AXES = PatientAxes(np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
MIRROR = Plane(np.zeros(3), np.array([1.0, 0.0, 0.0]))
HOME = {"left": RigidTransform.identity()}


@pytest.fixture(scope="module")
def meshes():
    pelvis = virtual_pelvis(np.random.default_rng(0))
    rest = {1: pelvis.sacrum, 21: pelvis.right_hip}
    return {
        "reference": BodyMesh("reference", pelvis.sacrum, rest),
        "left": BodyMesh("left", pelvis.left_hip, {11: pelvis.left_hip}),
    }


@pytest.fixture(scope="module")
def landmarks(meshes):
    return hip_landmarks(meshes, HOME, AXES)


def test_a_tilted_pelvis_has_axes_of_its_own():
    tilted = Plane(np.zeros(3), -np.array([np.cos(0.2), 0.0, np.sin(0.2)]))
    axes = pelvic_axes(AXES, tilted)
    assert axes.left == pytest.approx(-tilted.normal)
    assert axes.superior == pytest.approx([-np.sin(0.2), 0.0, np.cos(0.2)])
    assert axes.anterior == pytest.approx([0.0, -1.0, 0.0])


def test_both_hips_have_all_landmarks_on_their_own_body(landmarks):
    assert len(landmarks) == 10
    assert {k.body for k in landmarks if k.side == "left"} == {"left"}
    assert {k.body for k in landmarks if k.side == "right"} == {"reference"}
    sides = {k.name: k.point[0] for k in landmarks if k.side == "left"}
    assert all(sides[k.name] > k.point[0] for k in landmarks if k.side == "right")


def test_a_whole_pelvis_is_nearly_symmetric_and_has_no_error(landmarks):
    numbers = alignment(landmarks, HOME, HOME, MIRROR, AXES)
    assert set(numbers["landmark_error_mm"].values()) == {0.0}
    assert numbers["rotation_deg"]["left"] == {"flexion": 0.0, "axial": 0.0, "abduction": 0.0}
    assert abs(numbers["leg_length_difference_mm"]) < 5.0
    assert numbers["cross_index"] < 0.03


def test_a_hip_10_mm_up_shortens_its_leg_by_as_much(landmarks):
    at_home = alignment(landmarks, HOME, HOME, MIRROR, AXES)
    raised = {"left": RigidTransform.from_translation([0.0, 0.0, 10.0])}
    numbers = alignment(landmarks, raised, HOME, MIRROR, AXES)
    change = numbers["leg_length_difference_mm"] - at_home["leg_length_difference_mm"]
    assert change == pytest.approx(-10.0)
    assert numbers["landmark_error_mm"]["left_hip_centre"] == pytest.approx(10.0)
    assert numbers["asymmetry_mm"]["hip_centre"] > at_home["asymmetry_mm"]["hip_centre"] + 3.0


def test_an_opened_hip_is_turned_about_the_patients_axis_and_crosses_unequally(landmarks):
    at_home = alignment(landmarks, HOME, HOME, MIRROR, AXES)
    opened = {"left": RigidTransform.about_point(np.radians([0.0, 0.0, 12.0]), [30.0, 60.0, 0.0])}
    numbers = alignment(landmarks, opened, HOME, MIRROR, AXES)
    assert numbers["rotation_deg"]["left"]["axial"] == pytest.approx(12.0)
    assert numbers["cross_index"] > at_home["cross_index"] + 0.005


def test_landmarks_do_not_depend_on_how_the_patient_lay_in_the_scanner(meshes, landmarks):
    turn = RigidTransform.from_rotvec([0.4, -0.7, 1.1], [30.0, -20.0, 10.0])
    moved = {
        name: BodyMesh(name, b.mesh.transformed(turn), {v: m.transformed(turn) for v, m in b.parts.items()})
        for name, b in meshes.items()
    }
    axes = PatientAxes(*(turn.rotation @ a for a in (AXES.anterior, AXES.superior, AXES.left)))
    for before, after in zip(landmarks, hip_landmarks(moved, HOME, axes), strict=True):
        assert np.linalg.norm(turn.apply(before.point) - after.point) < 1.0  # mm


def test_without_the_other_hip_only_what_is_there_is_measured(meshes):
    alone = {"left": meshes["left"]}
    numbers = alignment(hip_landmarks(alone, HOME, AXES), HOME, HOME, MIRROR, AXES)
    assert numbers["leg_length_difference_mm"] is None
    assert len(numbers["landmark_error_mm"]) == 5
