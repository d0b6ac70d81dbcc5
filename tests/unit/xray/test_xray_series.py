"""Patients taken apart, bodies moved, displacement measured, pictures drawn."""

import numpy as np
import pytest

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.planning.pins import PatientAxes
from rafr.xray.attenuation import attenuation_of_hu
from rafr.xray.displacement import fracture_edges, matta_on_views, seen_displacement
from rafr.xray.patient import XrayPatient
from rafr.xray.picture import Tone, picture
from rafr.xray.projector import Absorber, project
from rafr.xray.radiograph import Fluoroscope, transmitted
from rafr.xray.rods import Rod, project_rod
from rafr.xray.series import State, take_series
from rafr.xray.view import VIEWS, Device, standard_view

from .conftest import BODIES, CENTRES, two_balls

SUPINE = PatientAxes(np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
DEVICE = Device(detector_mm=110.0, pixels=96)
MOVED = {"fragment": RigidTransform.from_rotvec([0.0, 0.3, 0.0], [6.0, 4.0, 9.0])}
PIN = Rod(np.array([19.0, -40.0, 3.0]), np.array([19.0, 5.0, 3.0]), 5.0)


def a_view(name="ap", device=DEVICE):
    return standard_view(name, SUPINE, np.zeros(3), device)


@pytest.fixture(scope="module")
def patient(balls):
    return XrayPatient.of_ct(*balls, BODIES, {"fragment": (PIN,)})


def plate(x_from, x_to):
    """A box 40 mm wide and high between two planes across x, its faces cut into many triangles."""
    import trimesh

    box = trimesh.creation.box(bounds=[[x_from, -20.0, -20.0], [x_to, 20.0, 20.0]]).subdivide_to_size(4.0)
    return TriangleMesh(np.asarray(box.vertices), np.asarray(box.faces))


@pytest.mark.parametrize("name", VIEWS)
def test_taken_apart_and_put_together_it_is_the_ct(balls, name):
    ct, labels = balls
    patient = XrayPatient.of_ct(ct, labels, BODIES)
    whole = project(Absorber(ct.with_array(attenuation_of_hu(ct.array)), endless=2), a_view(name))
    assert Fluoroscope(patient, a_view(name)).expose({}) == pytest.approx(whole, abs=0.01)


@pytest.mark.parametrize("name", VIEWS)
def test_a_moved_body_is_where_a_ct_taken_then_would_show_it(balls, name):
    view = a_view(name)
    shown = Fluoroscope(XrayPatient.of_ct(*balls, BODIES), view).expose(MOVED)
    then = Fluoroscope(XrayPatient.of_ct(*two_balls(MOVED), BODIES), view).expose({})
    bone = then.max() - np.median(then)
    assert np.abs(shown - then).mean() < 0.01 * bone
    assert np.abs(shown - then).max() < 0.2 * bone  # rims, where a voxel's share makes the difference


def test_bodies_that_stand_still_are_not_projected_again(patient, monkeypatch):
    import rafr.xray.radiograph as module

    projected, original = [], module.project_window
    monkeypatch.setattr(module, "project_window", lambda a, v: projected.append(a) or original(a, v))
    scope = Fluoroscope(patient, a_view())
    first = scope.expose({})
    assert len(projected) == 2
    scope.expose(MOVED)
    assert projected[2:] == [patient.bodies["fragment"]]
    again = scope.expose({})
    assert np.array_equal(again, first)
    assert np.array_equal(Fluoroscope(patient, a_view()).expose(MOVED), scope.expose(MOVED))


def test_a_pin_goes_with_its_body_and_adds_its_own_attenuation(balls, patient):
    view = a_view("lateral")
    bare = Fluoroscope(XrayPatient.of_ct(*balls, BODIES), view).expose(MOVED)
    expected = np.zeros_like(bare)
    project_rod(PIN.moved(MOVED["fragment"]), view).add_to(expected)
    assert expected.max() > 3.0
    assert Fluoroscope(patient, view).expose(MOVED) - bare == pytest.approx(expected, abs=1e-4)


def test_what_gets_through_follows_beer_and_lambert():
    assert transmitted(np.array([[0.0, np.log(2.0)]], np.float32)) == pytest.approx(np.array([[1.0, 0.5]]))


def test_a_ct_of_bone_only_has_no_tissue():
    ct, labels = two_balls(soft_hu=0.0)
    patient = XrayPatient.of_ct(ct, labels, BODIES)
    assert patient.tissue is None
    picture_of_bone = Fluoroscope(patient, a_view()).expose({})
    assert picture_of_bone[0, 0] == 0.0
    # 36 mm of bone through the middle
    middle = 36.0 * float(attenuation_of_hu(800.0))
    assert picture_of_bone.max() == pytest.approx(middle, rel=0.02)


def test_a_shift_across_the_beam_is_measured_in_full_and_one_along_it_hardly():
    meshes = {"reference": plate(-30.0, 0.0), "fragment": plate(1.0, 30.0)}
    reduced = {"fragment": RigidTransform.from_translation([-1.0, 0.0, 0.0])}
    edges = fracture_edges(meshes, reduced)
    assert [(e.body, e.other) for e in edges] == [("fragment", "reference")]
    assert np.abs(edges[0].points[:, 0]).max() < 6.0
    across = {"fragment": RigidTransform.from_translation([-1.0, 0.0, 8.0])}
    along = {"fragment": RigidTransform.from_translation([-1.0, 8.0, 0.0])}
    # a face 20 mm nearer to the source than the middle is shown 2 % larger
    expected = {"ap": 8.0, "inlet": 8.0 * np.sqrt(0.5), "outlet": 8.0 * np.sqrt(0.5), "lateral": 8.0}
    for name in VIEWS:
        seen = seen_displacement(edges, across, reduced, a_view(name))
        assert seen.mm == pytest.approx(expected[name], rel=0.05)
        assert np.linalg.norm(seen.shown - seen.belongs) * a_view(name).pixel_mm == pytest.approx(seen.mm)
    assert seen_displacement(edges, along, reduced, a_view("ap")).mm < 0.3
    assert seen_displacement(edges, reduced, reduced, a_view("ap")).mm == pytest.approx(0.0, abs=1e-9)


def test_bodies_displaced_together_are_not_displaced_from_each_other():
    meshes = {"reference": plate(-90.0, -60.0), "a": plate(-30.0, 0.0), "b": plate(0.5, 30.0)}
    still = RigidTransform.identity()
    shift = RigidTransform.from_translation([0.0, 0.0, 12.0])
    edges = fracture_edges(meshes, {"a": still, "b": still})
    assert [{e.body, e.other} for e in edges] == [{"a", "b"}]
    reduced = {"a": still, "b": still}
    assert seen_displacement(edges, {"a": shift, "b": shift}, reduced, a_view()).mm == pytest.approx(
        0.0, abs=1e-9
    )
    assert seen_displacement(edges, {"a": shift}, reduced, a_view()).mm == pytest.approx(12.0, rel=0.05)


def test_the_far_end_of_a_turned_body_does_not_count():
    meshes = {"reference": plate(-30.0, 0.0), "fragment": plate(0.5, 120.0)}
    edges = fracture_edges(meshes, {"fragment": RigidTransform.identity()})
    turned = {"fragment": RigidTransform.from_rotvec([0.0, np.radians(5.0), 0.0])}
    seen = seen_displacement(edges, turned, {"fragment": RigidTransform.identity()}, a_view())
    assert seen.mm < 2.1  # 20 mm from the axis; the far end is 10 mm off


def test_the_grade_is_that_of_the_worst_of_three_views():
    meshes = {"reference": plate(-30.0, 0.0), "fragment": plate(0.5, 30.0)}
    reduced = {"fragment": RigidTransform.identity()}
    edges = fracture_edges(meshes, reduced)
    poses = {"fragment": RigidTransform.from_translation([0.0, 0.0, 12.0])}
    seen = {name: seen_displacement(edges, poses, reduced, a_view(name)) for name in VIEWS}
    found = matta_on_views(seen)
    assert found["grade"] == "fair"
    assert found["max_mm"] == seen["ap"].mm
    assert set(found["views_mm"]) == set(VIEWS)
    assert matta_on_views({"ap": seen["ap"], "lateral": seen["lateral"]})["grade"] is None


def test_pictures_show_bone_bright_and_states_side_by_side(patient):
    views = [a_view(name) for name in VIEWS]
    states = [State("before", {}, {}), State("achieved", MOVED, {"reference": (PIN,)})]
    series = take_series(patient, views, states)
    pictures = series.pictures()
    assert {name: image.shape for name, image in pictures.items()} == dict.fromkeys(VIEWS, (96, 192, 3))
    assert series.sheet().shape == (4 * 96, 192, 3)
    tone = Tone.of(series.attenuation["before", "ap"])
    grey = tone.apply(series.attenuation["before", "ap"])
    ball = np.round(a_view().pixels_of(CENTRES["reference"])).astype(int)
    assert int(grey[ball[1], ball[0]]) > int(np.median(grey)) + 40
    screw = series.attenuation["achieved", "ap"] - Fluoroscope(patient, a_view()).expose(MOVED)
    assert screw.max() > 3.0


def test_the_displacement_is_drawn_where_it_is(patient):
    meshes = {"reference": plate(-30.0, 0.0), "fragment": plate(0.5, 30.0)}
    reduced = {"fragment": RigidTransform.identity()}
    poses = {"fragment": RigidTransform.from_translation([0.0, 0.0, 12.0])}
    view = a_view(device=Device(detector_mm=110.0, pixels=256))
    seen = seen_displacement(fracture_edges(meshes, reduced), poses, reduced, view)
    plain = np.zeros((256, 256), np.float32)
    drawn = picture(plain, Tone.of(plain), view, "AP", seen).astype(int)
    amber = np.argwhere((drawn[..., 0] > 200) & (drawn[..., 2] < 120))
    ends = np.stack([seen.belongs, seen.shown])[:, ::-1]
    assert np.linalg.norm(amber[:, None] - ends, axis=2).min(axis=0).max() < 6.0
    assert (amber.min(axis=0) > ends.min(axis=0) - 8).all()
    assert (amber.max(axis=0) < ends.max(axis=0) + 8).all()
