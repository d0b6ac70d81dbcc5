"""Mean tool poses around an acquisition."""

import dataclasses

import numpy as np
import pytest

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.tracking.average import AverageConfig, ToolHistory

NOISE = 1e-4  # m


def history(config=None, seconds=4.0, speed=0.0, tools=("reference",)):
    rng = np.random.default_rng(0)
    result = ToolHistory(config)
    for k in range(round(seconds * 60)):
        t = 10.0 + k / 60
        place = np.array([0.1 + speed * t, 0.2, 1.5]) + NOISE * rng.normal(size=3)
        result.add(t, {name: RigidTransform.from_translation(place) for name in tools})
    return result


def test_averaging_beats_the_noise_of_one_frame():
    mean = history().mean(12.0, ["reference"])["reference"]
    # 61 frames in +-0.5 s: the mean's deviation is NOISE / 7.8; four of these
    assert np.abs(mean.translation - (0.1, 0.2, 1.5)).max() < 4 * NOISE / np.sqrt(61)


def test_a_tool_that_moves_or_was_not_seen_is_named():
    with pytest.raises(InfeasibleError, match="reference moved"):
        history(speed=0.01).mean(12.0, ["reference"])
    with pytest.raises(InfeasibleError, match="base was tracked in 0 frames"):
        history().mean(12.0, ["reference", "base"])


def test_frames_far_from_the_stamp_do_not_count():
    with pytest.raises(InfeasibleError, match="0 frames"):
        history().mean(30.0, ["reference"])


def test_a_clock_set_back_starts_anew():
    tools = history()
    tools.add(0.5, {"reference": RigidTransform.identity()})
    with pytest.raises(InfeasibleError):
        tools.mean(12.0, ["reference"])


# a value per field that must change the answer at stamp 12.0, speed 3 mm/s
CHANGES = {"window": 0.05, "min_frames": 100, "max_spread": 1e-5, "history": 1.0}


@pytest.mark.parametrize("name", CHANGES)
def test_every_tunable_changes_the_answer(name):
    def answer(config):
        try:
            return history(config, speed=1e-3).mean(12.0, ["reference"])["reference"].translation[1]
        except InfeasibleError as error:
            return str(error)

    changed = dataclasses.replace(AverageConfig(), **{name: CHANGES[name]})
    assert answer(AverageConfig()) != answer(changed)
    assert set(CHANGES) == {f.name for f in dataclasses.fields(AverageConfig)}
