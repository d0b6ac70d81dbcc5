"""Prescribed displacements, reactions and ties."""

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.fixation.fem.blocks import block
from rafr.fixation.fem.constraints import Reduction, Ties, embed, fix, join, join_ties
from rafr.fixation.fem.elasticity import stiffness
from rafr.fixation.fem.locate import Locator
from rafr.fixation.fem.mesh import boundary_faces, merge
from rafr.fixation.fem.problem import Problem
from rafr.fixation.fem.statics import solve


def plane(mesh, axis, value):
    return np.flatnonzero(np.abs(mesh.nodes[:, axis] - value) < 1e-9).astype(np.int32)


def test_a_bar_pulled_by_a_prescribed_end_reacts_with_e_a_strain():
    mesh = block((4, 2, 2), (20, 4, 4))
    ends = join(fix(plane(mesh, 0, 0.0), (0,)), fix(plane(mesh, 0, 20.0), (0,), 0.1))
    still = join(fix(plane(mesh, 1, 0.0), (1,)), fix(plane(mesh, 2, 0.0), (2,)))
    solution = solve(Problem(mesh, 1000.0, 0.3, join(ends, still)), np.zeros_like(mesh.nodes))
    pull = solution.reaction[plane(mesh, 0, 20.0)].sum(axis=0)
    np.testing.assert_allclose(pull, [1000 * 16 * 0.1 / 20, 0, 0], atol=1e-8)
    np.testing.assert_allclose(solution.reaction.sum(axis=0), 0.0, atol=1e-8)
    np.testing.assert_allclose(solution.displacement[:, 1], -0.3 * 0.005 * mesh.nodes[:, 1], atol=1e-12)


def test_two_halves_tied_node_to_node_are_the_whole():
    whole = block((4, 2, 2), (20, 8, 8))
    halves = merge([block((2, 2, 2), (10, 8, 8)), block((2, 2, 2), (10, 8, 8), (10, 0, 0))])
    right = np.unique(halves.elements[halves.region == 1])
    slaves = right[halves.nodes[right, 0] == 10]
    ties = embed(halves, slaves, Locator(halves, halves.region == 0))
    results = []
    for mesh, tied in ((whole, None), (halves, ties)):
        forces = np.zeros_like(mesh.nodes)
        forces[plane(mesh, 0, 20.0)] = [0.0, 0.5, -1.0]
        results.append(solve(Problem(mesh, 1000.0, 0.3, fix(plane(mesh, 0, 0.0)), tied), forces))
    at = Locator(whole).locate(halves.nodes)
    expected = np.einsum("ka,kai->ki", at.weights, results[0].displacement[at.nodes])
    np.testing.assert_allclose(results[1].displacement, expected, atol=1e-8 * np.abs(expected).max())
    np.testing.assert_allclose(results[1].reaction.sum(axis=0), results[0].reaction.sum(axis=0), atol=1e-6)


def rod_in_block():
    mesh = merge([block((5, 3, 3), (50, 20, 20)), block((8, 2, 2), (30, 5, 5), (10.2, 7.3, 7.1))])
    surface = np.unique(boundary_faces(mesh, mesh.region == 1).nodes)
    return mesh, embed(mesh, surface, Locator(mesh, mesh.region == 0))


def test_an_embedded_rod_moves_rigidly_with_its_block_without_force():
    mesh, ties = rod_in_block()
    K = stiffness(mesh, np.where(mesh.region == 0, 500.0, 110_000.0), 0.3)
    reduction = Reduction.of(mesh, fix(np.zeros(0, dtype=int)), ties)
    reduced = reduction.matrix(K)
    motion = (np.cross(mesh.nodes, [0.1, -0.2, 0.3]) + np.array([1, 2, 3])).ravel()
    x = motion[reduction.free]
    np.testing.assert_allclose(reduction.T @ x, motion, atol=1e-9)
    assert np.abs(reduced @ x).max() < 1e-7
    explicit = (reduction.T.T @ (K @ reduction.T)).tocsr()
    assert abs(explicit - reduced).max() < 1e-9 * abs(explicit).max()


def test_an_embedded_rod_stiffens_its_block_and_follows_it():
    mesh, ties = rod_in_block()
    forces = np.zeros_like(mesh.nodes)
    forces[plane(mesh, 0, 50.0)] = [0.0, 0.0, -1.0]
    held = fix(plane(mesh, 0, 0.0))
    solutions = [
        solve(Problem(mesh, np.where(mesh.region == 0, 500.0, rod), 0.3, held, ties), forces)
        for rod in (1e-3, 110_000.0)
    ]
    soft, stiff = (-s.displacement[plane(mesh, 0, 50.0), 2].mean() for s in solutions)
    assert 0.2 * soft < stiff < 0.9 * soft
    u = solutions[1].displacement
    followed = np.einsum("sk,ski->si", ties.weights, u[ties.masters])
    np.testing.assert_allclose(u[ties.slaves], followed, atol=1e-12)
    np.testing.assert_allclose(solutions[1].reaction.sum(axis=0), -forces.sum(axis=0), atol=1e-6)


def test_a_tie_to_held_masters_passes_its_force_on():
    mesh = merge([block((1, 1, 1), (4, 4, 4)), block((2, 2, 2), (4, 4, 4), (0, 0, 4))])
    upper = np.unique(mesh.elements[mesh.region == 1])
    ties = embed(mesh, upper[mesh.nodes[upper, 2] == 4], Locator(mesh, mesh.region == 0))
    forces = np.zeros_like(mesh.nodes)
    forces[plane(mesh, 2, 8.0)] = [1.0, 0.0, -2.0]
    held = fix(np.unique(mesh.elements[mesh.region == 0])[:-1])
    solution = solve(Problem(mesh, 1000.0, 0.3, held, ties), forces)
    np.testing.assert_allclose(solution.reaction.sum(axis=0), -forces.sum(axis=0), atol=1e-8)


def test_contradicting_constraints_are_refused():
    mesh, ties = rod_in_block()
    nobody = fix(np.zeros(0, dtype=int))
    with pytest.raises(InputError, match="tied twice"):
        Reduction.of(mesh, nobody, join_ties(ties, ties))
    with pytest.raises(InputError, match="both tied and held"):
        Reduction.of(mesh, fix(ties.slaves[:1]), ties)
    chain = Ties(ties.masters[:1, 0], ties.slaves[None, :1], np.ones((1, 1)))
    with pytest.raises(InputError, match="tied to a tied node"):
        Reduction.of(mesh, nobody, join_ties(ties, chain))
    with pytest.raises(InputError, match="degree of freedom"):
        Reduction.of(mesh, fix(np.array([10**6])), None)
    with pytest.raises(InputError, match="nothing is free"):
        solve(Problem(mesh, 1.0, 0.3, fix(np.arange(len(mesh.nodes)))), np.zeros_like(mesh.nodes))
