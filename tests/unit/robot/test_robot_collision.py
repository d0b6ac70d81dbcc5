"""Collisions of the arm."""

from itertools import combinations, product

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision, Block, self_pairs
from rafr.robot.description import ARMS
from rafr.robot.links import LinkPoses

FOLDED = np.radians([0.0, -120.0, 120.0, -90.0, -90.0, 0.0])


@pytest.fixture(scope="module")
def arm():
    return ArmModel.named()


@pytest.fixture(scope="module", params=ARMS)
def any_arm(request):
    return ArmModel.named(request.param)


def around_clamp(arm, q, *, enter=False):
    T = arm.T_base_armbase @ arm.forward(q)
    return Block("thing", RigidTransform.from_translation(T.translation), (0.05, 0.05, 0.05), enter)


def test_ordinary_postures_are_free(arm):
    collision = ArmCollision(arm)
    for degrees in ([0, -120, 120, -90, -90, 0], [0, -90, 0, -90, 0, 0], [90, -45, 90, -135, -90, 0]):
        assert collision.touching(np.radians(degrees)) is None


def test_each_arm_has_room_to_move(any_arm):
    lower, upper = np.maximum(any_arm.limits.lower, -np.pi), np.minimum(any_arm.limits.upper, np.pi)
    collision = ArmCollision(any_arm)
    rng = np.random.default_rng(0)
    free = [collision.free(q) for q in rng.uniform(lower, upper, (200, any_arm.dof))]
    # a UR's joints turn all the way round, through its base and upper arm; the others' stops are tighter
    assert np.mean(free) > (0.4 if any_arm.dof == 6 else 0.85)
    assert collision.free(any_arm.parked)


def test_the_last_link_and_what_it_carries_may_reach_the_patient_but_no_other_link(any_arm):
    places = LinkPoses(any_arm.urdf).at(dict(zip(any_arm.joint_names, any_arm.parked, strict=True)))
    links = [j.child for j in any_arm.chain if j.moves]

    def free(link):
        block = Block("patient", places[link], (0.01, 0.01, 0.01), True)
        return ArmCollision(any_arm, [block], margin=0.0).free(any_arm.parked)

    assert free("clamp")
    assert free("ft_sensor")
    assert not free(links[1])


def left_out(arm):
    """Pairs of links whose shapes are never tested against each other, the base's own parts left aside."""
    links = ["column", "arm_base", *(j.child for j in arm.chain if j.child != "flange")]
    tested = set(self_pairs(links, arm.chain))
    return {(links[i], links[j]) for i, j in combinations(range(len(links)), 2) if (i, j) not in tested}


def test_neighbours_of_a_ur_are_the_housings_that_share_a_joint():
    carried = [("wrist_3_link", "ft_sensor"), ("wrist_3_link", "clamp"), ("ft_sensor", "clamp")]
    wrist = [(w, tool) for w in ("wrist_1_link", "wrist_2_link") for tool in ("ft_sensor", "clamp")]
    assert left_out(ArmModel.named("ur10e")) == {
        ("column", "arm_base"),
        ("column", "shoulder_link"),
        ("arm_base", "shoulder_link"),
        ("arm_base", "upper_arm_link"),
        ("shoulder_link", "upper_arm_link"),
        ("upper_arm_link", "forearm_link"),
        ("forearm_link", "wrist_1_link"),
        ("forearm_link", "wrist_2_link"),
        ("wrist_1_link", "wrist_2_link"),
        ("wrist_1_link", "wrist_3_link"),
        ("wrist_2_link", "wrist_3_link"),
        *wrist,
        *carried,
    }


def test_what_is_left_out_cannot_meet_within_the_joints_ranges(any_arm):
    rank = {"arm_base": 0}
    for joint in any_arm.chain:
        rank[joint.child] = rank[joint.parent] + joint.moves
    pairs = [(a, b) for a, b in left_out(any_arm) if a in rank and rank[b] - rank[a] == 2]
    closest = least_gaps(any_arm, pairs, 150)
    # shapes of one wrist overlap as they are drawn, by up to 31 mm
    wrist = {link for link, r in rank.items() if r >= any_arm.dof - 3}
    for (a, b), gap in closest.items():
        assert gap > (-0.035 if {a, b} <= wrist else 0.0), f"{a} and {b}: {gap:.3f} m"


def least_gaps(arm, pairs, postures):
    """Least distance (m) of each pair of links in random postures; negative: their shapes overlap."""
    import coal
    import pinocchio as pin

    solids = {link: [] for link in {link for pair in pairs for link in pair}}
    whole = pin.buildModelFromXML(arm.urdf)
    for shape in pin.buildGeomFromUrdfString(whole, arm.urdf, pin.GeometryType.COLLISION).geometryObjects:
        frame = whole.frames[shape.parentFrame]
        if frame.name in solids:
            T_link_shape = frame.placement.inverse() * shape.placement
            T = RigidTransform(T_link_shape.rotation.copy(), T_link_shape.translation.copy())
            solids[frame.name].append((shape.geometry, T))
    lower, upper = np.maximum(arm.limits.lower, -np.pi), np.minimum(arm.limits.upper, np.pi)
    links, least = LinkPoses(arm.urdf), dict.fromkeys(pairs, np.inf)
    for q in np.random.default_rng(0).uniform(lower, upper, (postures, arm.dof)):
        places = links.at(dict(zip(arm.joint_names, q, strict=True)))
        for a, b in pairs:
            for (one, T_a), (other, T_b) in product(solids[a], solids[b]):
                T, U = places[a] @ T_a, places[b] @ T_b
                gap = coal.distance(
                    one,
                    coal.Transform3s(T.rotation, T.translation),
                    other,
                    coal.Transform3s(U.rotation, U.translation),
                    coal.DistanceRequest(),
                    coal.DistanceResult(),
                )
                least[a, b] = min(least[a, b], gap)
    return least


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
