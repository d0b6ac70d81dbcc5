"""X and Z are found within what the calibration says of itself, or it says that they are not."""

import dataclasses

import numpy as np
import pytest

from rafr.errors import InfeasibleError, InputError
from rafr.geometry import RigidTransform
from rafr.tracking.calibration.hand_eye import HandEyeConfig, calibrate_hand_eye
from rafr.tracking.calibration.pose_pairs import PosePairs, closed_form, read_pairs
from rafr.tracking.recordings import read_recording

X = RigidTransform.from_rotvec([0.3, -1.2, 0.8], [40.0, -25.0, 110.0])  # T_flange_tool, mm
Z = RigidTransform.from_rotvec([2.0, 0.4, -1.0], [-900.0, 1500.0, 1200.0])  # T_base_tracker, mm


def poses(rng, *, n=40, turn=0.8, axis=None, shift_noise=0.2, turn_noise=8e-4, outliers=0.0):
    """`T_base_flange` and `T_tracker_tool` (mm) of an arm that turns by up to `turn` rad, or about `axis`."""
    robot, tracker = [], []
    for _ in range(n):
        turns = rng.uniform(-turn, turn, 3) if axis is None else rng.uniform(-turn, turn) * np.array(axis)
        flange = RigidTransform.from_rotvec(turns, rng.uniform([350, -250, 150], [850, 250, 650]))
        seen = Z.inverse() @ flange @ X
        wobble = RigidTransform.from_rotvec(rng.normal(0.0, turn_noise, 3))
        seen = RigidTransform(
            wobble.rotation @ seen.rotation, seen.translation + rng.normal(0, shift_noise, 3)
        )
        robot.append(flange)
        tracker.append(seen)
    for k in np.flatnonzero(rng.random(n) < outliers):
        tracker[k] = RigidTransform.from_rotvec(rng.normal(0, 0.3, 3), rng.normal(0, 40, 3)) @ tracker[k]
    return robot, tracker


def error(found, true):
    """(6,) shift (mm) and turn (rad) of the origin."""
    turn = RigidTransform(found.rotation @ true.rotation.T, np.zeros(3)).rotvec
    return np.concatenate([found.translation - true.translation, turn])


def calibrated(seed, **kind):
    rng = np.random.default_rng(seed)
    return calibrate_hand_eye(PosePairs.of(*poses(rng, **kind)), rng)


@pytest.mark.slow
@pytest.mark.parametrize("outliers", [0.0, 0.2])
def test_both_lie_within_their_covariance(outliers):
    squared = []
    for seed in range(40):
        found = calibrated(seed, outliers=outliers)
        e = np.concatenate([error(found.T_flange_tool, X), error(found.T_base_reference, Z)])
        squared.append(e @ np.linalg.solve(found.covariance, e))
    # mean of chi-squared with 12 degrees of freedom; its standard error over 40 runs is 0.77, three of these
    assert np.mean(squared) == pytest.approx(12.0, abs=2.3)


def test_without_noise_both_are_exact_from_the_closed_form_on():
    rng = np.random.default_rng(0)
    pairs = PosePairs.of(*poses(rng, n=8, shift_noise=0.0, turn_noise=0.0))
    found = calibrate_hand_eye(pairs, rng)
    for tool, tracker in (closed_form(pairs), (found.T_flange_tool, found.T_base_reference)):
        assert np.abs(error(tool, X)).max() < 1e-8  # mm, rad: rounding
        assert np.abs(error(tracker, Z)).max() < 1e-8


def test_fit_of_all_poses_beats_the_closed_form():
    closed, fitted = [], []
    for seed in range(20):
        pairs = PosePairs.of(*poses(np.random.default_rng(seed)))
        found = calibrate_hand_eye(pairs, np.random.default_rng(seed))
        closed.append(error(closed_form(pairs)[1], Z)[:3])
        fitted.append(error(found.T_base_reference, Z)[:3])
    assert np.square(fitted).sum() < 0.8 * np.square(closed).sum()


