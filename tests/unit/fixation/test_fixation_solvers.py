"""The linear solvers agree, serve many loads, and say when a body moves freely."""

import numpy as np
import pytest

from rafr.errors import InfeasibleError, InputError
from rafr.fixation.fem import newton, solvers
from rafr.fixation.fem.blocks import block
from rafr.fixation.fem.constraints import embed, fix
from rafr.fixation.fem.contact import ContactPair, Layer
from rafr.fixation.fem.locate import Locator
from rafr.fixation.fem.mesh import boundary_faces, merge
from rafr.fixation.fem.problem import Problem, Settings
from rafr.fixation.fem.solvers import Method
from rafr.fixation.fem.statics import System, solve


def bone_with_rod():
    """Materials a thousand times as stiff side by side, and a tied rod."""
    mesh = merge([block((6, 5, 5), (40, 30, 30)), block((8, 2, 2), (30, 5, 5), (5.2, 12.3, 12.1))])
    ties = embed(
        mesh, np.unique(boundary_faces(mesh, mesh.region == 1).nodes), Locator(mesh, mesh.region == 0)
    )
    shell = (np.abs(mesh.nodes[mesh.elements[:, :4], 1:].mean(axis=1) - 15) > 11).any(axis=1)
    young = np.where(mesh.region == 1, 110_000.0, np.where(shell, 17_000.0, 100.0))
    forces = np.zeros_like(mesh.nodes)
    forces[mesh.nodes[:, 0] == 40] = [0.3, 0.5, -1.0]
    return Problem(mesh, young, 0.3, fix(np.flatnonzero(mesh.nodes[:, 0] == 0)), ties), forces


@pytest.fixture(scope="module")
def reference():
    problem, forces = bone_with_rod()
    return problem, forces, solve(problem, forces, Settings(method=Method.DIRECT))


@pytest.mark.parametrize("method", [Method.MULTIGRID, Method.AGGREGATION])
def test_the_iterative_solvers_agree_with_the_direct_one(reference, method):
    problem, forces, direct = reference
    solution = solve(problem, forces, Settings(method=method))
    difference = np.abs(solution.displacement - direct.displacement).max()
    assert difference < 1e-6 * np.abs(direct.displacement).max()
    assert 5 < solution.iterations < 120


def test_superlu_takes_over_where_pardiso_is_not_installed(reference, monkeypatch):
    problem, forces, direct = reference
    monkeypatch.setattr(solvers, "find_spec", lambda name: None)
    solution = solve(problem, forces, Settings(method=Method.DIRECT))
    assert (
        np.abs(solution.displacement - direct.displacement).max() < 1e-8 * np.abs(direct.displacement).max()
    )


def test_many_loads_on_one_preconditioner_are_the_loads_one_by_one(reference, monkeypatch):
    problem, forces, direct = reference
    made = []
    monkeypatch.setattr(solvers, "factorise", lambda K, do=solvers.factorise: made.append(1) or do(K))
    system = System(problem, Settings(method=Method.DIRECT))
    first, second = system.solve_many([forces, -2.5 * forces])
    assert len(made) == 1
    np.testing.assert_allclose(first.displacement, direct.displacement, atol=1e-9)
    np.testing.assert_allclose(second.displacement, -2.5 * direct.displacement, atol=1e-8)


@pytest.mark.parametrize("method", [Method.DIRECT, Method.MULTIGRID])
def test_other_materials_go_on_with_the_old_factorisation_and_end_where_a_new_one_does(
    reference, monkeypatch, method
):
    problem, forces, _ = reference
    system = System(problem, Settings(method=method))
    system.solve(forces)
    young = problem.young * np.random.default_rng(1).uniform(0.7, 1.4, len(problem.young))
    made = []
    monkeypatch.setattr(solvers, "factorise", lambda K, do=solvers.factorise: made.append(1) or do(K))
    reused = system.with_materials(young, problem.poisson).solve(forces)
    assert not made
    fresh = solve(Problem(problem.mesh, young, 0.3, problem.fixed, problem.ties), forces)
    assert np.abs(reused.displacement - fresh.displacement).max() < 1e-6 * np.abs(fresh.displacement).max()


