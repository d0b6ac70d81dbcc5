"""The same plant in Gazebo and in the embedded engine on one scripted motion; and what Gazebo alone does."""

import os
import signal
import subprocess
import time

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.simulation.arrangement import arrange_case
from rafr.simulation.compare import compare, docked_room, draw, play, write_script
from rafr.simulation.embedded import EmbeddedPlant
from rafr.simulation.gazebo.plant import GazeboPlant
from rafr.simulation.gazebo.world import write_world
from rafr.simulation.plant import PlantError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def arrangement(case):
    first = arrange_case(case, 6, "ur16e")
    body = case.moving[0].name
    room = docked_room(EmbeddedPlant(first), first.room, body)
    return arrange_case(case, 6, "ur16e", room)


@pytest.fixture
def plant(arrangement):
    plant = GazeboPlant(arrangement)
    yield plant
    errors = plant.complaints()
    plant.close()
    assert errors == []


def test_both_engines_do_the_same(arrangement, plant, tmp_path):
    body = arrangement.case.moving[0].name
    script = write_script(arrangement, body)
    embedded = EmbeddedPlant(arrangement)
    embedded.settle()
    plant.settle()
    records = play(embedded, script), play(plant, script)
    difference = compare(*records, arrangement.inertias[body].centroid)
    found = difference.summary()
    assert found["peak_force_n"] > 20.0  # the motion is worth comparing
    assert found["shift_mm"] < 0.5
    assert found["turn_deg"] < 0.5
    assert found["force_share"] < 0.05
    assert found["torque_share"] < 0.05
    draw(("embedded", "Gazebo"), records, difference, tmp_path / "side_by_side.png")
    assert (tmp_path / "side_by_side.png").stat().st_size > 20_000


def test_the_base_drives_by_gazebos_own_drive(plant):
    start = plant.base_state()[0]
    plant.set_brakes(False)
    for _ in range(20):
        plant.command_base(-0.1, 0.0)
        plant.step(100)
    driven = plant.base_state()[0] - start
    along = driven[0] * np.cos(start[2]) + driven[1] * np.sin(start[2])
    assert along == pytest.approx(-0.2 + 0.005, abs=0.01)  # m; less the ramp
    plant.set_brakes(True)
    plant.command_base(0.0, 0.0)
    plant.step(500)
    assert abs(plant.base_state()[1]) < 1e-3


def test_time_stands_as_long_as_it_is_asked_to(plant):
    plant.step(10)
    before = plant.time
    end = time.monotonic() + 3.0  # s; after two without a word time would go on by itself
    while time.monotonic() < end:
        assert plant.step(0) == 0
        time.sleep(0.1)
    plant.step(10)
    assert plant.time == pytest.approx(before + 0.01, abs=1e-9)


def test_refusals_arrive_as_they_were_said(plant):
    with pytest.raises(InputError, match="'nobody' is unknown"):
        plant.insert_pins("nobody")
    done, why = plant.set_clamp(True, plant.arrangement.case.moving[0].name)
    assert not done
    assert "no pins" in why
    assert not plant.set_traction(float("nan"))


def test_a_server_that_dies_is_an_error_at_once(arrangement):
    plant = GazeboPlant(arrangement)
    plant.step(10)
    os.killpg(plant._server._process.pid, signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(PlantError, match="Gazebo has ended"):
        plant.step(10)
    assert time.monotonic() - began < 3.0
    plant.close()


def test_gazebo_finds_nothing_wrong_with_the_world(arrangement, tmp_path):
    world = write_world(arrangement, tmp_path)
    checked = subprocess.run(["gz", "sdf", "-k", str(world)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "Valid" in checked.stdout
