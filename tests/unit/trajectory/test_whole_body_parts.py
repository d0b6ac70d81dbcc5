"""What the problem of base and arm together is made of: spheres, distances, balance, tunables."""

import dataclasses
from functools import cache

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.nlp import Problem
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision
from rafr.robot.mobile import floor_transform, named_drive
from rafr.robot.shapes import robot_shapes
from rafr.room import Box, Disc, OperatingRoom
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory
from rafr.trajectory.surroundings import arm_surroundings, standing_things
from rafr.trajectory.whole_body import distances
from rafr.trajectory.whole_body.balance import tipping_room
from rafr.trajectory.whole_body.config import WholeBodyConfig
from rafr.trajectory.whole_body.obstacles import ordered, padded, parameters
from rafr.trajectory.whole_body.optimise import Task, WholeBodyOptimiser
from rafr.trajectory.whole_body.result import WholeBodyTrajectory
from rafr.trajectory.whole_body.scene import Scene
from rafr.trajectory.whole_body.spheres import sphere_cover
from rafr.trajectory.whole_body.stages import Stages
from rafr.trajectory.whole_body.tipping import moments, support_polygon

ROUNDING = 1.5e-3  # m: what the distances are rounded by where their slope would jump
INFLATION = 0.025


@pytest.fixture(scope="module")
def arm():
    return ArmModel.named()


@pytest.fixture(scope="module")
def room():
    return OperatingRoom.from_yaml()


@pytest.fixture(scope="module")
def scene(arm, room):
    discs, boxes = sum(isinstance(o, Disc) for o in room.obstacles), len(room.boxes)
    return Scene(arm, named_drive("differential"), room.table, room.patient, discs, boxes, INFLATION)


def inside(shape, rng, count=400):
    """Points (count, 3) of a box or cylinder, in its link's frame, half of them on its skin."""
    p = rng.uniform(-1.0, 1.0, (count, 3))
    if shape.kind == "box":
        p[::2, rng.integers(3)] = 1.0
        return shape.T_link_shape.apply(p * np.array(shape.size) / 2)
    radius, length = shape.size
    around, out = np.pi * p[:, 0], np.sqrt(np.abs(p[:, 1]))
    out[::2] = 1.0
    disc = radius * out[:, None] * np.column_stack([np.cos(around), np.sin(around)])
    return shape.T_link_shape.apply(np.column_stack([disc, p[:, 2] * length / 2]))


def test_the_spheres_cover_every_shape_of_the_arm(arm):
    rng = np.random.default_rng(0)
    links = frozenset(joint.child for joint in arm.chain)
    cover = sphere_cover(arm.urdf, links, INFLATION)
    shapes = [s for s in robot_shapes(arm.urdf, "collision") if s.link in links]
    assert len(shapes) > 10
    for shape in shapes:
        points = inside(shape, rng)
        own = [s for s in cover if s.link == shape.link]
        gaps = np.min([np.linalg.norm(points - s.centre, axis=1) - s.radius for s in own], axis=0)
        assert gaps.max() < 1e-9  # m: rounding


def test_finer_spheres_stand_out_less_and_are_more(arm):
    links = frozenset(joint.child for joint in arm.chain)
    coarse, fine = (sphere_cover(arm.urdf, links, inflation) for inflation in (0.04, 0.01))
    assert len(fine) > len(coarse)
    assert max(s.radius for s in fine) < max(s.radius for s in coarse)


@pytest.mark.parametrize("obstacle", [Disc("d", 0.4, -0.3, 0.25), Box("b", -0.2, 0.1, 35.0, 0.8, 0.4)])
def test_distances_on_the_floor_are_those_of_the_room(obstacle):
    points = np.random.default_rng(1).uniform(-2.0, 2.0, (300, 2))
    to = distances.to_disc if isinstance(obstacle, Disc) else distances.to_box
    got = [float(to(x, y, parameters([obstacle]))) for x, y in points]
    assert got == pytest.approx(obstacle.distance(points), abs=ROUNDING)


