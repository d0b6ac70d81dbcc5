"""What a user gives is checked, not planned anew: each thing that cannot be has its line."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.unit.fixation.test_fixation_implants_corridor import box, boxes_with_canal

from rafr.errors import InputError
from rafr.fixation.implants.anatomy import Anatomy, Piece
from rafr.fixation.implants.catalogue import Catalogue
from rafr.fixation.implants.checks import bodies_held, check_scheme
from rafr.fixation.implants.given import case_screws, read_scheme, scheme_from, scheme_to_data, write_scheme
from rafr.fixation.implants.implant import Rod, Scheme, Screw
from rafr.fixation.implants.planned import Planner
from rafr.fixation.implants.schemes import plan_scheme
from rafr.geometry import RigidTransform

SOURCE = Path("mine.yaml")


@pytest.fixture(scope="module")
def planner():
    """A sacrum broken 20 mm left of its middle; the left part moves with the left hip."""
    return Planner(boxes_with_canal(front=22.0, cut=20.0), Catalogue.read())


def screw(entry, tip, name="s", kind="si-standard", diameter=7.3, head=0.0):
    return Screw(name, kind, np.array(entry, dtype=float), np.array(tip, dtype=float), diameter, head)


GOOD = screw((66, 11, -18), (0, 11, -18))


def refused(planner, *implants):
    with pytest.raises(InputError) as caught:
        check_scheme(Scheme("mine", implants), planner, SOURCE)
    assert str(caught.value).startswith("mine.yaml: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_good_screw_passes_without_a_word(planner):
    assert check_scheme(Scheme("mine", (GOOD,)), planner, SOURCE) == ()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (screw((66, 90, -18), (0, 90, -18)), "s lies outside the bone"),
        (screw((90, 11, -18), (20, 11, -18)), "s starts 24 mm outside the bone"),
        (screw((66, 11, -18), (20, 11, 42)), "outside the bone"),
        (screw((66, 32, -18), (0, 32, -18)), "leaves the bone between its ends|ends 10 mm outside|canal"),
        (screw((66, 20, -18), (0, 20, -18)), r"s reaches 1\.\d mm into the sacral canal"),
        (screw((66, 11, -18), (-80, 11, -18)), "s is 146 mm long in bone; expected 40 to 130"),
        (screw((66, 11, -18), (0, 11, -18), diameter=14.0), "s is 14 mm thick"),
        (screw((66, 11, -18), (0, 11, -18), kind="nail"), "no screw kind 'nail'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(planner, wrong, said):
    import re

    assert re.search(said, refused(planner, wrong))


def test_two_screws_in_one_place_are_refused(planner):
    other = screw((66, 11, -12), (0, 11, -24), name="t")

    assert "s and t overlap" in refused(planner, GOOD, other)


def test_a_screw_out_of_its_front_is_a_warning(planner):
    (said,) = check_scheme(Scheme("mine", (screw((66, 3, -18), (0, 3, -18)),)), planner, SOURCE)

    assert "s breaks through the cortex by 0.6 mm" in said or "0.7 mm" in said


def test_a_fracture_that_nothing_crosses_is_a_warning(planner):
    behind = screw((-66, 11, -18), (0, 11, -18), name="other side")
    (said,) = check_scheme(Scheme("mine", (behind,)), planner, SOURCE)

    assert "no implant of mine crosses the fracture between left part and rest" in said


def test_a_rod_between_two_screws_holds_what_neither_does(planner):
    right = screw((-30, 50, -18), (-30, 15, -18), "right", "pedicle", 6.5, 10.0)
    left = screw((50, 50, -18), (50, 5, -18), "left", "pedicle", 6.5, 10.0)
    rod = Rod("rod", np.array([right.head, left.head]), 6.0, ("right", "left"))

    apart = bodies_held(Scheme("mine", (right, left)), planner)
    assert sorted(map(sorted, apart)) == [["left part"], ["rest"]]
    assert bodies_held(Scheme("mine", (right, left, rod)), planner) == [{"rest", "left part"}]


@pytest.fixture
def behind():
    """Two pedicle screws whose heads stand out behind the sacrum."""
    right = screw((-30, 50, -18), (-30, 15, -18), "right", "pedicle", 6.5, 10.0)
    return right, screw((50, 50, -18), (50, 5, -18), "left", "pedicle", 6.5, 10.0)


def test_a_rod_through_bone_is_refused_with_where_and_how_far(planner, behind):
    right, left = behind
    through = np.array([right.head, (10.0, 20.0, -18.0), left.head])
    said = refused(planner, right, left, Rod("rod", through, 6.0, ("right", "", "left")))

    import re

    assert re.search(r"rod rod goes through bone for \d\d mm, \d+ mm deep at \[", said)
    assert "bend it" in said
    straight = Rod("rod", np.array([right.head, left.head]), 6.0, ("right", "left"))
    assert check_scheme(Scheme("mine", (right, left, straight)), planner, SOURCE) == ()


def test_a_rod_that_lies_on_bone_is_a_warning_but_not_at_its_screws(planner, behind):
    right, left = behind
    surface = 50.0  # mm, of the back
    on_it = np.array([right.head, (-5.0, surface + 1.5, -18.0), (25.0, surface + 1.5, -18.0), left.head])
    rod = Rod("rod", on_it, 6.0, ("right", "", "", "left"))

    assert check_scheme(Scheme("mine", (right, left, rod)), planner, SOURCE) == ("rod rod touches bone",)


def test_a_rod_passes_the_heads_of_the_screws_it_holds(planner, behind):
    right, left = behind
    away = np.array([right.head, left.head + np.array([0.0, 20.0, 0.0])])

    assert "rod rod passes left 20 mm from its head" in refused(
        planner, right, left, Rod("rod", away, 6.0, ("right", "left"))
    )


def test_a_scheme_survives_its_file(tmp_path):
    pedicle = screw((50, 50, -18), (50, 5, -18), "p", "pedicle", 6.5, 10.0)
    scheme = Scheme(
        "mine", (GOOD, pedicle, Rod("r", np.array([pedicle.head, [0, 70, 0]]), 5.5, ("p", ""))), ("n",)
    )
    write_scheme(tmp_path / "s.yaml", scheme)
    again = read_scheme(tmp_path / "s.yaml")

    assert scheme_to_data(again) == scheme_to_data(scheme)
    assert again.notes == ("n",)


def test_radiographs_take_a_scheme_as_screws_of_the_case():
    from dataclasses import replace

    from rafr.cases.case import Body, Case
    from rafr.xray.rods import screws_of

    bent = Rod("r", np.array([[0, 60, 0], [10, 70, 0], [20, 60, 0]]), 6.0, ("", "", ""))
    case = Case(Path(), "box", Path("a"), Path("b"), None, (Body("rest", (1,)),))
    rods = screws_of(replace(case, screws=tuple(case_screws(Scheme("mine", (GOOD, bent)), "rest"))))["rest"]

    assert [rod.diameter_mm for rod in rods] == [7.3, 6.0, 6.0]
    assert rods[0].start.tolist() == [66.0, 11.0, -18.0]
    assert rods[2].start.tolist() == [10.0, 70.0, 0.0]


def test_sizes_left_out_are_the_kinds():
    data = yaml.safe_load(
        """
        name: mine
        screws:
          - {name: a, kind: pedicle, entry_mm: [0, 50, 0], tip_mm: [0, 5, 0]}
          - {name: b, kind: iliac, entry_mm: [40, 50, 0], tip_mm: [40, -20, 0]}
        rods:
          - {name: r, screws: [a, b]}
        """
    )
    a, b, r = scheme_from(data, SOURCE).implants

    assert (a.diameter_mm, a.head_mm, b.diameter_mm, r.diameter_mm) == (6.5, 10.0, 7.5, 6.0)
    assert r.points.tolist() == [[0.0, 60.0, 0.0], [40.0, 60.0, 0.0]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"screws": [{"name": "a", "kind": "pedicle", "entry_mm": [0, 0], "tip_mm": [0, 0, 9]}]},
            "entry_mm has 2",
        ),
        (
            {"screws": [{"name": "a", "kind": "pedicle", "entry_mm": [0, 0, 9], "tip_mm": [0, 0, 9]}]},
            "no length",
        ),
        ({"nails": []}, "unknown key 'nails'"),
        ({"rods": [{"name": "r", "screws": ["x", "y"]}]}, "rod r holds 'x'"),
    ],
)
def test_a_bad_file_is_refused(change, said):
    data = {"name": "mine", "screws": [], **change}

    with pytest.raises(InputError, match=said):
        scheme_from(data, SOURCE)


def test_a_name_twice_is_refused():
    one = {"name": "a", "kind": "pedicle", "entry_mm": [0, 0, 0], "tip_mm": [0, 0, 45]}

    with pytest.raises(InputError, match="'a' is empty or there twice"):
        scheme_from({"name": "mine", "screws": [one, one]}, SOURCE)


def test_an_unknown_scheme_and_a_side_nobody_named_are_refused(planner):
    whole = Anatomy(planner.anatomy.pieces, planner.anatomy.T_ct_sacrum)

    with pytest.raises(InputError, match="SDS1EDS2"):
        plan_scheme("best", planner.anatomy, planner=planner)
    with pytest.raises(InputError, match="left or right"):
        plan_scheme("SDS1EDS2", whole, planner=planner)


def test_the_displaced_hip_decides_the_side():
    from rafr.fixation.implants.anatomy import _displaced_side

    pieces = tuple(
        Piece(bone, body, bone, box(lower, upper))
        for bone, body, lower, upper in (
            ("sacrum", "a", (-40, 0, -40), (40, 40, 0)),
            ("left_hip", "b", (41, 0, -40), (60, 40, 0)),
            ("right_hip", "c", (-60, 0, -40), (-41, 40, 0)),
        )
    )
    T = RigidTransform.identity()

    def side(**moved):
        poses = {body: RigidTransform.from_translation((0, 0, mm)) for body, mm in moved.items()}
        return _displaced_side(pieces, T, poses)

    assert side(b=9.0, c=2.0) == "left"
    assert side(c=-5.0) == "right"
    # where the sacrum moved with the left hip, the right one was left behind
    assert side(a=9.0, b=9.0) == "right"
    assert side() == ""


@pytest.mark.slow
def test_a_virtual_patients_scheme_lies_in_bone_whoever_measures():
    from rafr.cases.virtual import virtual_pelvis

    anatomy = Anatomy.of_pelvis(virtual_pelvis(np.random.default_rng(3)))
    planner = Planner(anatomy)
    scheme = plan_scheme("SDS1EDS2", anatomy, side="right", planner=planner)

    assert check_scheme(scheme, planner) == ()
    for s in scheme.screws:
        # every point of the screw's skin, 12 mm behind the entry and before the far cortex
        along = np.arange(12.0, s.length_mm - 8.0, 2.0)
        side = np.linalg.svd(s.direction[None])[2][1:]
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        ring = 0.5 * s.diameter_mm * (np.cos(angle)[:, None] * side[0] + np.sin(angle)[:, None] * side[1])
        skin = (s.entry + along[:, None, None] * s.direction + ring).reshape(-1, 3)
        depth = planner.walls.depth(skin)
        # out of bone only in the joints, whose gap is a few millimetres wide
        assert depth.min() > -4.0
        assert (depth < 0).mean() < 0.15
        assert s.entry[0] < s.tip[0]  # from the patient's right
