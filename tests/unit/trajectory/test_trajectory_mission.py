"""From a plan's path to every motion of a body."""

import numpy as np
import pytest

from rafr.errors import Cause, InfeasibleError
from rafr.geometry import RigidTransform, screw_interpolate
from rafr.robot.collision import ArmCollision
from rafr.robot.mobile import floor_transform
from rafr.trajectory import mission
from rafr.trajectory.mission import Robot
from rafr.trajectory.placement import Grid, PlacementConfig, choose_docking_pose
from rafr.trajectory.report import trajectory_json
from rafr.trajectory.surroundings import arm_surroundings
from rafr.units import to_metres

R_SUPINE = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@pytest.fixture(scope="module")
def T_world_pelvis(robot):
    return RigidTransform(R_SUPINE, np.array([0.0, 0.0, robot.room.table.height + robot.room.pelvis_height]))


def pins_from(side, azimuth_deg=40.0):
    """`T_ct_clamp` (mm) of pins in the iliac crest, coming from in front and from the side."""
    lateral = 1.0 if side == "left" else -1.0
    azimuth = np.radians(azimuth_deg)
    out = np.array([lateral * np.sin(azimuth), -np.cos(azimuth), 0.0])
    x = np.array([0.0, 0.0, -1.0])
    z = -out
    return RigidTransform(
        np.column_stack([x, np.cross(z, x), z]), np.array([lateral * 110.0, -80.0, 60.0]) + 110 * out
    )


@pytest.fixture(scope="module")
def path_mm():
    target = RigidTransform.from_rotvec(np.radians([3.0, -4.0, 5.0]), (8.0, -6.0, 10.0))
    return screw_interpolate(RigidTransform.identity(), target, np.linspace(0, 1, 20))


@pytest.fixture(scope="module", params=[pytest.param(s, marks=pytest.mark.slow) for s in ("right", "left")])
def planned(request, robot, T_world_pelvis, path_mm):
    pins = pins_from(request.param)
    base = robot.room.parking.pose
    body = mission.plan_body(robot, "hip", base, T_world_pelvis, path_mm, pins, rng=np.random.default_rng(0))
    return request.param, pins, body


def test_the_base_docks_on_the_fragments_side(planned):
    side, _, body = planned
    assert body.assessment.accepted
    assert (body.docking.pose[1] > 0) == (side == "right")


def test_the_clamp_ends_where_the_plan_says(robot, planned, T_world_pelvis, path_mm):
    _, pins, body = planned
    q = body.reduction.trajectory.q[-1]
    T_world_clamp = body.docking.T_world_base @ robot.arm.T_base_armbase @ robot.arm.forward(q)
    wanted = T_world_pelvis @ to_metres(path_mm[-1] @ pins)
    error = wanted.inverse() @ T_world_clamp
    assert np.linalg.norm(error.translation) < 1e-4  # m: what the approach and the path leave
    assert error.angle < 1e-3


def test_each_motion_starts_where_the_one_before_ends(robot, planned):
    _, _, body = planned
    assert body.approach.trajectory.q[0] == pytest.approx(robot.parked_arm)
    assert body.reduction.trajectory.q[0] == pytest.approx(body.approach.trajectory.q[-1], abs=1e-9)
    assert body.retreat.trajectory.q[0] == pytest.approx(body.reduction.trajectory.q[-1], abs=1e-9)
    assert body.retreat.trajectory.q[-1] == pytest.approx(robot.parked_arm, abs=1e-6)


def test_nothing_of_the_arm_touches_table_or_patient(robot, planned):
    _, _, body = planned
    blocks = arm_surroundings(robot.room, body.docking.T_world_base)
    collision = ArmCollision(robot.arm, blocks, margin=0.0)
    for motion in (body.approach, body.reduction, body.retreat):
        assert all(collision.free(q) for q in motion.trajectory.q[::5])


def test_the_base_stands_with_its_brakes_on_in_every_stage_of_the_arm(planned):
    _, _, body = planned
    assert body.brakes == {"docking": False, "approach": True, "reduction": True, "retreat": True}
    stages = trajectory_json(Robot.named(), [body], body.assessment, 0.0, Cause.OTHER)["bodies"]["hip"]
    moving_arm = {name for name, stage in stages.items() if "joint_names" in (stage or ())}
    assert moving_arm == {"approach", "reduction", "retreat"}
    for name in moving_arm:  # braked, and nothing in it could move the base
        assert stages[name]["brakes"] is True
        assert set(stages[name]) == {"joint_names", "t", "q", "qd", "qdd", "qddd", "brakes"}
    assert stages["docking"]["brakes"] is False


def test_a_measured_grip_is_used_instead_of_the_planned_one(robot, planned, T_world_pelvis, path_mm):
    _, pins, body = planned
    q = body.approach.trajectory.q[-1]
    slipped = to_metres(pins) @ RigidTransform.from_rotvec((0.0, 0.0, 0.01), (0.002, 0.001, -0.001))
    T_base_pelvis = body.docking.T_world_base.inverse() @ T_world_pelvis
    motion = mission.reduction(robot, body.docking.T_world_base, q, T_base_pelvis, path_mm, slipped)
    reached = robot.arm.T_base_armbase @ robot.arm.forward(motion.trajectory.q[-1])
    wanted = T_base_pelvis @ to_metres(path_mm[-1]) @ slipped
    assert np.linalg.norm((wanted.inverse() @ reached).translation) < 1e-4


@pytest.mark.slow
def test_pins_from_below_the_table_find_no_place(robot, T_world_pelvis, path_mm):
    with pytest.raises(InfeasibleError, match="no base pose on the left side serves the whole path"):
        mission.dock(robot, robot.room.parking.pose, T_world_pelvis, path_mm, pins_from("left", 170.0))


def test_the_reasons_count_every_base_pose_examined(robot, T_world_pelvis, path_mm):
    path = mission.clamp_path(T_world_pelvis, path_mm, to_metres(pins_from("left", 170.0)))
    few = Grid((0.0,), (0.6, 0.7), (0.0, -60.0, 60.0))
    with pytest.raises(InfeasibleError) as caught:
        choose_docking_pose(robot.arm, path, robot.room, config=PlacementConfig(coarse=few, fine=few))
    counted = [r.split(" base poses: ")[0].split(" of ") for r in caught.value.reasons[1:]]
    assert sum(int(n) for n, _ in counted) == int(counted[0][1]) > 3


def test_surroundings_stand_still_in_the_room_wherever_the_base_is(robot):
    for pose in ((0.0, 0.9, -1.5), (1.0, -1.0, 2.0)):
        T_world_base = floor_transform(pose)
        table, patient = arm_surroundings(robot.room, T_world_base)
        T = T_world_base @ table.T_base_block
        assert T.translation == pytest.approx([0, 0, robot.room.table.height / 2])
        assert T.rotation == pytest.approx(np.eye(3))
        bottom = (T_world_base @ patient.T_base_block).translation[2] - patient.size[2] / 2
        assert bottom == pytest.approx(robot.room.table.height)
        assert patient.tool_may_enter
        assert not table.tool_may_enter
