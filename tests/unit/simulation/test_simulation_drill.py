"""The hand with the drill: where it goes, how unquiet it is, and what the tracker sees of it."""

from dataclasses import fields, replace

import numpy as np
import pytest

from rafr.cases.case import SchantzPin
from rafr.errors import InputError
from rafr.fixation.implants.catalogue import DrillTool
from rafr.simulation.drill import DrillingHand, HandConfig, true_drill

TOOL = DrillTool((0.01, 0.0, 0.15), (0.0, 0.6, 0.8))
DOWN = np.array([0.0, 0.8, -0.6])
PINS = tuple(SchantzPin(np.array([10.0, 20.0, z]), DOWN, 40.0) for z in (0.0, 30.0))
QUIET = HandConfig(sway=0.0, sway_angle=0.0, tremor=0.0, tremor_angle=0.0)
TICK = 0.01


def drilled(config, pins=PINS, seed=0, tick=TICK):
    """[(tip (3,) m, axis (3,)) or None] at every tick (s) until the hand is done."""
    hand = DrillingHand(TOOL, np.random.default_rng(seed), config)
    hand.begin("left", pins)
    seen = []
    while not hand.pass_time(tick):
        T = hand.T_ct_drill
        seen.append(None if T is None else (T.apply(np.array(TOOL.tip)), T.rotate(np.array(TOOL.axis))))
        assert hand.body == "left"
    assert (hand.body, hand.T_ct_drill) == ("", None)
    assert not hand.pass_time(TICK)
    return seen


def test_a_quiet_hand_goes_straight_down_each_pin_and_out_of_sight_between_them():
    seen = drilled(QUIET)

    offset = [tip - 1e-3 * PINS[0].entry_mm for tip, _ in filter(None, seen[:1500])]
    along = np.array([v @ DOWN for v in offset])
    assert np.abs(np.array(offset) - along[:, None] * DOWN).max() < 1e-9
    assert (along.min(), along.max()) == pytest.approx((-0.12, 0.04), abs=1e-4)
    assert np.abs(np.diff(along)).max() < 0.005  # m in a tick: the gate takes nothing faster than 0.5 m/s
    for _, axis in filter(None, seen):
        assert axis == pytest.approx(DOWN)
    hidden = np.array([one is None for one in seen])
    assert hidden.sum() * TICK == pytest.approx(2 * QUIET.rest, abs=0.05)
    assert seen[np.flatnonzero(hidden)[-200]] is None
    # 40 mm at 4 mm/s, and the ways there and back
    assert len(seen) * TICK == pytest.approx(2 * (3.0 + 1.0 + 10.0 + 1.5 + 1.0), abs=0.1)


def test_unrest_has_the_spread_it_is_given_and_bone_quietens_it():
    config = HandConfig(reach=0.1, wait=200.0, feed=2e-4, tremor=5e-4)
    seen = drilled(config, PINS[:1], seed=3, tick=0.08)
    outside, inside = seen[10:2500], seen[2510:5000]

    def spread(part):
        across = [tip - (tip @ DOWN) * DOWN for tip, _ in part]
        return np.std(across, axis=0)[0]  # the first axis lies across

    # 250 correlation times know a standard deviation to about 6 %
    assert spread(outside) == pytest.approx(np.hypot(config.sway, config.tremor), rel=0.2)
    assert spread(inside) == pytest.approx(0.25 * np.hypot(config.sway, config.tremor), rel=0.2)


@pytest.mark.parametrize("name", [f.name for f in fields(HandConfig)])
def test_every_option_changes_what_the_hand_does(name):
    shallow = (replace(PINS[0], depth_mm=6.0),)
    usual, other = HandConfig(), replace(HandConfig(), **{name: 1.5 * getattr(HandConfig(), name)})
    first, second = drilled(usual, shallow, tick=0.02), drilled(other, shallow, tick=0.02)

    places = [np.array([np.concatenate(one) for one in filter(None, seen)]) for seen in (first, second)]
    same = len(first) == len(second) and all(p.shape == places[0].shape for p in places)
    assert not same or np.abs(places[0] - places[1]).max() > 1e-6


def test_one_body_after_the_other():
    hand = DrillingHand(TOOL, np.random.default_rng(0))
    hand.begin("left", PINS)
    with pytest.raises(InputError, match="left is still drilled"):
        hand.begin("right", PINS)


def test_the_true_drill_is_off_by_its_calibrations_error():
    rng = np.random.default_rng(1)
    tools = [true_drill(TOOL, rng) for _ in range(2000)]

    assert np.std([t.tip for t in tools], axis=0) == pytest.approx(np.full(3, TOOL.tip_sd), rel=0.06)
    cosines = np.array([t.axis for t in tools]) @ TOOL.axis
    # two of three turns tilt an axis
    assert np.sqrt(np.mean(np.arccos(np.clip(cosines, -1, 1)) ** 2)) == pytest.approx(
        np.sqrt(2) * TOOL.axis_sd, rel=0.06
    )


def test_pins_are_those_of_the_hand_whether_they_are_drilled_for_or_not(blocks):
    plant = blocks.plant()

    aimed, inserted = plant.arrangement.hand_pins("left"), plant.insert_pins("left")
    for one, other in zip(aimed.pins, inserted.pins, strict=True):
        np.testing.assert_array_equal(one.entry_mm, other.entry_mm)
    with pytest.raises(InputError, match="nobody"):
        plant.arrangement.hand_pins("nobody")
