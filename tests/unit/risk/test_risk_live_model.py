"""A trained model on live streams: asked once a step for whole windows, refused where it differs."""

import math

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.risk.blocks import Block
from rafr.risk.estimate import RiskEstimate, unknown
from rafr.risk.live_model import LOAD, LiveModel
from rafr.risk.references import References


class Of:
    """Any record."""

    def __init__(self, **values):
        self.__dict__.update(values)


class Model:
    """Calls a load heavy by the first channel's level, and remembers what it was asked."""

    def __init__(self, emg=("b", "a"), imu=("arm",), length=0.5, step=0.2):
        window = Of(length=length, step=step)
        self.schema = Of(emg_names=emg, emg_rate=1000.0, imu_names=imu, imu_rate=100.0, window=window)
        self.asked = []
        self.abstains = False

    def check_streams(self, emg_names, emg_rate, imu_names, imu_rate):
        s = self.schema
        if set(emg_names) != set(s.emg_names) or emg_rate != s.emg_rate:
            raise InputError("the EMG stream", f"{emg_names} at {emg_rate} Hz", f"{s.emg_names}")
        if tuple(imu_names) != s.imu_names or imu_rate != s.imu_rate:
            raise InputError("the IMU stream", f"{imu_names} at {imu_rate} Hz", f"{s.imu_names}")

    def assess(self, emg, acc, gyro, reference):
        self.asked.append((emg, acc, gyro, reference))
        if self.abstains:
            return Of(probability=0.5, abstained=True, reason="unlike anything it was trained on")
        return Of(probability=float(emg[0, -1]), abstained=False, reason="heavy load")


REFERENCES = References.parse("a = 3e-4, x=1", 4e-4)
CALM = RiskEstimate(0.1, "the load can be borne", {"overload": 0.1})
INERTIAL = tuple(f"arm/{kind}_{axis}" for kind in ("acc", "gyro") for axis in "xyz")


def hear(live, k, emg=("a", "b"), rate=1000.0, level=0.8):
    """The k-th 0.1 s of both streams."""
    samples = np.array([np.full(100, 0.2), np.full(100, level)])[: len(emg)]
    live.hear_emg(Block(0.1 * k, rate, emg, samples))
    live.hear_imu(Block(0.1 * k, 100.0, INERTIAL, np.arange(6.0)[:, None] * np.ones((6, 10))))
    return live.added_to(CALM, 0.1 * k + 0.1)


def test_a_whole_window_is_judged_in_the_models_order_once_a_step():
    model = Model()
    live = LiveModel(model, REFERENCES)
    said = [hear(live, k) for k in range(12)]
    assert said[0].probability == 0.1
    assert said[0].unwatched == {"model": "waiting for a whole window"}
    assert said[-1].causes == {"overload": 0.1, LOAD: 0.8}
    assert said[-1].probability == 0.8
    assert said[-1].reason == "load: heavy load by the trained model"
    assert said[-1].unwatched == {}
    assert 3 <= len(model.asked) <= 5, "0.7 s in steps of 0.2 s"
    emg, acc, gyro, reference = model.asked[-1]
    assert emg[0, 0] == 0.8
    assert emg[1, 0] == 0.2
    assert emg.shape[1] >= 500
    assert acc.shape[:2] == gyro.shape[:2] == (1, 3)
    assert acc[0, :, 0].tolist() == [0.0, 1.0, 2.0]
    assert gyro[0, :, 0].tolist() == [3.0, 4.0, 5.0]
    assert reference.tolist() == [4e-4, 3e-4], "in the model's order"


def test_a_light_load_leaves_the_other_word_and_abstaining_is_said():
    model = Model()
    live = LiveModel(model, REFERENCES)
    for k in range(8):
        light = hear(live, k, level=0.05)
    assert (light.probability, light.reason) == (0.1, "the load can be borne")
    assert light.causes[LOAD] == 0.05
    model.abstains = True
    for k in range(8, 12):
        said = hear(live, k)
    assert said.unwatched == {"model": "unlike anything it was trained on"}
    assert LOAD not in said.causes
    model.abstains = False
    assert math.isnan(live.added_to(unknown("no signal"), 5.0).probability)


def test_a_hole_or_another_format_later_needs_a_whole_window_again():
    live = LiveModel(Model(), REFERENCES)
    for k in (0, 1, 2, 3, 4, 5, 6, 9):
        said = hear(live, k)
    assert said.unwatched == {"model": "waiting for a whole window"}
    for k in range(10, 16):
        said = hear(live, k)
    assert said.causes[LOAD] == 0.8
    live.hear_emg(Block(1.6, 1000.0, ("a",), np.zeros((1, 100))))
    assert "model" in live.added_to(CALM, 3.0).unwatched


def test_a_model_of_one_kind_of_sensor_does_not_wait_for_the_other():
    live = LiveModel(Model(imu=()), REFERENCES)
    for k in range(8):
        said = hear(live, k)
    assert said.causes[LOAD] == 0.8


@pytest.mark.parametrize(("emg", "rate"), [(("a", "c"), 1000.0), (("a", "b"), 500.0)])
def test_streams_that_the_model_was_not_trained_on_are_refused_at_the_first_block(emg, rate):
    with pytest.raises(InputError, match="EMG stream"):
        hear(LiveModel(Model(), REFERENCES), 0, emg, rate)


@pytest.mark.parametrize("text", ["a", "a=", "a=-1", "a=nan", "=1e-4", "a=1e-4;b=2"])
def test_references_that_are_none_are_refused(text):
    with pytest.raises(InputError, match="lifting_references"):
        References.parse(text, 4e-4)