@pytest.mark.parametrize("share", [0.1, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_outliers_are_named_and_do_no_harm(share, seed):
    rng = np.random.default_rng(seed)
    spoilt, clean = poses(rng, outliers=share), poses(np.random.default_rng(seed))
    bad = [k for k in range(40) if not np.allclose(spoilt[1][k].matrix, clean[1][k].matrix)]
    found = calibrate_hand_eye(PosePairs.of(*spoilt), rng)
    assert found.rejected.tolist() == bad
    assert np.linalg.norm(error(found.T_flange_tool, X)[:3]) < 0.3  # mm: three standard deviations


@pytest.mark.parametrize(
    "kind",
    [
        {"axis": [0.0, 0.0, 1.0]},
        {"axis": [0.6, 0.0, 0.8], "shift_noise": 0.0, "turn_noise": 0.0},
        {"turn": 0.05},
        {"turn": 0.0},
    ],
    ids=["one axis", "one axis, no noise", "tiny turns", "no turns"],
)
def test_turns_that_do_not_determine_it_are_refused_with_the_number(kind):
    with pytest.raises(InfeasibleError, match=r"[\d.]+ deg about a second, 10\.0 deg about two needed"):
        calibrated(0, **kind)


def test_one_axis_is_not_made_two_by_an_outlier_of_the_robot():
    rng = np.random.default_rng(0)
    robot, tracker = poses(rng, n=12, axis=[0.0, 0.0, 1.0])
    robot[5] = RigidTransform.from_rotvec([2.5, 0.0, 0.0], robot[5].translation)
    with pytest.raises(InfeasibleError, match="about a second"):
        calibrate_hand_eye(PosePairs.of(robot, tracker), rng)


def test_other_frames_for_tracker_and_base_change_nothing_else():
    rng = np.random.default_rng(4)
    robot, tracker = poses(rng, outliers=0.1)
    T_new_base = RigidTransform.from_rotvec([0.5, 1.0, -2.0], [3000.0, -500.0, 20.0])
    T_new_tracker = RigidTransform.from_rotvec([-1.0, 0.2, 0.7], [-100.0, 800.0, 40.0])
    plain = calibrate_hand_eye(PosePairs.of(robot, tracker), np.random.default_rng(0))
    moved = calibrate_hand_eye(
        PosePairs.of([T_new_base @ T for T in robot], [T_new_tracker @ T for T in tracker]),
        np.random.default_rng(0),
    )
    assert np.abs(error(moved.T_flange_tool, plain.T_flange_tool)).max() < 1e-6  # mm, rad
    T_back = T_new_base.inverse() @ moved.T_base_reference @ T_new_tracker
    assert np.abs(error(T_back, plain.T_base_reference)).max() < 1e-6
    assert moved.rejected.tolist() == plain.rejected.tolist()
    assert moved.sd_mm("X") == pytest.approx(plain.sd_mm("X"), rel=1e-6)


# a value per field that turns the verdict
CHANGES = {"max_sd_mm": 1e-3, "max_sd_deg": 1e-4, "max_rejected": 0.0, "min_turn_deg": 60.0}


@pytest.mark.parametrize("name", CHANGES)
def test_every_tunable_changes_the_verdict(name):
    def accepted(config):
        rng = np.random.default_rng(4)
        try:
            return calibrate_hand_eye(
                PosePairs.of(*poses(rng, outliers=0.1)), rng, config
            ).assessment.accepted
        except InfeasibleError:
            return False

    assert accepted(HandEyeConfig())
    assert not accepted(dataclasses.replace(HandEyeConfig(), **{name: CHANGES[name]}))
    assert set(CHANGES) == {f.name for f in dataclasses.fields(HandEyeConfig)}


def test_pairs_are_frames_or_means_of_stretches_in_which_both_are_valid(write_sequence):
    robot, tracker = poses(np.random.default_rng(0), n=8)
    robot, tracker = ([T for T in side for _ in range(3)] for side in (robot, tracker))
    tracker[4] = None
    recording = read_recording(write_sequence({"FlangeToBase": robot, "ToolToTracker": tracker}))
    assert len(read_pairs(recording, "FlangeToBase", "Tool", "Tracker", None)) == 23
    stretches = tuple((3 * k, 3 * k + 2) for k in range(8))
    pairs = read_pairs(recording, "FlangeToBase", "Tool", "Tracker", stretches)
    assert pairs.frames.tolist() == [0, 3, 6, 9, 12, 15, 18, 21]
    assert pairs.p_reference_tool[2] == pytest.approx(tracker[6].translation)
    with pytest.raises(InputError, match="valid in 5 poses"):
        read_pairs(recording, "FlangeToBase", "Tool", "Tracker", stretches[:5])
    with pytest.raises(InputError, match="no transform 'ArmToBase'"):
        read_pairs(recording, "ArmToBase", "Tool", "Tracker", None)
