"""Metal cylinders: chords by formula and by sampling, and in the picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rafr.cases.case import Body, Case, SchantzPin
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.planning.pins import PatientAxes
from rafr.xray.attenuation import linear_attenuation
from rafr.xray.rods import Rod, path_in_rod, project_rod, screws_of
from rafr.xray.view import Device, standard_view

SUPINE = PatientAxes(np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
VIEW = standard_view("ap", SUPINE, np.zeros(3), Device(detector_mm=200.0, pixels=200))
ALONG_X = Rod(np.array([-40.0, 0.0, 0.0]), np.array([40.0, 0.0, 0.0]), 5.0)
CASE = Case(
    Path("case"), "c", Path("ct"), Path("labels"), None, (Body("reference", (1,)), Body("hip", (11,)))
)


def test_a_ray_across_the_middle_meets_the_diameter_and_one_along_the_axis_the_length():
    origin = np.array([0.0, -100.0, 0.0])
    assert path_in_rod(ALONG_X, origin, np.array([0.0, 3.0, 0.0])) == pytest.approx(5.0)
    assert path_in_rod(
        ALONG_X, origin + np.array([0.0, 0.0, 1.5]), np.array([0.0, 1.0, 0.0])
    ) == pytest.approx(4.0)
    assert path_in_rod(ALONG_X, origin, np.array([1.0, 1.0, 0.0])) == 0.0
    assert path_in_rod(ALONG_X, np.array([-99.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])) == pytest.approx(80.0)
    assert path_in_rod(ALONG_X, np.array([-99.0, 0.0, 3.0]), np.array([1.0, 0.0, 0.0])) == 0.0
    # 60 degrees to the axis
    slanted = np.array([np.cos(np.radians(60)), np.sin(np.radians(60)), 0.0])
    assert path_in_rod(ALONG_X, -50.0 * slanted, slanted) == pytest.approx(5.0 / np.sin(np.radians(60)))


def test_chords_agree_with_counting_points_inside():
    rng = np.random.default_rng(1)
    rod = Rod(np.array([-10.0, 4.0, -7.0]), np.array([12.0, -6.0, 9.0]), 6.0)
    source = np.array([3.0, -200.0, 40.0])
    targets = 0.5 * (rod.start + rod.end) + rng.normal(0, 6.0, (300, 3))
    rays = targets - source
    steps = np.arange(150.0, 260.0, 0.01)
    points = source + steps[:, None] * (rays / np.linalg.norm(rays, axis=1)[:, None])[:, None]
    axis = (rod.end - rod.start) / np.linalg.norm(rod.end - rod.start)
    along = (points - rod.start) @ axis
    beside = np.linalg.norm(points - rod.start - along[..., None] * axis, axis=-1)
    inside = (along > 0) & (along < np.linalg.norm(rod.end - rod.start)) & (beside < 3.0)
    counted = 0.01 * inside.sum(axis=1)
    assert (counted > 0).sum() > 50
    assert path_in_rod(rod, source, rays) == pytest.approx(counted, abs=0.03)


@pytest.mark.parametrize("material", ["steel", "titanium"])
def test_a_pin_attenuates_by_its_own_material(material):
    window = project_rod(replace(ALONG_X, material=material), VIEW)
    assert window.values.max() == pytest.approx(5.0 * linear_attenuation(material), rel=0.02)
    # all of its volume is there: the integral over the detector, seen in the rod's plane
    volume = window.values.sum() / linear_attenuation(material) * VIEW.pixel_mm**2
    assert volume == pytest.approx(np.pi * 2.5**2 * 80.0, rel=0.02)


def test_a_schantz_pin_reaches_from_its_tail_to_its_tip():
    pin = SchantzPin(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0]), depth_mm=50.0, length_mm=180.0)
    rod = Rod.of_pin(pin)
    assert rod.start == pytest.approx([1.0, -128.0, 3.0])
    assert rod.end == pytest.approx([1.0, 52.0, 3.0])
    assert rod.material == "steel"


def test_a_rod_outside_the_picture_costs_nothing():
    away = ALONG_X.moved(RigidTransform.from_translation([0.0, 0.0, 500.0]))
    assert project_rod(away, VIEW).values.size == 0


def test_screws_are_read_by_the_body_they_belong_to():
    screw = {
        "head_mm": [0, 0, 0],
        "tip_mm": [0, 0, 60],
        "body": "hip",
        "material": "steel",
        "diameter_mm": 6.5,
    }
    plain = {"head_mm": [0, 0, 0], "tip_mm": [60, 0, 0]}
    found = screws_of(replace(CASE, screws=(screw, plain)))
    assert found["hip"][0].diameter_mm == 6.5
    assert (found["reference"][0].material, found["reference"][0].diameter_mm) == ("titanium", 7.3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tip_mm": [0, 0, float("nan")]}, r"screws\[0\].tip_mm"),
        ({"tip_mm": [0, 0, 0]}, "less than 1 mm"),
        ({"body": "leg"}, "'leg'.*reference, hip"),
        ({"material": "wood"}, "'wood'.*steel, titanium"),
        ({"diameter_mm": "thick"}, "'thick'.*1 to 15"),
        ({"length": 3}, "unknown key.*length"),
    ],
)
def test_a_bad_screw_is_named(change, says):
    screw = {"head_mm": [0, 0, 0], "tip_mm": [0, 0, 60]} | change
    with pytest.raises(InputError, match=says):
        screws_of(replace(CASE, screws=(screw,)))
