"""Node by node against CalculiX, an independent solver; and what is said when it is missing."""

import shutil

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.fixation.fem import calculix
from rafr.fixation.fem.blocks import block, mapped
from rafr.fixation.fem.constraints import embed, fix, join
from rafr.fixation.fem.contact import ContactPair, Layer
from rafr.fixation.fem.loads import traction
from rafr.fixation.fem.locate import Locator
from rafr.fixation.fem.mesh import boundary_faces, merge
from rafr.fixation.fem.problem import Problem
from rafr.fixation.fem.springs import bars
from rafr.fixation.fem.statics import solve

needs_ccx = pytest.mark.skipif(shutil.which("ccx") is None, reason="CalculiX (ccx) is not installed")


def difference(problem, forces):
    """Largest at any node, relative to the largest displacement."""
    other = calculix.run(problem, forces, timeout=120).displacement
    return np.abs(solve(problem, forces).displacement - other).max() / np.abs(other).max()


def two_bodies():
    """A curved block with a rod in it, loaded at its end."""
    bone = mapped(block((5, 2, 2), (50, 20, 20)), lambda x: x + np.outer(3 * np.sin(x[:, 0] / 20), [0, 1, 0]))
    mesh = merge([bone, block((6, 1, 1), (20, 5, 5), (12, 10, 7.1))])
    forces = np.zeros_like(mesh.nodes)
    forces[mesh.nodes[:, 0] == 50] = [0.3, 0.5, -1.0]
    ties = embed(
        mesh, np.unique(boundary_faces(mesh, mesh.region == 1).nodes), Locator(mesh, mesh.region == 0)
    )
    young = np.where(mesh.region == 1, 110_000.0, 1000.0)
    return Problem(mesh, young, 0.3, fix(np.flatnonzero(mesh.nodes[:, 0] == 0)), ties), forces


@needs_ccx
@pytest.mark.slow
def test_curved_elements_two_materials_and_ties_agree():
    problem, forces = two_bodies()
    assert difference(problem, forces) < 1e-5


@needs_ccx
def test_prescribed_displacements_agree():
    mesh = block((4, 2, 2), (40, 20, 20))
    end = fix(np.flatnonzero(mesh.nodes[:, 0] == 40), (1, 2), 0.7)
    problem = Problem(mesh, 1000.0, 0.3, join(fix(np.flatnonzero(mesh.nodes[:, 0] == 0)), end))
    assert difference(problem, np.zeros_like(mesh.nodes)) < 1e-5


@needs_ccx
@pytest.mark.slow
def test_ligaments_that_pull_are_slack_or_pre_strained_agree():
    problem, forces = two_bodies()
    mesh = problem.mesh
    points = Locator(mesh, mesh.region == 0).locate(np.array([[45.0, 10, 3], [40, 14, 15]]))
    far = np.array([[45.0, 10, 60], [40, 14, -50.0]])
    ligaments = bars(mesh, points, far, np.array([30.0, 60.0]), np.array([0.002, -0.001]), tension_only=True)
    inner = bars(
        mesh, points, Locator(mesh, mesh.region == 0).locate(np.array([[5.0, 5, 5], [8, 6, 6]])), 50.0
    )
    problem = Problem(mesh, problem.young, 0.3, problem.fixed, problem.ties, (ligaments, inner))
    assert difference(problem, forces) < 1e-5


@needs_ccx
@pytest.mark.slow
@pytest.mark.parametrize("friction", [0.0, 0.3])
def test_contact_of_meshes_that_do_not_match_agrees(friction):
    mesh = merge([block((4, 4, 1), (20, 20, 10)), block((5, 5, 1), (20, 20, 10), (0, 0, 10))])
    faces = boundary_faces(mesh)
    heights = mesh.nodes[faces.nodes][:, :, 2]
    between, top = faces[(heights == 10).all(axis=1)], faces[(heights == 20).all(axis=1)]
    upper = mesh.region[between.element] == 1
    held = fix(np.flatnonzero(mesh.nodes[:, 2] == 0))
    if not friction:
        held = join(held, fix(np.unique(top.nodes), (0, 1)))
    pair = ContactPair(between[upper], between[~upper], Layer(200.0, friction))
    # slips at the edges when pushed, all closed
    forces = traction(mesh, top.nodes, [0, 0, -1.0]) + traction(
        mesh, between[upper].nodes, [0.25 * bool(friction), 0, 0]
    )
    problem = Problem(mesh, 1000.0, 0.3, held, contacts=(pair,))
    assert difference(problem, forces) < 0.01


def test_a_missing_ccx_is_an_input_error(monkeypatch):
    problem, forces = two_bodies()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="CalculiX is not installed"):
        calculix.run(problem, forces)


def test_too_many_materials_are_refused(tmp_path):
    mesh = block((6, 6, 6), (1, 1, 1))
    young = np.linspace(1, 2, len(mesh.elements))
    many = Problem(mesh, young, 0.3, fix(np.flatnonzero(mesh.nodes[:, 0] == 0)))
    with pytest.raises(InputError, match="1296 different materials"):
        calculix.write(many, np.zeros_like(mesh.nodes), tmp_path / "many.inp")
