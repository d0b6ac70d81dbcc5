"""Touching bone with a tracked probe checks a registration."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from rafr.config import check_config
from rafr.errors import InputError
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.registration.probe import ProbeConfig, contradictions, judge_touches, tip_in_bone, touch

_BALL = trimesh.creation.icosphere(4, radius=50.0)
BALL = TriangleMesh(np.asarray(_BALL.vertices), np.asarray(_BALL.faces))  # mm
AROUND = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [-1.0, 0, 0], [0, -0.8, 0.6]])


def touches(off: float, ways: np.ndarray = AROUND):
    """At `off` m from the ball's surface."""
    return [touch(BALL, (0.05 + off) * way / np.linalg.norm(way)) for way in ways]


def test_a_touch_is_positive_outside_and_negative_inside():
    # the ball has flat faces: 0.1 mm
    assert touches(0.002)[0].distance == pytest.approx(0.002, abs=1e-4)
    assert touches(-0.002)[0].distance == pytest.approx(-0.002, abs=1e-4)


def test_touches_on_the_bone_from_all_sides_confirm_it():
    assert judge_touches(touches(0.0), ProbeConfig()).accepted


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (touches(0.0)[:3], "3 places touched, 4 needed"),
        (touches(0.0015), "1.5 mm off in the mean"),
        ([*touches(0.0), *touches(0.004)[:1]], "a touch lies 4.0 mm off"),
        (touches(0.0, np.array([[1.0, y, 0.1 * y] for y in (-0.2, -0.1, 0.1, 0.2)])), "face alike"),
    ],
)
def test_what_is_wrong_or_missing_is_said(made, reason):
    verdict = judge_touches(made, ProbeConfig())
    assert not verdict.accepted
    assert reason in "; ".join(verdict.reasons)


def test_too_few_touches_contradict_nothing():
    assert not contradictions([], ProbeConfig())
    assert not contradictions(touches(0.0015)[:3], ProbeConfig())
    assert contradictions(touches(0.0015), ProbeConfig())


def test_limits_and_count_are_read():
    assert judge_touches(touches(0.0)[:3], ProbeConfig(touches=3)).accepted
    assert judge_touches(touches(0.0015), ProbeConfig(max_mean=0.002)).accepted
    assert not judge_touches(touches(0.0015), ProbeConfig(max_mean=0.002, max_distance=0.001)).accepted


@pytest.mark.parametrize("name", ["tip_x", "max_distance", "max_mean", "touches"])
def test_a_tunable_out_of_bounds_is_named(name):
    with pytest.raises(InputError, match=name):
        check_config(ProbeConfig(**{name: -1}), "registration")


def test_the_tip_goes_through_both_tools_into_the_bone():
    rng = np.random.default_rng(0)
    T_marker_ct, T_tracker_marker, T_tracker_probe = (
        RigidTransform.from_rotvec(rng.normal(size=3), rng.normal(size=3)) for _ in range(3)
    )
    tip = np.array([0.01, -0.02, 0.15])
    seen = T_tracker_probe.apply(tip)
    point = tip_in_bone(T_marker_ct, T_tracker_marker, T_tracker_probe, tip)
    assert (T_tracker_marker @ T_marker_ct).apply(point) == pytest.approx(seen, abs=1e-12)
