"""The gate hands out a pose only for a fresh, coherent, believable frame."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.geometry import RigidTransform
from rafr.tracking.gating import GateConfig, ToolGate, ToolSample, ToolState, pose_or_none

PERIOD = 1 / 60


def sample(frame: int, x: float = 0.0, **changes: object) -> ToolSample:
    pose = RigidTransform.from_translation([x, 0, 0])
    return replace(ToolSample("reference", frame * PERIOD, frame, pose), **changes)


def feed(gate: ToolGate, *samples: ToolSample, delay: float = 0.015) -> ToolState:
    state = None
    for s in samples:
        state = gate.update([s], s.stamp + delay)[s.name]
    assert state is not None
    return state


def tracked() -> ToolGate:
    """A gate that has seen frames 1..5 of a still tool."""
    gate = ToolGate()
    assert feed(gate, *(sample(i) for i in range(1, 6))).valid
    return gate


def test_tool_becomes_valid_after_the_configured_number_of_frames() -> None:
    for needed in (1, 4):
        gate = ToolGate(GateConfig(frames_to_accept=needed))
        states = [feed(gate, sample(i)).valid for i in range(1, 7)]
        assert states == [i >= needed for i in range(1, 7)]


def test_valid_pose_is_the_pose_of_this_frame() -> None:
    state = feed(tracked(), sample(6, x=0.004))
    assert state.T_tracker_tool is not None
    assert state.T_tracker_tool.translation[0] == 0.004
    assert state.stamp == 6 * PERIOD


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"visible": False}, "visible"),
        ({"T_tracker_tool": None}, "not a number"),
        ({"T_tracker_tool": None, "status": "out of volume"}, "out of volume"),
        ({"reprojection_px": 1.5}, "reprojection"),
        ({"reprojection_px": np.nan}, "reprojection"),
        ({"error": 0.002}, "error"),
        ({"error": np.nan}, "error"),
        ({"stamp": np.nan}, "stamp"),
        ({"frame_number": 5}, "repeated"),
        ({"stamp": 4.5 * PERIOD}, "out of order"),
        ({"T_tracker_tool": RigidTransform.from_translation([0.05, 0, 0])}, "jumped"),
        ({"T_tracker_tool": RigidTransform.from_rotvec([0, 0.3, 0])}, "turned"),
    ],
)
def test_bad_sample_is_invalid_with_its_reason_and_no_pose(changes: dict[str, object], word: str) -> None:
    gate = tracked()
    bad = sample(6, **changes)
    state = gate.update([bad], 6 * PERIOD + 0.015)["reference"]
    assert not state.valid
    assert state.T_tracker_tool is None
    assert word in state.reason


def test_late_and_future_frames_are_invalid() -> None:
    assert "stale" in feed(tracked(), sample(6), delay=0.2).reason
    assert "future" in feed(tracked(), sample(6), delay=-0.05).reason


def test_repeated_and_late_frames_do_not_break_a_good_track() -> None:
    gate = tracked()
    assert not feed(gate, sample(5)).valid
    assert not gate.update([sample(4, frame_number=99)], 6 * PERIOD)["reference"].valid
    assert feed(gate, sample(6)).valid


def test_tool_that_vanishes_must_earn_its_validity_again() -> None:
    gate = tracked()
    gone = gate.update([], 6 * PERIOD)["reference"]
    assert not gone.valid
    assert "not in" in gone.reason
    assert [feed(gate, sample(i)).valid for i in (7, 8, 9, 10)] == [False, False, True, True]


def test_tool_silent_longer_than_the_maximum_age_must_earn_its_validity_again() -> None:
    gate = tracked()
    assert [feed(gate, sample(i)).valid for i in (30, 31, 32)] == [False, False, True]


def test_tool_really_moved_is_accepted_after_coherent_frames_but_a_ghost_is_not() -> None:
    gate = tracked()
    assert [feed(gate, sample(i, x=0.05)).valid for i in (6, 7, 8)] == [False, False, True]
    gate = tracked()
    flicker = [feed(gate, sample(i, x=0.05 * ((i + 1) % 2))).valid for i in range(6, 14)]
    assert not any(flicker)


def test_gate_works_again_after_the_clock_was_set_back() -> None:
    gate = ToolGate()
    feed(gate, *(sample(i) for i in range(1000, 1005)))
    assert [feed(gate, sample(i)).valid for i in (1, 2, 3)] == [False, False, True]


def test_each_tool_is_judged_by_itself() -> None:
    gate = ToolGate(GateConfig(frames_to_accept=1))
    other = ToolSample("base", PERIOD, 1, None)
    states = gate.update([sample(1), other], PERIOD)
    assert states["reference"].valid
    assert not states["base"].valid


@pytest.mark.parametrize(
    "changed",
    [
        {"max_age": 0.01},
        {"max_error": 1e-5},
        {"max_reprojection_px": 0.1},
        {"max_speed": 0.01},
        {"max_turn_rate": 0.1},
        {"noise": 0.0},
        {"turn_noise": 0.0},
        {"frames_to_accept": 9},
        {"max_lead": 0.0},
    ],
)
def test_every_limit_of_the_configuration_is_obeyed(changed: dict[str, float]) -> None:
    def verdicts(config: GateConfig) -> list[bool]:
        gate = ToolGate(config)
        found = []
        for i in range(1, 8):
            # creeping at the edge of the default limits; one frame comes stamped slightly ahead
            pose = RigidTransform.from_rotvec([0, 0, 0.06 * i], [0.0085 * i, 0, 0])
            s = replace(sample(i, error=1e-4, reprojection_px=0.3), T_tracker_tool=pose)
            found.append(gate.update([s], s.stamp + (-0.01 if i == 5 else 0.015))["reference"].valid)
        return found

    assert verdicts(GateConfig()) != verdicts(replace(GateConfig(), **changed))


def test_message_poses_that_are_no_poses_give_none() -> None:
    assert pose_or_none([0, 0, np.nan], [0, 0, 0, 1]) is None
    assert pose_or_none([0, 0, 0], [0, 0, 0, 0]) is None
    assert pose_or_none([0, 0, 0], [np.nan] * 4) is None
    pose = pose_or_none([1, 2, 3], [0, 0, 0, 1])
    assert pose is not None
    np.testing.assert_allclose(pose.translation, [1, 2, 3])
