"""What stands between the tracker and a tool hides it, and nothing else does."""

import numpy as np
import pytest

from rafr.robot.arm import ArmModel
from rafr.robot.description import urdf_text
from rafr.robot.links import LinkPoses
from rafr.robot.shapes import robot_shapes
from rafr.robot.sight import LineOfSight

URDF = urdf_text("ur16e")
JOINTS = ArmModel(URDF).joint_names
EYE = np.array([1.4, -1.35, 2.0])
NOWHERE = np.array([-30.0, 0.0, 0.0])
Q = np.radians([0.0, -120.0, 120.0, -90.0, -90.0, 0.0])


@pytest.fixture(scope="module")
def sight():
    return LineOfSight(URDF, JOINTS)


def hidden_by_sampling(eye, place, base, q, n=4001):
    """Independent of the code under test: is any of many points of the line within any shape?"""
    x, y, theta = base
    c, s = np.cos(theta), np.sin(theta)
    t = np.linspace(0.0, 1.0, n)[:, None]
    points = eye + t * (place - eye) - (x, y, 0.0)
    points = points @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    poses = LinkPoses(URDF).at(dict(zip(JOINTS, q, strict=True)))
    for shape in robot_shapes(URDF):
        link = poses.get(shape.link)
        T = shape.T_link_shape if link is None else link @ shape.T_link_shape
        p = T.inverse().apply(points)
        if shape.kind == "box":
            inside = (np.abs(p) <= np.array(shape.size) / 2).all(axis=1)
        elif shape.kind == "cylinder":
            inside = (np.hypot(p[:, 0], p[:, 1]) <= shape.size[0]) & (np.abs(p[:, 2]) <= shape.size[1] / 2)
        else:
            inside = np.linalg.norm(p, axis=1) <= shape.size[0]
        if inside.any():
            return True
    return False


def test_a_robot_elsewhere_hides_nothing(sight):
    tools = {"reference": np.array([0.0, 0.0, 1.0]), "base": np.array([0.3, 0.3, 0.5])}
    assert sight.seen(EYE, tools, NOWHERE, Q) == {"reference", "base"}


def test_a_tool_behind_the_base_is_hidden_and_one_before_it_is_not(sight):
    base = np.array([0.0, 0.0, 0.0])
    way = np.array([0.0, 0.0, 0.2]) - EYE  # to the middle of the base's body
    tools = {"behind": EYE + 1.5 * way, "before": EYE + 0.5 * way}
    assert sight.seen(EYE, tools, base, Q) == {"before"}


def test_the_line_is_cut_where_points_of_it_lie_within_shapes(sight):
    rng = np.random.default_rng(0)
    agree, hidden = 0, 0
    n = 150
    for _ in range(n):
        base = np.array([*rng.uniform(-0.5, 0.5, 2), rng.uniform(-np.pi, np.pi)])
        q = rng.uniform(-np.pi, np.pi, len(JOINTS))
        place = np.array([*(base[:2] + rng.uniform(-0.5, 0.5, 2)), rng.uniform(0.0, 0.8)])
        expected = hidden_by_sampling(EYE, place, base, q)
        got = "tool" not in sight.seen(EYE, {"tool": place}, base, q)
        agree += got == expected
        hidden += expected
    assert agree >= n - 2  # lines that only graze a shape fall between the samples
    assert 0.2 * n < hidden < 0.8 * n  # both answers were tried