def test_a_column_is_as_far_as_its_nearest_point():
    beside = distances.to_column(np.array([1.0, 0.0, 0.5]), 0.2, 0.0, 0.1, 0.0, 1.0)
    above = distances.to_column(np.array([0.2, 0.0, 1.3]), 0.2, 0.0, 0.1, 0.0, 1.0)
    rim = distances.to_column(np.array([0.6, 0.0, 1.4]), 0.2, 0.0, 0.1, 0.0, 1.0)
    within = distances.to_column(np.array([0.2, 0.0, 0.96]), 0.2, 0.0, 0.1, 0.0, 1.0)
    assert [float(d) for d in (beside, above, rim, within)] == pytest.approx(
        [0.7, 0.3, 0.5, -0.04], abs=ROUNDING
    )


def test_what_the_spheres_call_clear_of_room_table_and_patient_is_clear_in_coal(arm, room, scene):
    base_gaps, arm_gaps = scene.distances
    obstacles = parameters(ordered(room.obstacles[1:]))
    rng, seen, margin = np.random.default_rng(2), 0, 0.02
    surroundings = {"table", "patient", *(o.name for o in room.obstacles)}
    for _ in range(400):
        pose = np.array([*rng.uniform(-2.5, 2.5, 2), rng.uniform(-np.pi, np.pi)])
        q = rng.uniform(-np.pi, np.pi, arm.dof)
        gaps = base_gaps(pose, obstacles).full().min(), arm_gaps(pose, q, obstacles).full().min()
        if min(gaps) < margin + ROUNDING:  # the base's clearance stands for the shoulder's
            continue
        T_world_base = floor_transform(pose)
        blocks = arm_surroundings(room, T_world_base) + standing_things(room, T_world_base)
        touching = ArmCollision(arm, blocks, margin).touching(q)
        assert touching is None or not surroundings & set(touching.split(" and "))
        seen += 1
    assert seen > 20


def test_padding_changes_no_distance_but_makes_numbers_even(arm, room, scene):
    near = [room.discs[0], room.boxes[0]]
    more = padded(near)
    assert sum(isinstance(o, Disc) for o in more) == sum(isinstance(o, Box) for o in more) == 2
    points = np.random.default_rng(3).uniform(-3.0, 3.0, (50, 2))
    for added in more[2:]:
        assert added.distance(points).min() > 50.0  # m


def functions(arm):
    import casadi as ca

    v, a = ca.SX.sym("v", 3), ca.SX.sym("a", 3)
    q, qd, qdd = (ca.SX.sym(name, arm.dof) for name in ("q", "qd", "qdd"))
    moment, force = moments(arm, v, a, q, qd, qdd)
    return ca.Function("zero_moment_point", [v, a, q, qd, qdd], [moment / force])


def moving(arm, v, rate, q, qd, qdd):
    """Five samples around an instant at which the base stands at the origin, heading along x."""
    t = np.linspace(-2e-4, 2e-4, 5)
    speed = v + t[:, None] * rate
    poses = t[:, None] * v
    base = BaseTrajectory(
        t, *poses.T, v=speed[:, 0], lateral=speed[:, 1], omega=speed[:, 2], wheel=np.zeros((5, 4))
    )
    rows = (q + t[:, None] * qd, qd + t[:, None] * qdd, np.tile(qdd, (5, 1)), np.zeros((5, arm.dof)))
    return WholeBodyTrajectory(base, ArmTrajectory(arm.joint_names, t, *rows))


@pytest.mark.parametrize("base", ["differential", "mecanum"])
def test_point_masses_and_pinocchio_agree_on_where_the_robot_would_tip(arm, base):
    rng, point = np.random.default_rng(4), functions(arm)
    drive = named_drive(base)
    normals, offsets = support_polygon(drive)
    for _ in range(10):
        state = [
            *(rng.uniform(-0.6, 0.6, 3) for _ in range(2)),
            *(rng.uniform(-2.0, 2.0, arm.dof) for _ in range(3)),
        ]
        room = float((offsets - normals @ point(*state).full().ravel()).min())
        # m: the links' own moments of inertia, which the point masses leave out
        assert tipping_room(moving(arm, *state), arm, drive)[2] == pytest.approx(room, abs=2e-3)


