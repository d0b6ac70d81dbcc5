"""Screws that a case lists already, as a scheme; and what cannot be one."""

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.fixation.test_fixation_implants_corridor import boxes_with_canal

from rafr.cases.case import Body, Case
from rafr.errors import InputError
from rafr.fixation.implants.catalogue import Catalogue
from rafr.fixation.implants.given import case_screws, write_scheme
from rafr.fixation.implants.implant import Rod, Scheme, Screw
from rafr.fixation.implants.of_case import given_scheme
from rafr.fixation.implants.planned import Planner
from rafr.fixation.implants.schemes import plan_scheme
from rafr.geometry import RigidTransform

MOVED = RigidTransform.from_translation([0.0, 0.0, 7.0])  # of the left part, by its reduction
GOOD = {"head_mm": [70, 11, -18], "tip_mm": [0, 11, -18]}


@pytest.fixture(scope="module")
def planner():
    return Planner(boxes_with_canal(front=22.0, cut=20.0), Catalogue.read())


@pytest.fixture
def case(tmp_path):
    image = tmp_path / "none.nii.gz"
    return Case(tmp_path, "box", image, image, None, (Body("rest", (1,)), Body("left part", (11,))))


def of_case(case, planner, *screws):
    return given_scheme("case", replace(case, screws=screws), planner, {"left part": MOVED})


def test_screws_of_the_case_get_an_entry_and_the_kind_that_fits(case, planner):
    scheme = of_case(case, planner, GOOD)

    (screw,) = scheme.screws
    assert (screw.kind, screw.diameter_mm) == ("si-standard", 7.3)
    outer = max(p.mesh.vertices[:, 0].max() for p in planner.anatomy.pieces)
    assert screw.entry == pytest.approx([outer, 11, -18], abs=1e-3)
    assert screw.head == pytest.approx(GOOD["head_mm"], abs=1e-3)
    assert any("inferred" in note for note in scheme.notes)


def test_a_screw_given_in_a_moved_body_goes_with_it_to_where_it_holds(case, planner):
    there = {k: (np.array(v) - MOVED.translation).tolist() for k, v in GOOD.items()}
    moved = of_case(case, planner, {"body": "left part"} | there)

    assert moved.screws[0].tip == pytest.approx(GOOD["tip_mm"])


def test_a_screw_into_the_far_hip_is_an_extended_one(case, planner):
    (screw,) = of_case(case, planner, {"head_mm": [70, 11, -18], "tip_mm": [-60, 11, -18]}).screws

    assert screw.kind == "si-extended"


@pytest.mark.parametrize(
    ("screw", "said"),
    [
        (
            {"head_mm": [70, 90, -18], "tip_mm": [0, 90, -18]},
            "screw 1 of rest meets no bone; .*fixation.yaml",
        ),
        (GOOD | {"diameter_mm": 3.0}, r"3 mm thick and \d\d mm long in bone, is of no known kind"),
        (GOOD | {"head_mm": [70, 20, -18], "tip_mm": [0, 20, -18]}, "sacral canal"),
        (GOOD | {"length": 3}, "unknown key screws"),
    ],
)
def test_what_is_no_screw_in_bone_is_refused_in_one_line(case, planner, screw, said):
    with pytest.raises(InputError) as caught:
        of_case(case, planner, screw)
    assert re.search(said, str(caught.value))
    assert str(case.folder / "case.yaml") in str(caught.value)


def test_a_planned_schemes_screws_come_back_from_the_case_but_its_rods_do_not(case, planner):
    screw = Screw("s", "si-standard", np.array([66.0, 11, -18]), np.array([0.0, 11, -18]), 7.3)
    rod = Rod("r", np.array([[0.0, 70, 0], [20.0, 70, 0]]), 6.0, ("", ""))

    again = of_case(case, planner, *case_screws(Scheme("mine", (screw,)), "rest"))
    assert again.screws[0].tip == pytest.approx(screw.tip)
    with pytest.raises(InputError, match="meets no bone"):
        of_case(case, planner, *case_screws(Scheme("mine", (screw, rod)), "rest"))


def test_the_folders_scheme_is_taken_by_its_name_and_checked(case, planner):
    front = Screw("s", "si-standard", np.array([66.0, 3, -18]), np.array([0.0, 3, -18]), 7.3)
    write_scheme(case.folder / "fixation.yaml", Scheme("mine", (front,)))

    scheme = given_scheme("fixation", case, planner, {})
    assert scheme.name == "mine"
    assert "breaks through the cortex" in scheme.notes[0]
    assert given_scheme(str(case.folder / "fixation.yaml"), case, planner, {}).notes == scheme.notes
    assert given_scheme("SDS1EDS2", case, planner, {}) is None


def test_what_is_not_there_is_said(case, planner):
    with pytest.raises(InputError, match=r"case.yaml: it lists no screws"):
        given_scheme("case", case, planner, {})
    with pytest.raises(InputError, match=r"fixation.yaml"):
        given_scheme("fixation", case, planner, {})


def test_while_corridors_are_searched_every_screw_is_named_and_the_share_only_grows(planner):
    told = []
    anatomy = planner.anatomy
    plan_scheme(
        "anterior", anatomy, side="left", planner=planner, progress=lambda f, t="": told.append((f, t))
    )

    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    words = " ".join(text for _, text in told)
    assert "supra-acetabular left, 60 mm" in words
    assert "supra-acetabular right, 60 mm" in words
    assert planner.telling(told.append).walls is planner.walls
