"""A phantom is found from its divots, with the error it says; a landmark that does not fit stands out."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.tracking.calibration.dwells import Dwell
from rafr.tracking.calibration.phantom import PhantomConfig, register_phantom
from rafr.tracking.calibration.points_file import NamedPoints, read_points

TIP = np.array([108.0, 8.0, 3.0])  # mm
DRAWN = NamedPoints(
    tuple("ABCDEF"),
    np.array([[0, 0, 0], [100, 0, 0], [100, 60, 0], [0, 60, 20], [50, 30, 40], [20, 10, 35.0]]),
)
TARGETS = NamedPoints(("near", "far"), np.array([[50, 30, 10], [250, -80, 120.0]]))
T_TRUE = RigidTransform.from_rotvec([0.4, -1.0, 0.3], [200.0, -40.0, 75.0])
DIVOT_ERROR = 0.15  # mm per axis: how a tip sits


def touched(rng, *, divot_error=DIVOT_ERROR, tilt=0.5, n=30, noise=0.05):
    """The stylus in one divot after the other."""
    dwells = []
    for k, place in enumerate(T_TRUE.apply(DRAWN.points_mm)):
        R = (
            Rotation.random(random_state=rng) * Rotation.from_rotvec(rng.normal(0, tilt, (n, 3)))
        ).as_matrix()
        divot = place + rng.normal(0, divot_error, 3)
        p = divot + rng.normal(0, noise, (n, 3)) - R @ TIP
        dwells.append(Dwell(100 * k, 100 * k + n - 1, 100 * k + np.arange(n), R, p))
    return tuple(dwells)


def test_without_noise_the_phantom_is_found_exactly():
    found = register_phantom(touched(np.random.default_rng(0), divot_error=0.0, noise=0.0), DRAWN, tip_mm=TIP)
    assert np.allclose(found.T_reference_phantom.matrix, T_TRUE.matrix, atol=1e-9)
    assert found.fre_mm < 1e-9
    assert found.assessment.accepted


@pytest.mark.slow
def test_predicted_errors_are_those_made():
    fre, fle, tre, made, left_out = [], [], [], [], []
    for seed in range(150):
        dwells = touched(np.random.default_rng(seed), noise=0.0)
        found = register_phantom(dwells, DRAWN, tip_mm=TIP, targets=TARGETS)
        fre.append(found.fre_mm)
        fle.append(found.fle_mm)
        tre.append(list(found.targets_tre_mm.values()))
        error = found.T_reference_phantom.apply(TARGETS.points_mm) - T_TRUE.apply(TARGETS.points_mm)
        made.append(np.linalg.norm(error, axis=1))
        left_out.append([mark.leave_one_out_mm for mark in found.landmarks])

    def rms(values):
        return np.sqrt(np.mean(np.square(values), axis=0))

    # 10 %: 150 registrations of six points
    assert rms(fle) == pytest.approx(DIVOT_ERROR * np.sqrt(3), rel=0.1)
    assert rms(tre) == pytest.approx(rms(made), rel=0.1)
    assert (rms(left_out) > rms(fre)).all()


def test_tip_is_solved_from_the_dwells_where_it_is_not_given():
    found = register_phantom(touched(np.random.default_rng(2)), DRAWN)
    assert found.pivot is not None
    assert found.pivot.assessment.accepted
    assert np.linalg.norm(found.tip_mm - TIP) < 0.1  # mm
    assert found.assessment.accepted


def test_tip_that_is_not_known_well_is_said_here_too():
    found = register_phantom(touched(np.random.default_rng(2), tilt=0.02), DRAWN)
    assert not found.assessment.accepted
    assert any("turned too little" in reason for reason in found.assessment.reasons)


def test_swapped_landmarks_are_not_accepted_and_wrong_one_stands_out():
    dwells = touched(np.random.default_rng(0))
    swapped = register_phantom((dwells[1], dwells[0], *dwells[2:]), DRAWN, tip_mm=TIP)
    assert any("registration error" in reason for reason in swapped.assessment.reasons)
    shifted = dataclasses.replace(
        dwells[3], translations_mm=dwells[3].translations_mm + np.array([0.0, 0.0, 4.0])
    )
    found = register_phantom((*dwells[:3], shifted, *dwells[4:]), DRAWN, tip_mm=TIP)
    left_out = [mark.leave_one_out_mm for mark in found.landmarks]
    assert int(np.argmax(left_out)) == 3
    assert left_out[3] == pytest.approx(4.0, abs=1.0)  # mm: it is off by that much, the others by little


def test_frames_on_the_way_into_the_divot_do_not_count():
    dwells = touched(np.random.default_rng(0))
    late = dwells[2].translations_mm.copy()
    late[:4] += [[30.0, 0, 0], [20, 0, 0], [10, 0, 0], [3, 0, 0]]
    found = register_phantom(
        (*dwells[:2], dataclasses.replace(dwells[2], translations_mm=late), *dwells[3:]), DRAWN, tip_mm=TIP
    )
    plain = register_phantom(dwells, DRAWN, tip_mm=TIP)
    assert 4 <= found.landmarks[2].rejected <= 6
    assert found.landmarks[2].measured_mm == pytest.approx(plain.landmarks[2].measured_mm, abs=0.05)


def test_three_landmarks_have_no_leave_one_out_and_two_are_refused():
    dwells = touched(np.random.default_rng(0))
    three = NamedPoints(DRAWN.names[:3], DRAWN.points_mm[:3])
    assert register_phantom(dwells[:3], three, tip_mm=TIP).landmarks[0].leave_one_out_mm is None
    with pytest.raises(InputError, match="2 dwells for 2 landmarks"):
        register_phantom(dwells[:2], NamedPoints(DRAWN.names[:2], DRAWN.points_mm[:2]), tip_mm=TIP)
    with pytest.raises(InputError, match="5 dwells for 6 landmarks"):
        register_phantom(dwells[:5], DRAWN, tip_mm=TIP)


# a value per field that turns the verdict
CHANGES = {"max_fre_mm": 0.01, "min_spread_mm": 100.0}


@pytest.mark.parametrize("name", CHANGES)
def test_every_tunable_changes_the_verdict(name):
    dwells = touched(np.random.default_rng(0))
    changed = dataclasses.replace(PhantomConfig(), **{name: CHANGES[name]})
    assert register_phantom(dwells, DRAWN, tip_mm=TIP).assessment.accepted
    assert not register_phantom(dwells, DRAWN, tip_mm=TIP, config=changed).assessment.accepted
    assert set(CHANGES) == {f.name for f in dataclasses.fields(PhantomConfig)}


def test_points_are_read(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("name,x_mm,y_mm,z_mm\n#1,1,2.5,-3\n\n#2,4,5,6\n")
    points = read_points(path)
    assert points.names == ("#1", "#2")
    assert points.points_mm.tolist() == [[1.0, 2.5, -3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "missing"),
        ("name,x,y,z\nA,1,2,3\n", "first line"),
        ("name,x_mm,y_mm,z_mm\n", "no point"),
        ("name,x_mm,y_mm,z_mm\nA,1,2\n", "line 2"),
        ("name,x_mm,y_mm,z_mm\nA,1,2,3\nB,1,two,3\n", "line 3"),
        ("name,x_mm,y_mm,z_mm\nA,1,2,inf\n", "line 2"),
        ("name,x_mm,y_mm,z_mm\nA,1,2,3\nA,4,5,6\n", "repeats"),
    ],
)
def test_bad_points_are_refused_naming_the_line(tmp_path, text, words):
    path = tmp_path / "points.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_points(path)