def test_contact_is_the_same_with_every_solver():
    mesh = merge([block((3, 3, 1), (20, 20, 8)), block((4, 4, 1), (20, 20, 8), (0, 0, 8))])
    faces = boundary_faces(mesh)
    between = faces[(np.abs(mesh.nodes[faces.nodes][:, :, 2] - 8) < 1e-9).all(axis=1)]
    upper = mesh.region[between.element] == 1
    pair = ContactPair(between[upper], between[~upper], Layer(500.0, 0.3))
    forces = np.zeros_like(mesh.nodes)
    forces[(mesh.nodes[:, 2] == 16) & (mesh.nodes[:, 0] > 14)] = [0.8, 0.0, -4.0]  # the other side lifts off
    problem = Problem(mesh, 1000.0, 0.3, fix(np.flatnonzero(mesh.nodes[:, 2] == 0)), contacts=(pair,))
    direct, multigrid, aggregation = (
        solve(problem, forces, Settings(method=m))
        for m in (Method.DIRECT, Method.MULTIGRID, Method.AGGREGATION)
    )
    assert 0 < (direct.contacts[0].pressure > 0).mean() < 1
    for other in (multigrid, aggregation):
        assert (
            np.abs(other.displacement - direct.displacement).max() < 1e-4 * np.abs(direct.displacement).max()
        )


@pytest.mark.parametrize("method", [Method.DIRECT, Method.MULTIGRID, Method.AGGREGATION])
def test_a_body_that_moves_freely_is_said_to(method):
    mesh = block((3, 2, 2), (9, 6, 6))
    forces = np.zeros_like(mesh.nodes)
    forces[mesh.nodes[:, 0] == 9, 2] = 1.0
    with pytest.raises(InfeasibleError, match="moves freely"):
        solve(
            Problem(mesh, 1000.0, 0.3, fix(np.flatnonzero(mesh.nodes[:, 0] == 0), (0,))),
            forces,
            Settings(method),
        )


def test_loads_that_do_not_fit_the_mesh_are_refused(reference):
    problem, forces, _ = reference
    with pytest.raises(InputError, match="forces of shape"):
        solve(problem, forces[:-1])
    with pytest.raises(InputError, match="finite"):
        solve(problem, forces * np.nan)


def test_progress_is_told_and_ends_at_one(reference):
    problem, forces, _ = reference
    told = []
    solve(problem, forces, progress=lambda fraction, text="": told.append(fraction))
    assert told[-1] == 1.0
    assert all(0 <= f <= 1 for f in told)


def plate():
    mesh = block((12, 12, 1), (60, 60, 1))
    forces = np.zeros_like(mesh.nodes)
    forces[mesh.nodes[:, 0] == 60] = [0.0, 0.0, -0.01]
    return Problem(mesh, 17_000.0, 0.3, fix(np.flatnonzero(mesh.nodes[:, 0] == 0))), forces


def test_a_thin_plate_ends_at_what_rounding_leaves():
    # K x is a difference of large numbers: 1e-9 of the load is less than its rounding
    problem, forces = plate()
    direct, multigrid = (solve(problem, forces, Settings(m)) for m in (Method.DIRECT, Method.MULTIGRID))
    assert multigrid.newton <= 3
    difference = np.abs(multigrid.displacement - direct.displacement).max()
    assert difference < 1e-5 * np.abs(direct.displacement).max()


def test_where_the_levels_fail_a_factorisation_takes_over(monkeypatch):
    problem, forces = plate()
    direct = solve(problem, forces, Settings(Method.DIRECT))
    monkeypatch.setattr(solvers, "_DIRECT", 0)
    monkeypatch.setattr(newton, "_MOST_ITERATIONS", 20)
    solution = solve(problem, forces)
    assert 20 < solution.iterations < 30
    difference = np.abs(solution.displacement - direct.displacement).max()
    assert difference < 1e-5 * np.abs(direct.displacement).max()
    with pytest.raises(InfeasibleError, match="badly shaped"):
        solve(problem, forces, Settings(Method.MULTIGRID))
