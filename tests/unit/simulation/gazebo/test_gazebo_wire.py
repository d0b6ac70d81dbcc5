"""What the plant says in Gazebo is what the bridge hears."""

import json

import numpy as np
import pytest

from rafr.errors import InfeasibleError, InputError
from rafr.robot.description import urdf_text
from rafr.simulation.gazebo.wire import call, error_from, error_of, state_from, state_of
from rafr.simulation.gazebo.wrist import ToolWeight
from rafr.simulation.plant import PlantError


def test_a_state_arrives_exactly(blocks):
    plant = blocks.clamped()
    plant.step(50)
    state = state_from(json.loads(json.dumps(state_of(plant, 50))))
    assert np.array_equal(state.q, plant.joint_state()[0])
    assert np.array_equal(state.links["clamp"].matrix, plant.world_from("clamp").matrix)
    assert np.array_equal(state.bodies["left"].matrix, plant.world_from_ct("left").matrix)
    assert np.array_equal(state.truth.poses["left"].matrix, plant.truth().poses["left"].matrix)
    assert state.clamped == "left"
    assert not state.resting
    (one, _), (other, _) = state.pins["left"], plant.steel_pins()["left"]
    assert np.array_equal(one.tail_mm, other.tail_mm)
    assert state.stamp_ms == 50


def test_calls_do_what_they_say_and_nothing_else_is_served(blocks):
    plant = blocks.plant()
    assert call(plant, "set_clamp", [True, "left"]) == (False, "no pins in left")
    assert call(plant, "insert_pins", ["left"]) is None
    assert call(plant, "set_clamp", [True, "left"])[0]
    call(plant, "command_joints", [(plant.joint_state()[0] + 0.01).tolist()])
    cords = call(plant, "cords", [])
    assert set(cords) == set(plant.cords())
    assert np.array_equal(cords["traction"][1], plant.cords()["traction"].tensions)
    with pytest.raises(InputError, match="unknown"):
        call(plant, "truth", [])
    with pytest.raises(InputError, match="joint command"):
        call(plant, "command_joints", [[1.0]])


@pytest.mark.parametrize(
    "error", [InputError("a", "is wrong", "right"), InfeasibleError(("one", "two")), PlantError("flew off")]
)
def test_errors_arrive_as_what_they_were(error):
    heard = error_from(json.loads(json.dumps(error_of(error))))
    assert type(heard) is type(error)
    assert str(heard) == str(error)


def test_the_tools_weight_does_not_count_and_a_load_does():
    tool = ToolWeight(urdf_text("ur16e"))
    rng = np.random.default_rng(2)
    R = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    R *= np.sign(np.linalg.det(R))
    # sensor and clamp share their axes; 0.4 kg 19 mm before the sensor's face, 0.8 kg 70 mm before it
    weights = [(0.4, [0, 0, -0.019]), (0.8, [0, 0, 0.13 + 0.06 - 0.13])]
    load = np.array([10.0, -20.0, 30.0, 1.0, 0.5, -0.3])  # at the clamp, 0.13 m out
    force = load[:3].copy()
    torque = load[3:] + np.cross([0, 0, 0.13], load[:3])
    for mass, centre in weights:
        pull = mass * R.T @ [0, 0, -9.81]
        force += pull
        torque += np.cross(centre, pull)
    assert np.allclose(tool.compensate(np.concatenate([force, torque]), R), load, atol=1e-9)
