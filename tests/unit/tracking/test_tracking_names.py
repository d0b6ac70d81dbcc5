"""Our names for the device's tools, and what is said of names that cannot be right."""

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.tracking.drivers.frame import Reading
from rafr.tracking.names import SwapWatch, ToolNames

READING = Reading(RigidTransform.identity())


def at(x):
    return RigidTransform.from_translation([x, 0.0, 1.0])


def test_an_empty_table_lets_every_name_pass():
    assert ToolNames.parse("").rename({"any": READING}).keys() == {"any"}


def test_tools_are_renamed_and_unknown_and_missing_ones_known_by_name():
    names = ToolNames.parse("ReferenceToTracker = reference, ArmToTracker=base")
    assert names.rename({"ReferenceToTracker": READING, "Stylus": READING}).keys() == {"reference"}
    assert names.unknown == {"Stylus"}
    assert names.missing == {"base"}
    assert names.reversed_ == set()


def test_a_table_the_wrong_way_round_is_noticed():
    names = ToolNames.parse("reference=ReferenceToTracker")
    assert names.rename({"ReferenceToTracker": READING}) == {}
    assert names.reversed_ == {"ReferenceToTracker"}


@pytest.mark.parametrize("text", ["reference", "a=", "=b", "a=x,b=x", "a=x,a=y"])
def test_a_table_that_says_no_or_two_things_is_refused(text):
    with pytest.raises(InputError, match="tools"):
        ToolNames.parse(text)


def test_tools_that_exchange_their_places_between_frames_are_swapped_until_they_swap_back():
    watch = SwapWatch()
    assert watch.update({"a": at(0.0), "b": at(0.3)}) == {}
    assert watch.update({"a": at(0.3005), "b": at(0.0005)}) == {"a": "b", "b": "a"}
    for k in range(50):  # they may move as they like meanwhile, and vanish
        assert watch.update({"a": at(0.3 + 0.005 * k)} if k % 3 else {}) == {"a": "b", "b": "a"}
    watch.update({"a": at(0.55), "b": at(0.0)})
    assert watch.update({"a": at(0.0), "b": at(0.55)}) == {}


def test_the_memory_of_places_outlasts_an_occlusion():
    watch = SwapWatch()
    watch.update({"a": at(0.0), "b": at(0.3)})
    watch.update({})
    assert watch.update({"a": at(0.3), "b": at(0.0)}) == {"a": "b", "b": "a"}


def test_tools_that_move_pass_each_other_or_jump_alone_are_not_swapped():
    watch = SwapWatch()
    for s in np.linspace(0.0, 1.0, 200):
        assert watch.update({"a": at(0.3 * s), "b": at(0.3 * (1.0 - s))}) == {}
    assert watch.update({"a": at(0.0), "b": at(0.0)}) == {}
    turned = RigidTransform.from_rotvec([0.0, 0.0, 1.0], [0.3, 0.0, 1.0])
    watch = SwapWatch()
    watch.update({"a": at(0.0), "b": turned})
    assert watch.update({"a": at(0.3), "b": at(0.0)}) == {}  # the place alone is not enough


def test_only_the_pair_that_swapped_is_named():
    watch = SwapWatch()
    watch.update({"a": at(0.0), "b": at(0.3), "c": at(0.6)})
    assert watch.update({"a": at(0.6), "b": at(0.3), "c": at(0.0)}) == {"a": "c", "c": "a"}
