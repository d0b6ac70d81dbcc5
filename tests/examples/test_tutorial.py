"""The tutorial's commands, run as they stand, and the examples that go on from its case and plan."""

import json
import os
import shlex
from importlib import import_module
from pathlib import Path

import pytest
from doc_commands import commands_of, pages

from rafr.cli.main import main
from rafr.planning.plan import ReductionPlan

pytestmark = pytest.mark.slow

MARKED = [page for page in pages() if any(c.run for c in commands_of(page))]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """For each page with marked commands a folder in which they were run, in order."""
    before, found = Path.cwd(), {}
    try:
        for page in MARKED:
            found[page.name] = tmp_path_factory.mktemp(page.stem)
            os.chdir(found[page.name])
            for command in (c for c in commands_of(page) if c.run):
                program, *arguments = shlex.split(command.text)
                assert program == "rafr", f"{command}: only commands of rafr are run"
                assert main(arguments) == 0, str(command)
    finally:
        os.chdir(before)
    return found


@pytest.fixture(scope="module")
def tutorial(folders):
    return folders["tutorial.md"]


def test_what_the_tutorial_tells_to_run_leaves_what_it_says(tutorial):
    for name in ("case/overview.png", "pictures/target.png", "radiographs/ap.png"):
        assert (tutorial / name).stat().st_size > 10_000, name
    assert json.loads((tutorial / "registration.json").read_text(encoding="utf-8"))["assessment"]["accepted"]
    plan = json.loads((tutorial / "plan.json").read_text(encoding="utf-8"))
    assert plan["assessment"]["accepted"]
    assert (
        json.loads((tutorial / "exchange/export.json").read_text(encoding="utf-8"))["plan_hash"]
        == plan["hash"]
    )


def test_the_plans_target_is_as_near_to_the_truth_as_it_expects(tutorial):
    plan = ReductionPlan.from_json(json.loads((tutorial / "plan.json").read_text(encoding="utf-8")))
    error = import_module("02_plan").errors(tutorial / "case", plan)["left_iliac_wing"]
    assert error["mean_mm"] < 1.0
    assert error["mean_mm"] < 2.0 * plan.body("left_iliac_wing").expected_error_mm


def test_the_plan_says_what_a_surgeon_asks(tutorial):
    said = import_module("03_what_the_plan_says").answers(tutorial / "plan.json")["left_iliac_wing"]
    assert said["moves_mm"] == pytest.approx(8.5, abs=1.0)
    assert said["clearance_mm"] > -1.0  # faces of the fracture rub on each other
    assert 0.0 < said["force_n"] < 50.0
    assert said["poses"] > 10


def test_a_target_method_of_ones_own_is_judged_beside_rafrs(tutorial):
    result = import_module("06_own_target_method").own_targets(tutorial / "case")
    assert result.method.startswith("given: ")
    assert result.body("left_iliac_wing").expected_error_mm > 0.0


def test_the_closed_loop_reduces_what_the_tutorial_planned(tutorial):
    example = import_module("05_closed_loop")
    run = example.reduce(example.at_the_pins(tutorial / "case", tutorial / "plan.json"))
    assert run.outcome == "reduced"
    assert run.to_plan.distance < 1e-3  # m
    assert run.peak_force < 200.0  # N: 114 here, 26 of them to know that bone bears it
