"""Mobile models at random states: null space, brackets, frames, invariants, odometry."""

import itertools

import casadi as ca
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rafr.robot.mobile import named_drive
from rafr.robot.mobile.brackets import integrability, lie_bracket
from rafr.robot.mobile.drive import KINDS
from rafr.robot.mobile.extension import runge_kutta
from rafr.robot.mobile.models import (
    differential_drive,
    mecanum,
    omnidirectional,
    on_wheels,
    rolling_disc,
    unicycle,
)
from rafr.robot.mobile.wheels import wheel_matrix

LENGTH = st.floats(0.05, 2.0)
RANK_TOLERANCE = 1e-9
MODELS = [
    rolling_disc(0.1),
    unicycle(),
    omnidirectional(),
    differential_drive(0.1, 0.52),
    mecanum(0.1, 0.56, 0.52),
]
GROWTH = [integrability(m, np.linspace(0.3, 1.1, len(m.coordinates))).growth for m in MODELS]
everywhere = pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)


@st.composite
def numbers(draw, largest=3.0):
    """A generator of numbers within +-largest: shrinks to one seed."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return lambda count: rng.uniform(-largest, largest, count)


def moved(frame, xi):
    """The same configuration seen from a frame that stands at (x, y, theta): wheels turn as before."""
    x, y, angle = frame
    p = complex(x, y) + np.exp(1j * angle) * complex(*xi[:2])
    return np.array([p.real, p.imag, xi[2] + angle, *xi[3:]])


def turned(frame, n):
    """(n, n) derivative of `moved`."""
    J = np.eye(n)
    c, s = np.cos(frame[2]), np.sin(frame[2])
    J[:2, :2] = [[c, -s], [s, c]]
    return J


def assert_complements(model, xi):
    A, G = model.A(xi), model.G(xi)
    n, m = len(model.coordinates), len(model.inputs)
    assert A.shape == (n, n - m)
    scale = max(1.0, np.abs(A).max(initial=0.0) * np.abs(G).max())
    assert np.abs(A.T @ G).max(initial=0.0) <= 1e-14 * scale * n  # rounding
    # both together span everything, and neither holds more columns than it must
    assert np.linalg.matrix_rank(np.hstack([A, G]), rtol=RANK_TOLERANCE) == n


@everywhere
@settings(deadline=None)
@given(draw=numbers())
def test_allowed_motions_are_the_whole_null_space_of_the_constraints(model, draw):
    assert_complements(model, draw(len(model.coordinates)))


@settings(max_examples=25, deadline=None)
@given(radius=LENGTH, wheelbase=LENGTH, track=LENGTH, draw=numbers())
def test_that_holds_for_wheels_of_every_size(radius, wheelbase, track, draw):
    for model in (rolling_disc(radius), differential_drive(radius, track), mecanum(radius, wheelbase, track)):
        assert_complements(model, draw(len(model.coordinates)))


@pytest.mark.parametrize(("model", "growth"), zip(MODELS, GROWTH, strict=True), ids=lambda m: str(m)[:8])
@settings(max_examples=10, deadline=None)
@given(draw=numbers())
def test_the_filtration_grows_alike_at_every_state(model, growth, draw):
    assert integrability(model, draw(len(model.coordinates))).growth == growth


@everywhere
@settings(max_examples=10, deadline=None)
@given(draw=numbers())
def test_lie_brackets_are_antisymmetric_and_obey_jacobi(model, draw):
    xi = ca.SX.sym("xi", len(model.coordinates))
    f, g, *_ = ca.horzsplit(model.G(xi))
    h = lie_bracket(f, g, xi) + xi
    jacobi = sum(lie_bracket(a, lie_bracket(b, c, xi), xi) for a, b, c in ((f, g, h), (g, h, f), (h, f, g)))
    both = lie_bracket(f, g, xi) + lie_bracket(g, f, xi)
    for zero in ca.Function("zero", [xi], [jacobi, both])(draw(len(model.coordinates))):
        assert np.abs(zero.full()).max() < 1e-12


@everywhere
@settings(deadline=None)
@given(draw=numbers())
def test_moving_the_world_frame_changes_neither_constraints_nor_motions(model, draw):
    n = len(model.coordinates)
    xi, frame = draw(n), draw(3)
    J, elsewhere = turned(frame, n), moved(frame, xi)
    assert model.G(elsewhere) == pytest.approx(J @ model.G(xi), abs=1e-12)
    assert J.T @ model.A(elsewhere) == pytest.approx(model.A(xi), abs=1e-12)


def driven(model, xi, inputs, h):
    """States (steps + 1, n) under inputs (steps, m), each held for h."""
    step = runge_kutta(model.rate, len(xi), inputs.shape[1])
    states = [xi]
    for u in inputs:
        states.append(step(states[-1], u, h).full()[:, 0])
    return np.array(states)


@everywhere
@settings(max_examples=10, deadline=None)
@given(draw=numbers(1.0))
def test_integrated_motion_keeps_the_constraints(model, draw):
    h, n, m = 1e-3, len(model.coordinates), len(model.inputs)
    states = driven(model, draw(n), np.repeat(draw(3 * m).reshape(3, m), 20, axis=0), h)
    for before, after in itertools.pairwise(states):
        slip = model.A((before + after) / 2).T @ (after - before) / h
        # m/s: a chord differs from its tangent by h^2 omega^2 / 24, wheels (1/r = 10) ten times as much
        assert np.abs(slip).max(initial=0.0) < 1e-6


@settings(max_examples=10, deadline=None)
@given(draw=numbers(1.0))
def test_the_integrable_constraints_stay_constant_on_the_way(draw):
    r, wheelbase, track = 0.1, 0.56, 0.52
    inputs = np.repeat(draw(15).reshape(5, 3), 10, axis=0)
    way = driven(differential_drive(r, track), draw(5), inputs[:, ::2], 0.05)
    # heading from the wheels: two of the three constraints together are a derivative
    assert np.ptp(way[:, 2] - r / track * (way[:, 4] - way[:, 3])) < 1e-12
    way = driven(mecanum(r, wheelbase, track), draw(7), inputs, 0.05)
    turn = r / (2 * (wheelbase + track)) * (way[:, 3:] @ [-1, 1, 1, -1])
    assert np.ptp(way[:, 2] - turn) < 1e-12
    assert np.ptp(way[:, 3:] @ [1, 1, -1, -1]) < 1e-11


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(draw=numbers(1.0))
def test_odometry_from_the_wheels_angles_ends_at_the_pose(kind, draw):
    drive = named_drive(kind)
    model = on_wheels(kind, drive.model, wheel_matrix(drive.wheels, drive.wheel_radius))
    n, m, h = len(model.coordinates), len(model.inputs), 0.02
    start = np.array([*draw(3), *np.zeros(n - 3)])
    way = driven(model, start, np.repeat(draw(4 * m).reshape(4, m), 25, axis=0), h)
    pose = way[0, :3]
    for increment in np.diff(way[:, 3:], axis=0):
        speeds = dict(zip(model.inputs, drive.body_rates(increment), strict=True))
        pose = after_twist(pose, speeds["v"], speeds.get("lateral", 0.0), speeds["omega"])
    assert pose == pytest.approx(way[-1, :3], abs=1e-8)  # m, rad: Runge-Kutta's own error in 2 s


def after_twist(pose, v, lateral, omega):
    """The exact motion along a constant twist: the exponential of SE(2)."""
    way = (v + 1j * lateral) * (np.expm1(1j * omega) / (1j * omega) if omega else 1.0)
    p = complex(*pose[:2]) + np.exp(1j * pose[2]) * way
    return np.array([p.real, p.imag, pose[2] + omega])
