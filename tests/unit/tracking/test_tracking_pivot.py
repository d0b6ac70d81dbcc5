"""A tip is found within what it says of itself, and not believed where the tool turned too little."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from rafr.errors import InfeasibleError, InputError
from rafr.geometry import RigidTransform
from rafr.tracking.calibration.dwells import Dwell, choose_reference, choose_tool, parse_frames, read_dwells
from rafr.tracking.calibration.pivot import PivotConfig, calibrate_pivot
from rafr.tracking.recordings import read_recording

TIP = np.array([105.0, 8.0, 3.0])  # mm
DIVOT = np.array([30.0, -120.0, 60.0])  # mm
NOISE = 0.1  # mm per axis


def dwell(rng, *, n=120, tilt_deg=35.0, noise=NOISE, memory=0.0, outliers=0.0, axes=(0.0, 1.0, 1.0), first=0):
    """A stylus tilted to and fro in changing directions.

    Args:
        memory: correlation of successive errors.
        outliers: share of frames with any orientation, anywhere.
        axes: how far it turns about the axes of the tool.
    """
    t = np.arange(n) / n
    tilt = np.radians(tilt_deg) * np.sin(8.0 * np.pi * t + rng.uniform(0, 6))
    towards = 14.5 * t + rng.uniform(0, 6)
    axis = np.stack([np.cos(3 * towards), np.cos(towards), np.sin(towards)], axis=1) * axes
    R = (Rotation.random(random_state=rng) * Rotation.from_rotvec(axis * tilt[:, None])).as_matrix()
    error = rng.normal(0.0, noise, (n, 3))
    for k in range(1, n):
        error[k] = memory * error[k - 1] + np.sqrt(1.0 - memory**2) * error[k]
    p = DIVOT + error - R @ TIP
    for k in np.flatnonzero(rng.random(n) < outliers):
        R[k] = Rotation.random(random_state=rng).as_matrix()
        p[k] += rng.normal(0.0, 50.0, 3)
    return Dwell(first, first + n - 1, np.arange(first, first + n), R, p)


def moved(d, T_new_old, T_old_tool):
    """The dwell seen from another reference, with other axes of the tool."""
    R = T_new_old.rotation @ d.rotations @ T_old_tool.rotation
    p = (d.rotations @ T_old_tool.translation + d.translations_mm) @ T_new_old.rotation.T
    return Dwell(d.first, d.last, d.frames, R, p + T_new_old.translation)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [{}, {"outliers": 0.2, "memory": 0.8}], ids=["white", "slow, with outliers"])
def test_tip_lies_within_its_covariance(kind):
    squared = []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        found = calibrate_pivot((dwell(rng, **kind), dwell(rng, first=500, **kind)))
        error = found.tip_mm - TIP
        squared.append(error @ np.linalg.solve(found.covariance_mm2, error))
    # mean of chi-squared with 3 degrees of freedom; its standard error over 80 runs is 0.27, three of these
    assert np.mean(squared) == pytest.approx(3.0, abs=0.8)


def test_without_noise_tip_and_divots_are_exact():
    rng = np.random.default_rng(0)
    found = calibrate_pivot((dwell(rng, noise=0.0), dwell(rng, noise=0.0, first=500)))
    assert found.tip_mm == pytest.approx(TIP, abs=1e-9)  # mm: rounding
    for fit in found.dwells:
        assert fit.divot_mm == pytest.approx(DIVOT, abs=1e-9)
        assert len(fit.rejected) == 0


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_outliers_are_named_and_do_no_harm(share, seed):
    spoilt = dwell(np.random.default_rng(seed), outliers=share)
    clean = dwell(np.random.default_rng(seed), outliers=0.0)
    bad = np.flatnonzero((spoilt.translations_mm != clean.translations_mm).any(axis=1))
    found = calibrate_pivot((spoilt,))
    assert set(bad) <= set(found.dwells[0].rejected)
    assert len(found.dwells[0].rejected) <= len(bad) + 2  # a few good ones lie beyond the limit by chance
    assert np.linalg.norm(found.tip_mm - TIP) < 4.0 * np.sqrt(np.trace(found.covariance_mm2))


def test_two_divots_share_one_tip_that_is_known_better():
    rng = np.random.default_rng(1)
    one, other = dwell(rng), dwell(rng, first=500)
    both = calibrate_pivot((one, other))
    assert both.assessment.accepted
    assert [d.label for d in both.dwells] == ["0-119", "500-619"]
    assert both.sd_mm < 0.9 * calibrate_pivot((one,)).sd_mm  # twice the frames: about 0.7


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ({"tilt_deg": 0.0}, "turned too little"),
        ({"tilt_deg": 0.0, "noise": 0.0}, "turned too little"),
        ({"tilt_deg": 3.0}, "turned too little"),
        ({"axes": (0.0, 0.0, 1.0)}, "turned too little"),
        ({"axes": (0.0, 0.0, 1.0), "noise": 0.0}, "turned too little"),
        ({"tilt_deg": 12.0, "noise": 0.5}, "standard deviation"),
        ({"tilt_deg": 25.0, "noise": 0.25, "memory": 0.97, "n": 400}, "varies slowly"),
    ],
)
def test_too_little_turning_is_said_with_a_number(kind, words):
    found = calibrate_pivot((dwell(np.random.default_rng(0), **kind),))
    assert not found.assessment.accepted
    reason = next(r for r in found.assessment.reasons if words in r)
    assert any(c.isdigit() for c in reason)
    assert np.isfinite(found.covariance_mm2).all()


def turns(d):
    """(n, 3) rotation vectors from the mean orientation, rad."""
    R = Rotation.from_matrix(d.rotations)
    return (R.mean().inv() * R).as_rotvec()


@pytest.mark.slow
@pytest.mark.parametrize("tilt_deg", [20.0, 45.0])
def test_errors_that_follow_the_tilt_do_as_much_harm_as_is_said(tilt_deg):
    """Errors of 0.4 mm, any linear function of the turn: noise explains little of what they do to the tip."""
    off, said, noise = [], [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        plain = dwell(rng, tilt_deg=tilt_deg, noise=0.05)
        error = turns(plain) @ rng.normal(size=(3, 3))
        error *= 0.4 / np.sqrt((error**2).sum(axis=1).mean())
        found = calibrate_pivot((dataclasses.replace(plain, translations_mm=plain.translations_mm + error),))
        off.append(np.linalg.norm(found.tip_mm - TIP))
        said.append(found.systematic_mm)
        noise.append(found.sd_mm)
    rms = [np.sqrt(np.mean(np.square(x))) for x in (off, said, noise)]
    # measured ratio 1.00 and 0.96; the errors are as different as 100 draws of nine numbers
    assert rms[0] == pytest.approx(rms[1], rel=0.2)
    assert rms[0] > 2.0 * rms[2]


def test_turns_measured_too_large_by_a_constant_factor_cannot_be_seen():
    """A limit of every pivot calibration: the fit stays good, the tip comes out short by that factor."""
    plain = dwell(np.random.default_rng(3), tilt_deg=25.0, noise=0.02)
    first = Rotation.from_matrix(plain.rotations).mean()
    wrong = (first * Rotation.from_rotvec(1.03 * turns(plain))).as_matrix()
    found = calibrate_pivot((dataclasses.replace(plain, rotations=wrong),))
    assert np.linalg.norm(found.tip_mm) == pytest.approx(np.linalg.norm(TIP) / 1.03, rel=0.005)
    assert found.rms_mm < 0.2


def test_dwell_that_has_nothing_to_do_with_the_others_is_refused():
    rng = np.random.default_rng(0)
    stray = dwell(rng, n=30, first=900)
    stray = dataclasses.replace(stray, translations_mm=rng.normal(0, 80, (30, 3)))
    with pytest.raises(InfeasibleError, match="900-929"):
        calibrate_pivot((dwell(rng), stray))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_nothing_depends_on_where_reference_and_tool_have_their_frames(seed):
    rng = np.random.default_rng(seed)
    T_new_old, T_old_tool = (
        RigidTransform.from_rotvec(rng.normal(size=3), rng.normal(0, 300, 3)) for _ in range(2)
    )
    before = dwell(rng, outliers=0.1)
    plain, seen = calibrate_pivot((before,)), calibrate_pivot((moved(before, T_new_old, T_old_tool),))
    assert T_old_tool.apply(seen.tip_mm) == pytest.approx(plain.tip_mm, abs=1e-6)  # mm
    assert seen.dwells[0].divot_mm == pytest.approx(T_new_old.apply(plain.dwells[0].divot_mm), abs=1e-6)
    assert seen.sd_mm == pytest.approx(plain.sd_mm, rel=1e-6)
    assert seen.systematic_mm == pytest.approx(plain.systematic_mm, rel=1e-6)
    assert list(seen.dwells[0].rejected) == list(plain.dwells[0].rejected)


# a value per field that turns the verdict on the dwell below
CHANGES = {"max_sd_mm": 1e-3, "max_systematic_mm": 1e-3, "min_turn_deg": 60.0, "max_rejected": 0.0}


@pytest.mark.parametrize("name", CHANGES)
def test_every_tunable_changes_the_verdict(name):
    data = (dwell(np.random.default_rng(0), memory=0.6, outliers=0.1),)
    changed = dataclasses.replace(PivotConfig(), **{name: CHANGES[name]})
    assert calibrate_pivot(data).assessment.accepted
    assert not calibrate_pivot(data, changed).assessment.accepted
    assert set(CHANGES) == {f.name for f in dataclasses.fields(PivotConfig)}


def test_stretches_of_frames_are_read():
    assert parse_frames("77-162, 172-254", 1000) == ((77, 162), (172, 254))
    assert parse_frames(None, 1000) == ((0, 999),)


@pytest.mark.parametrize("text", ["", "5", "a-b", "9-3", "4-4", "0-1000", "-3-9", "1-5,5-9", "10-20,2-12"])
def test_stretches_that_make_no_sense_are_refused(text):
    with pytest.raises(InputError, match="--frames"):
        parse_frames(text, 1000)


def test_tool_and_reference_are_the_obvious_ones_or_must_be_named(write_sequence):
    pose = RigidTransform.identity()
    names = ("StylusToTracker", "ReferenceToTracker", "ProbeToTracker")
    plain = read_recording(write_sequence(dict.fromkeys(names[:2], [pose] * 4)))
    assert choose_reference(plain, None) == "Reference"
    assert choose_tool(plain, None, "Reference") == "Stylus"
    several = read_recording(write_sequence(dict.fromkeys(names, [pose] * 4), "several.igs.mha"))
    assert choose_tool(several, "Probe", "Reference") == "Probe"
    with pytest.raises(InputError, match=r"--tool.*Probe, Stylus"):
        choose_tool(several, None, "Reference")
    lone = read_recording(write_sequence({"StylusToTracker": [pose] * 4}, "lone.igs.mha"))
    assert choose_reference(lone, None) == "Tracker"


def test_dwell_leaves_out_invalid_frames_and_needs_three(write_sequence):
    pose = RigidTransform.from_translation([1.0, 2.0, 3.0])
    recording = read_recording(write_sequence({"StylusToTracker": [pose, None, pose, pose, None, None]}))
    (found,) = read_dwells(recording, "Stylus", "Tracker", ((0, 4),))
    assert found.frames.tolist() == [0, 2, 3]
    with pytest.raises(InputError, match="2 of the frames 2-5"):
        read_dwells(recording, "Stylus", "Tracker", ((2, 5),))
