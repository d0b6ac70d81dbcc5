"""Collisions of the arm."""

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision, Block

FOLDED = np.radians([0.0, -120.0, 120.0, -90.0, -90.0, 0.0])


@pytest.fixture(scope="module")
def arm():
    return ArmModel.named()


def around_clamp(arm, q, *, enter=False):
    T = arm.T_base_armbase @ arm.forward(q)
    return Block("thing", RigidTransform.from_translation(T.translation), (0.05, 0.05, 0.05), enter)


def test_ordinary_postures_are_free(arm):
    collision = ArmCollision(arm)
    for degrees in ([0, -120, 120, -90, -90, 0], [0, -90, 0, -90, 0, 0], [90, -45, 90, -135, -90, 0]):
        assert collision.touching(np.radians(degrees)) is None


def test_the_arm_does_not_reach_through_its_own_column(arm):
    touching = ArmCollision(arm).touching(np.radians([0.0, 60.0, 90.0, 0.0, 0.0, 0.0]))
    assert touching is not None
    assert {"base", "column"} & set(touching.split(" and "))


def test_a_block_at_the_clamp_is_named(arm):
    collision = ArmCollision(arm, [around_clamp(arm, FOLDED)])
    assert collision.touching(FOLDED) == "clamp and thing"


def test_the_tool_may_enter_what_it_has_to_reach_but_the_arm_may_not(arm):
    collision = ArmCollision(arm, [around_clamp(arm, FOLDED, enter=True)])
    assert collision.free(FOLDED)
    huge = Block("thing", RigidTransform.identity(), (4.0, 4.0, 4.0), True)
    assert not ArmCollision(arm, [huge]).free(FOLDED)


def test_moving_the_block_away_frees_the_arm(arm):
    block = around_clamp(arm, FOLDED)
    collision = ArmCollision(arm, [block])
    away = Block("thing", RigidTransform.from_translation((5.0, 0.0, 0.0)), block.size)
    collision.move_blocks([away])
    assert collision.free(FOLDED)


def test_the_margin_is_kept(arm):
    clamp = arm.T_base_armbase @ arm.forward(FOLDED)
    # the jaws reach 20 mm beyond the clamp frame; a plate 30 mm beyond that
    wall = Block("wall", RigidTransform.from_translation(clamp.translation - (0, 0, 0.1)), (0.2, 0.2, 0.1))
    assert ArmCollision(arm, [wall], margin=0.025).free(FOLDED)
    assert not ArmCollision(arm, [wall], margin=0.035).free(FOLDED)


def test_a_line_through_a_block_is_not_free_though_its_ends_are(arm):
    end = FOLDED + np.radians([200.0, 0, 0, 0, 0, 0])
    middle = around_clamp(arm, (FOLDED + end) / 2)
    collision = ArmCollision(arm, [middle])
    assert collision.free(FOLDED)
    assert collision.free(end)
    assert not collision.free_line(FOLDED, end)
