"""Live radiographs: the same pictures as `rafr xray` takes, prepared once, within bounds, quickly."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from rafr.cases.case import Body, SchantzPin
from rafr.cases.load import load_ct, load_labels
from rafr.cases.meshes import body_meshes
from rafr.errors import InputError, RafrError
from rafr.geometry import RigidTransform
from rafr.planning.pins import patient_axes
from rafr.review import live_radiographs
from rafr.review.live_radiographs import LiveRadiographs
from rafr.xray.displacement import fracture_edges
from rafr.xray.patient import XrayPatient
from rafr.xray.radiograph import Fluoroscope
from rafr.xray.series import State, take_series
from rafr.xray.view import DEVICES, VIEWS, standard_view

# the balls of conftest.py
BODIES = (Body("reference", (1,)), Body("fragment", (11,)))
CENTRES = {"reference": np.array([-19.0, 0.0, 0.0]), "fragment": np.array([19.0, 5.0, 3.0])}
RADIUS = 18.0  # mm
PIXELS = (64, 128)
DEVICE = replace(DEVICES["radiograph"], detector_mm=140.0)  # about as wide as the phantom
REDUCED = {"fragment": RigidTransform.from_rotvec([0.0, 0.1, 0.0], [-4.0, 1.0, 6.0])}
MOVED = {"fragment": RigidTransform.from_rotvec([0.1, 0.0, 0.2], [3.0, 2.0, -5.0])}


@pytest.fixture(scope="module")
def live(case):
    made = LiveRadiographs(case, device=DEVICE, pixels=PIXELS)
    made.prepare()
    made.measure_from(REDUCED)
    return made


def view_of(case, patient, name, pixels):
    device = replace(DEVICE, pixels=pixels)
    return standard_view(name, patient_axes(case), patient.middle_mm, device)


def exposed(live, view, poses, moving=False):
    return live._station(view, moving).fluoroscope.expose(poses)


def relative_rms(found, expected):
    seen = expected > 0.3
    return np.sqrt(np.mean(((found - expected)[seen] / expected[seen]) ** 2))


@pytest.mark.parametrize("moving", [True, False])
@pytest.mark.parametrize("name", VIEWS)
def test_attenuation_is_that_of_the_whole_ct(live, case, balls, name, moving):
    patient = XrayPatient.of_ct(*balls, BODIES)
    expected = Fluoroscope(patient, view_of(case, patient, name, PIXELS[1])).expose(MOVED)
    if moving:
        expected = expected.reshape(PIXELS[0], 2, PIXELS[0], 2).mean(axis=(1, 3))
    difference = np.abs(exposed(live, name, MOVED, moving) - expected)
    assert difference.mean() < (0.01 if moving else 0.001)
    assert np.quantile(difference, 0.99) < (0.1 if moving else 0.001)  # larger voxels blur edges


def test_pictures_measure_and_grade_as_the_series_does(live, case, balls):
    patient = XrayPatient.of_ct(*balls, BODIES)
    meshes = {name: body.mesh for name, body in body_meshes(case).items()}
    views = [view_of(case, patient, name, PIXELS[1]) for name in VIEWS]
    states = [State("before", {}, {}), State("now", MOVED, {})]
    series = take_series(patient, views, states, fracture_edges(meshes, REDUCED), REDUCED)
    found, expected = live.matta(MOVED), series.matta("now")
    assert found["grade"] == expected["grade"]
    assert found["views_mm"] == pytest.approx(expected["views_mm"])
    for name in VIEWS:
        difference = np.abs(live.before_and_now(name, MOVED).astype(int) - series.pictures()[name])
        assert difference.mean() < 1.0


@pytest.mark.parametrize("moving", [True, False])
def test_before_stays_and_now_moves(live, moving):
    pixels = PIXELS[not moving]
    first, second = (live.before_and_now("ap", poses, moving=moving) for poses in (MOVED, REDUCED))
    assert first.shape == (pixels, 2 * pixels, 3)
    np.testing.assert_array_equal(first[:, :pixels], second[:, :pixels])
    assert (first[:, pixels:] != second[:, pixels:]).any()
    np.testing.assert_array_equal(first[:, pixels:], live.picture("ap", MOVED, moving=moving))


def test_the_bone_is_seen_where_its_pose_has_it(live):
    before, now = (exposed(live, "ap", poses) for poses in ({}, MOVED))
    view = live._station("ap", False).view
    centre = MOVED["fragment"].apply(CENTRES["fragment"])
    gained = np.clip(now - before, 0.0, None)
    rows, columns = np.nonzero(gained > 0.1)
    distance = np.linalg.norm(np.stack([columns, rows], axis=1) - view.pixels_of(centre), axis=1)
    assert len(rows) > 20
    assert distance.max() * view.pixel_mm < RADIUS + 3.0


def test_a_plan_of_its_own_is_not_measured(live):
    told = live.picture("ap", REDUCED)
    plain = live.picture("ap", REDUCED, measured=False)
    assert (told[:40] != plain[:40]).any()
    np.testing.assert_array_equal(told[44:], plain[44:])


def test_nothing_is_graded_without_a_plan(live):
    live.measure_from({})
    assert live.matta(MOVED)["grade"] is None
    live.measure_from(REDUCED)
    assert live.matta(MOVED)["grade"] is not None


def test_prepared_once_however_many_ask_and_progress_goes_to_the_end(case, monkeypatch):
    made = []
    of_ct = XrayPatient.of_ct
    monkeypatch.setattr(XrayPatient, "of_ct", lambda *args: made.append(1) or of_ct(*args))
    told = []
    live = LiveRadiographs(case, ct=load_ct(case), device=DEVICE, pixels=PIXELS)
    assert not live.ready
    threads = [threading.Thread(target=live.prepare, args=(lambda f, t: told.append(f),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    live.picture("ap", {}, moving=True)
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert live.ready
    assert told == sorted(told)
    assert not told or told[-1] == 1.0


def test_the_tissue_is_given_up_once_it_is_projected(live):
    assert all(s.fluoroscope._patient.tissue is None for s in live._stations.values())
    assert live._ct is None


def test_a_large_ct_is_made_coarser_and_keeps_its_bodies(case, live, monkeypatch):
    monkeypatch.setattr(live_radiographs, "MOST_VOXELS", 60_000)
    ct, labels = live_radiographs._bounded(load_ct(case), load_labels(case))
    assert 40_000 < ct.array.size <= 60_000
    assert ct.same_grid(labels)
    assert set(np.unique(labels.array)) == {0, 1, 11}
    for body in BODIES:
        where = ct.index_to_lps(np.argwhere(labels.array == body.labels[0])[:, ::-1])
        assert where.mean(axis=0) == pytest.approx(CENTRES[body.name], abs=0.5)
    coarse = LiveRadiographs(case, device=DEVICE, pixels=PIXELS)
    middle = (slice(PIXELS[1] // 3, -PIXELS[1] // 3),) * 2  # the CT's own border is a voxel wide
    found, expected = (exposed(one, "ap", MOVED)[middle] for one in (coarse, live))
    assert relative_rms(found, expected) < 0.05


def test_thick_slices_are_left_as_they_are(balls, monkeypatch):
    ct, labels = (replace(v, array=v.array[::4], spacing=v.spacing * [1, 1, 4]) for v in balls)
    monkeypatch.setattr(live_radiographs, "MOST_VOXELS", 30_000)
    coarse = live_radiographs._bounded(ct, labels)[0]
    assert coarse.array.size <= 30_000
    assert coarse.spacing[2] == ct.spacing[2]
    assert coarse.spacing[0] == coarse.spacing[1] > ct.spacing[0]


@pytest.mark.parametrize("outside", [-1000, 0])
def test_air_and_what_a_ct_of_bone_has_beside_it_are_cut_off(balls, outside):
    ct, labels = balls
    hu = np.where(labels.array > 0, ct.array, outside).astype(np.int16)
    part, part_labels = live_radiographs._bounded(ct.with_array(hu), labels)
    assert part.array.size < 0.75 * hu.size
    assert (part_labels.array > 0).sum() == (labels.array > 0).sum()
    assert np.shares_memory(part.array, hu)


def test_pins_go_with_their_body_and_screws_come_when_asked(case):
    pin = SchantzPin(CENTRES["fragment"], np.array([0.0, 0.0, -1.0]), depth_mm=10.0, length_mm=40.0)
    screw = {"body": "reference", "head_mm": [-40.0, 0.0, 0.0], "tip_mm": [0.0, 0.0, 0.0]}
    metal = replace(case, schantz_pins=(("fragment", (pin,)),), screws=(screw,))
    live = LiveRadiographs(metal, device=DEVICE, pixels=PIXELS)
    before, now = (exposed(live, "ap", poses) for poses in ({}, MOVED))
    view = live._station("ap", False).view
    for image, pose in ((before, RigidTransform.identity()), (now, MOVED["fragment"])):
        column, row = np.rint(view.pixels_of(pose.apply(CENTRES["fragment"] + [0.0, 0.0, 25.0]))).astype(int)
        assert image[row, column] > image[row, column - 6] + 1.0
    column, row = np.rint(view.pixels_of([-39.0, 0.0, 0.0])).astype(int)
    without, with_screw = (live.picture("ap", {}, screws=s)[row, column, 0] for s in (False, True))
    assert int(with_screw) > int(without) + 20


def test_what_there_is_not_is_refused(case, live):
    with pytest.raises(RafrError, match="no view 'oblique'"):
        live.picture("oblique", {})
    with pytest.raises(InputError, match="tip_mm"):
        LiveRadiographs(replace(case, screws=({"head_mm": [0, 0, 0]},))).prepare()
