"""Tet10 against closed forms: a manufactured solution and a cantilever."""

import numpy as np
import pytest

from rafr.fixation.fem.blocks import block, mapped
from rafr.fixation.fem.constraints import fix
from rafr.fixation.fem.elasticity import body_force, mass, strain_gradients
from rafr.fixation.fem.loads import traction
from rafr.fixation.fem.mesh import boundary_faces, jacobians
from rafr.fixation.fem.problem import Problem
from rafr.fixation.fem.shapes import tet10, tet_rule
from rafr.fixation.fem.statics import solve

YOUNG, POISSON = 1000.0, 0.3
LAM, MU = YOUNG * POISSON / (1 + POISSON) / (1 - 2 * POISSON), YOUNG / 2 / (1 + POISSON)
WAVE, SIZE, SHIFT = np.array([1.5, -1.0, 2.0]), np.array([1.0, -0.5, 0.7]), np.array([0.2, 1.0, 2.0])


def phase(x):
    return (x @ WAVE)[..., None] + SHIFT


def exact(x):
    return SIZE * np.sin(phase(x))


def exact_gradient(x):
    return (SIZE * np.cos(phase(x)))[..., :, None] * WAVE


def volume_force(x):
    sines = np.sin(phase(x))
    grad_div = -WAVE * (sines @ (SIZE * WAVE))[..., None]
    return -(LAM + MU) * grad_div + MU * (WAVE @ WAVE) * SIZE * sines


def errors(n, curved):
    mesh = block((n, n, n), (1, 1, 1))
    if curved:
        mesh = mapped(mesh, lambda x: x + 0.06 * np.sin(np.pi * x[:, [1, 2, 0]]))
    skin = np.unique(boundary_faces(mesh).nodes)
    problem = Problem(mesh, YOUNG, POISSON, fix(skin, value=exact(mesh.nodes[skin])))
    u = solve(problem, body_force(mesh, volume_force)).displacement
    points, _ = tet_rule(5)
    corners = mesh.nodes[mesh.elements]
    at = np.einsum("qa,mai->mqi", tet10(points), corners)
    weight = jacobians(mesh, points) * tet_rule(5)[1]
    off = np.einsum("qa,mai->mqi", tet10(points), u[mesh.elements]) - exact(at)
    H = strain_gradients(mesh, u, 5) - exact_gradient(at)
    strain = (H + np.swapaxes(H, 2, 3)) / 2
    energy = LAM * np.trace(strain, axis1=2, axis2=3) ** 2 + 2 * MU * (strain**2).sum(axis=(2, 3))
    assert mass(mesh).sum() == pytest.approx(weight.sum())
    return np.sqrt((weight * (off**2).sum(axis=2)).sum()), np.sqrt((weight * energy).sum())


@pytest.mark.parametrize("curved", [False, True])
def test_errors_fall_with_order_three_in_displacement_and_two_in_energy(curved):
    coarse, fine = np.array(errors(3, curved)), np.array(errors(6, curved))
    order = np.log2(coarse / fine)
    assert order[0] == pytest.approx(3.0, abs=0.25)
    assert order[1] == pytest.approx(2.0, abs=0.2)
    assert fine[0] < 5e-4  # of displacements of about 1: the reference itself, not only its rate


def test_cantilever_bends_as_timoshenko_says():
    length, side, load = 100.0, 10.0, 100.0
    mesh = block((16, 3, 3), (length, side, side))
    faces = boundary_faces(mesh)
    end = faces[(np.abs(mesh.nodes[faces.nodes, 0] - length) < 1e-9).all(axis=1)]
    forces = traction(mesh, end.nodes, [0, 0, -load / side**2])
    u = solve(Problem(mesh, YOUNG, 0.0, fix(np.flatnonzero(mesh.nodes[:, 0] == 0))), forces).displacement
    tip = -u[np.unique(end.nodes), 2].mean()
    inertia, shear = side**4 / 12, YOUNG / 2
    timoshenko = load * length**3 / (3 * YOUNG * inertia) + load * length / (5 / 6 * shear * side**2)
    assert tip == pytest.approx(
        timoshenko, rel=2e-3
    )  # the clamped end may not warp: stiffer by less than that
