"""The textbook models against the books' own formulas and against the geometry of a rolling wheel."""

import casadi as ca
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from rafr.robot.mobile.brackets import growth_vector, integrability, lie_bracket
from rafr.robot.mobile.extension import DynamicExtension, runge_kutta, travelled
from rafr.robot.mobile.model import MobileModel, columns
from rafr.robot.mobile.models import differential_drive, mecanum, omnidirectional, rolling_disc, unicycle
from rafr.robot.mobile.wheels import differential_wheels, mecanum_wheels, wheel_matrix

RADIUS, WHEELBASE, TRACK = 0.1, 0.56, 0.52
MODELS = {
    model.name: model
    for model in (
        rolling_disc(RADIUS),
        unicycle(),
        omnidirectional(),
        differential_drive(RADIUS, TRACK),
        mecanum(RADIUS, WHEELBASE, TRACK),
    )
}
# growth of the filtration, what it is called, constraints that integrate
KNOWN = {
    "rolling disc": ((2, 3, 4), "nonholonomic", 0),
    "unicycle": ((2, 3), "nonholonomic", 0),
    "omnidirectional": ((3,), "unconstrained", 0),
    "differential drive": ((2, 3, 4), "partially nonholonomic", 1),
    "mecanum": ((3, 5), "partially nonholonomic", 2),
}


@pytest.mark.parametrize("name", MODELS)
def test_symbols_give_the_same_matrices_as_numbers(name):
    model = MODELS[name]
    state = np.linspace(-1.0, 2.0, len(model.coordinates))
    symbols = ca.SX.sym("xi", len(state))
    symbolic = ca.Function("f", [symbols], [model.A(symbols), model.G(symbols)])(state)
    for ours, matrix in zip((model.A(state), model.G(state)), symbolic, strict=True):
        assert isinstance(ours, np.ndarray)
        assert ours.shape == matrix.shape
        assert np.array_equal(ours, matrix.full())


def test_the_unicycle_and_the_disc_are_the_books():
    theta = 0.7
    c, s = np.cos(theta), np.sin(theta)
    assert unicycle().A([5.0, -2.0, theta])[:, 0] == pytest.approx([s, -c, 0])
    assert unicycle().G([5.0, -2.0, theta]) == pytest.approx(np.array([[c, 0], [s, 0], [0, 1]]))
    disc = rolling_disc(RADIUS).G([5.0, -2.0, theta, 9.0])
    assert disc == pytest.approx(np.array([[RADIUS * c, 0], [RADIUS * s, 0], [0, 1], [1, 0]]))


def test_the_mecanum_wheels_are_the_books():
    # Lynch and Park 2017, section 13.2.1, for columns (omega, v, lateral); l, w: half the distances
    a = WHEELBASE / 2 + TRACK / 2
    book = np.array([[-a, 1, -1], [a, 1, 1], [a, 1, -1], [-a, 1, 1]]) / RADIUS
    assert wheel_matrix(mecanum_wheels(WHEELBASE, TRACK), RADIUS) == pytest.approx(book[:, [1, 2, 0]])


@pytest.mark.parametrize("name", ["differential drive", "mecanum"])
def test_where_a_wheel_touches_the_floor_it_moves_only_as_its_rollers_do(name):
    model = MODELS[name]
    wheels = differential_wheels(TRACK) if name == "differential drive" else mecanum_wheels(WHEELBASE, TRACK)
    xi = np.zeros(len(model.coordinates))
    for column in model.G(xi).T:
        vx, vy, omega = column[:3]
        for wheel, rate in zip(wheels, column[3:], strict=True):
            centre = np.array([vx - omega * wheel.y, vy + omega * wheel.x])
            contact = centre - [RADIUS * rate, 0.0]
            slide = np.array([-np.sin(wheel.slide_angle), np.cos(wheel.slide_angle)])
            across = contact - (contact @ slide) * slide
            assert across == pytest.approx([0, 0], abs=1e-12)
            if name == "differential drive":
                assert contact == pytest.approx([0, 0], abs=1e-12)  # no rollers: it stands still there


@pytest.mark.parametrize("name", MODELS)
def test_the_filtration_grows_as_known(name):
    model = MODELS[name]
    growth, kind, integrals = KNOWN[name]
    found = integrability(model, np.linspace(0.3, 1.1, len(model.coordinates)))
    assert (found.growth, found.kind, found.integrals) == (growth, kind, integrals)
    assert found.degree == len(growth)


