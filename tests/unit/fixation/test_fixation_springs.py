"""Bars: against Hooke, slack, pre-strain, tension only."""

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.fixation.fem.blocks import block
from rafr.fixation.fem.constraints import fix
from rafr.fixation.fem.locate import Locator
from rafr.fixation.fem.mesh import merge
from rafr.fixation.fem.problem import Problem
from rafr.fixation.fem.springs import at_nodes, bars, ground
from rafr.fixation.fem.statics import solve

STIFF = 1e7  # MPa: as good as rigid beside the springs


def cube():
    """A stiff cube that only slides along z."""
    mesh = block((1, 1, 1), (4, 4, 4))
    return mesh, fix(np.arange(len(mesh.nodes)), (0, 1)), Locator(mesh).locate(np.array([[1.3, 2.2, 4.0]]))


def lift(mesh, newtons):
    forces = np.zeros_like(mesh.nodes)
    forces[0, 2] = newtons
    return forces


def test_a_bar_to_the_ground_gives_force_over_stiffness():
    mesh, guide, point = cube()
    bar = bars(mesh, point, np.array([[1.3, 2.2, -20.0]]), 50.0)
    solution = solve(Problem(mesh, STIFF, 0.3, guide, springs=(bar,)), lift(mesh, 10.0))
    np.testing.assert_allclose(solution.displacement[:, 2], 0.2, rtol=1e-4)
    assert solution.springs[0][0] == pytest.approx(10.0, rel=1e-6)


def test_a_slanted_bar_feels_the_component_along_it_only():
    mesh, guide, point = cube()
    bar = bars(mesh, point, np.array([[1.3 + 30, 2.2, -36.0]]), 50.0)
    solution = solve(Problem(mesh, STIFF, 0.3, guide, springs=(bar,)), lift(mesh, 10.0))
    np.testing.assert_allclose(solution.displacement[:, 2], 0.2 / 0.8**2, rtol=1e-4)
    assert solution.springs[0][0] == pytest.approx(10.0 / 0.8, rel=1e-6)
    # what holds the cube sideways feels the rest
    assert solution.reaction.sum(axis=0) == pytest.approx([-10.0 * 0.75, 0, 0], abs=1e-5)


def test_of_two_opposed_ligaments_only_the_stretched_one_pulls():
    mesh, guide, point = cube()
    below = bars(mesh, point, np.array([[1.3, 2.2, -20.0]]), 50.0, tension_only=True)
    above = bars(mesh, point, np.array([[1.3, 2.2, 30.0]]), 80.0, tension_only=True)
    for newtons, travel, pulls in ((10.0, 10 / 50, (10, 0)), (-10.0, -10 / 80, (0, 10))):
        solution = solve(Problem(mesh, STIFF, 0.3, guide, springs=(below, above)), lift(mesh, newtons))
        np.testing.assert_allclose(solution.displacement[:, 2], travel, rtol=1e-4)
        np.testing.assert_allclose([s[0] for s in solution.springs], pulls, atol=1e-4)


def test_pre_strained_ligaments_pull_without_load_and_slack_ones_wait():
    mesh, guide, point = cube()
    rest = 24 / 1.02
    taut = bars(mesh, point, np.array([[1.3, 2.2, -20.0]]), 50.0, 0.02, tension_only=True)
    spring = ground(mesh, np.array([3]), np.array([0, 0, 1.0]), 150.0)
    solution = solve(Problem(mesh, STIFF, 0.3, guide, springs=(taut, spring)), lift(mesh, 0.0))
    stretch = 24 - rest
    np.testing.assert_allclose(solution.displacement[:, 2], -50 * stretch / 200, rtol=1e-4)
    assert solution.springs[0][0] == pytest.approx(50 * stretch * 0.75, rel=1e-4)
    slack = bars(mesh, point, np.array([[1.3, 2.2, -20.0]]), 50.0, -0.02, tension_only=True)
    waits = 24 / 0.98 - 24
    solution = solve(
        Problem(mesh, STIFF, 0.3, guide, springs=(slack, spring)), lift(mesh, 150 * waits + 20.0)
    )
    np.testing.assert_allclose(solution.displacement[:, 2], waits + 20 / 200, rtol=1e-4)


def test_a_bar_between_two_bodies_pulls_both():
    mesh = merge([block((1, 1, 1), (4, 4, 4)), block((1, 1, 1), (4, 4, 4), (0, 0, 10))])
    guide = fix(np.arange(len(mesh.nodes)), (0, 1))
    lower, upper = np.flatnonzero(mesh.nodes[:, 2] == 4)[:1], np.flatnonzero(mesh.nodes[:, 2] == 10)[:1]
    bar = bars(mesh, at_nodes(mesh, lower), at_nodes(mesh, upper), 40.0)
    down = ground(mesh, lower, np.array([0, 0, 1.0]), 60.0)
    forces = np.zeros_like(mesh.nodes)
    forces[upper, 2] = 12.0
    solution = solve(Problem(mesh, STIFF, 0.3, guide, springs=(bar, down)), forces)
    np.testing.assert_allclose(solution.displacement[lower, 2], 12 / 60, rtol=1e-4)
    np.testing.assert_allclose(solution.displacement[upper, 2], 12 / 60 + 12 / 40, rtol=1e-4)


def test_bars_without_length_or_stiffness_are_refused():
    mesh, _, point = cube()
    with pytest.raises(InputError, match="bar 0 has no length"):
        bars(mesh, point, np.array([[1.3, 2.2, 4.0]]), 50.0)
    with pytest.raises(InputError, match="-1"):
        bars(mesh, point, np.zeros((1, 3)), -1.0)
    with pytest.raises(InputError, match="0"):
        ground(mesh, np.array([3]), np.array([0, 0, 1.0]), 0.0)