def test_the_support_of_two_wheels_and_two_casters_is_a_diamond():
    drive = named_drive("differential")
    normals, offsets = support_polygon(drive)
    a, b = drive.caster.x, drive.wheel.track / 2
    assert offsets == pytest.approx(np.full(4, a * b / np.hypot(a, b)))
    assert np.linalg.norm(normals, axis=1) == pytest.approx(np.ones(4))


def test_braking_hard_tips_the_robot_over(arm):
    still, drive = np.zeros(arm.dof), named_drive("differential")
    folded = np.radians([0.0, -120.0, 120.0, -90.0, -90.0, 0.0])
    rooms = [
        tipping_room(moving(arm, np.zeros(3), np.array([a, 0.0, 0.0]), folded, still, still), arm, drive)[2]
        for a in (0.0, -2.0, -8.0)
    ]
    assert rooms[0] > 0.1 > 0.0 > rooms[2]
    assert rooms[1] > 0


CHANGES = {
    "margin": 0.8,
    "smoothness": 0.5,
    "jerk_share": 0.5,
    "base_clearance": 0.1,
    "arm_clearance": 0.1,
    "inflation": 0.06,
    "time_to_contact": 1.0,
    "support_margin": 0.1,
    "final_offset": 0.3,
    "final_turn": 0.2,
    "final_clearance": 0.2,
}
OF_THE_SOLUTION = {"knots", "solver", "max_iterations", "sample_period"}  # test_whole_body.py


def fingerprint(scenes, config):
    """Numbers of the problem at one state, and its parameters for one task."""
    import casadi as ca

    scene = scenes(config.inflation)
    arm, drive = scene.arm, scene.drive
    stages = Stages(scene, ArmPathConfig().free, config, Problem(ca.SX), free_end=True)
    rng = np.random.default_rng(5)
    x, u = rng.uniform(-0.5, 0.5, stages.layout.states), rng.uniform(-0.5, 0.5, stages.layout.inputs)
    given = [np.zeros(p.shape) for p in stages.given.values()]
    function, rows = stages.way()
    numbers = [float(stages.cost()(x, u)), *(row.upper for row in rows)]
    numbers += [float(ca.sum1(value)) for value in function(x, u, *given)]
    q = np.radians([0.0, -120.0, 120.0, -90.0, -90.0, 0.0])
    far = np.array([5.0, 5.0, 0.0])
    task = Task(far, q, far, q, arm.forward(q), 1.0)
    own = WholeBodyOptimiser(arm, drive, config).parameters(scene, task, [])
    return np.round([*numbers, *(float(np.sum(p)) for p in own.values())], 9).tolist()


@pytest.fixture(scope="module")
def scenes(arm, room):
    """An empty room by the spheres' inflation."""
    drive = named_drive("differential")
    return cache(lambda inflation: Scene(arm, drive, room.table, room.patient, 0, 0, inflation))


@pytest.fixture(scope="module")
def usual(scenes):
    return fingerprint(scenes, WholeBodyConfig())


def test_every_tunable_is_tried():
    assert set(CHANGES) | OF_THE_SOLUTION == {f.name for f in dataclasses.fields(WholeBodyConfig)}


@pytest.mark.parametrize(("name", "value"), CHANGES.items())
def test_every_tunable_changes_the_problem(scenes, usual, name, value):
    assert fingerprint(scenes, WholeBodyConfig(**{name: value})) != usual


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(WholeBodyConfig)])
def test_tunables_out_of_bounds_are_refused_by_name(arm, name):
    bad = {"solver": "magic"}.get(name, -1)
    with pytest.raises(InputError, match=name if name != "solver" else "magic"):
        WholeBodyOptimiser(arm, named_drive("differential"), WholeBodyConfig(**{name: bad}))