def test_a_constraint_that_can_be_integrated_is_called_holonomic():
    bead = MobileModel(  # on a circle: x x_dot + y y_dot = 0 is the derivative of x^2 + y^2 = const
        "bead",
        ("x", "y"),
        ("turn",),
        lambda xi: columns([xi[0], xi[1]]),
        lambda xi: columns([-xi[1], xi[0]]),
    )
    found = integrability(bead, [0.6, 0.8])
    assert (found.kind, found.degree, found.integrals) == ("holonomic", 1, 1)


def test_forward_and_turn_bracket_to_the_side():
    xi = ca.SX.sym("xi", 3)
    forward, turn = ca.horzsplit(unicycle().G(xi))
    bracket = ca.Function("b", [xi], [lie_bracket(forward, turn, xi)])
    for theta in (-2.0, 0.0, 0.4):
        assert bracket([1.0, 2.0, theta]).full()[:, 0] == pytest.approx([np.sin(theta), -np.cos(theta), 0.0])


def test_accelerations_reach_every_pose_and_velocity_of_a_moving_unicycle():
    extension = DynamicExtension(unicycle())
    assert growth_vector(extension.fields, [0.1, 0.2, 0.3, 0.4, 0.5]) == (3, 4, 5)


def test_at_rest_the_bracket_of_two_jerks_moves_a_unicycle_sideways():
    # there the drift vanishes and the filtration is not regular: the brackets are taken by hand
    extension = DynamicExtension(unicycle())
    state = ca.SX.sym("state", 5)
    drift, along, yaw = ca.horzsplit(extension.fields(state))
    driving, turning = lie_bracket(drift, along, state), lie_bracket(drift, yaw, state)
    sideways = lie_bracket(driving, turning, state)
    everything = ca.Function("f", [state], [ca.horzcat(along, yaw, driving, turning, sideways)])
    assert np.linalg.matrix_rank(everything([1.0, 2.0, 0.3, 0.0, 0.0]).full()) == 5


def test_the_extension_is_the_model_with_its_inputs_as_states():
    for model in MODELS.values():
        extension = DynamicExtension(model)
        n, m = len(model.coordinates), len(model.inputs)
        state, a = np.linspace(-0.5, 0.9, n + m), np.linspace(1.0, 2.0, m)
        rate = extension.rate(state, a)
        assert extension.states == (*model.coordinates, *model.inputs)
        assert rate[:n] == pytest.approx(model.G(state[:n]) @ state[n:])
        assert rate[n:] == pytest.approx(a)
        drift, *pushes = extension.fields(state).full().T
        assert drift + np.stack(pushes, axis=1) @ a == pytest.approx(rate)


def test_runge_kutta_converges_with_the_fourth_order():
    extension, start, a = DynamicExtension(unicycle()), np.array([0, 0, 0.2, 0.4, 1.5]), np.array([0.7, -2.0])
    exact = solve_ivp(lambda _, x: extension.rate(x, a), (0, 1), start, rtol=1e-12, atol=1e-12).y[:, -1]
    step = runge_kutta(extension.rate, 5, 2)
    errors = []
    for count in (4, 8):
        state = start
        for _ in range(count):
            state = step(state, a, 1.0 / count).full()[:, 0]
        errors.append(np.abs(state - exact).max())
    assert errors[0] / errors[1] == pytest.approx(16.0, rel=0.2)


@pytest.mark.parametrize("model", [unicycle(), omnidirectional()], ids=lambda m: m.name)
def test_the_way_travelled_is_that_of_an_adaptive_integrator(model):
    extension, m = DynamicExtension(model), len(model.inputs)
    states = np.linspace(-0.6, 1.0, 2 * (3 + m)).reshape(2, 3 + m)
    a, h = np.linspace(1.0, -0.7, 2 * m).reshape(2, m), np.array([0.3, 0.8])
    for state, push, time, moved in zip(states, a, h, travelled(model, states, a, h), strict=True):
        way = solve_ivp(lambda _, x, u=push: extension.rate(x, u), (0, time), state, rtol=1e-11, atol=1e-11)
        assert moved == pytest.approx(way.y[:3, -1] - state[:3], abs=1e-7)  # m, rad: five nodes over 0.8 s


def test_many_states_are_evaluated_column_by_column():
    model = omnidirectional()
    poses, velocities = np.arange(6.0).reshape(3, 2), np.arange(6.0, 12.0).reshape(3, 2)
    rates = model.rate(poses, velocities)
    for k in range(2):
        assert rates[:, k] == pytest.approx(model.rate(poses[:, k], velocities[:, k]))
