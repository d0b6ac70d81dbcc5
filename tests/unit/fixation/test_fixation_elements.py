"""Ten-node tetrahedra: shape functions, quadrature, patch test, rigid motions, surfaces, refusals."""

from dataclasses import replace

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.fixation.fem.blocks import block, mapped
from rafr.fixation.fem.constraints import fix, join
from rafr.fixation.fem.elasticity import mass, stiffness, strain_energy, stress, to_nodes, von_mises
from rafr.fixation.fem.loads import distribute, face_points, pressure, traction
from rafr.fixation.fem.mesh import boundary_faces, merge, quadratic, quality, volumes
from rafr.fixation.fem.problem import Problem
from rafr.fixation.fem.shapes import tet10, tet10_gradients, tet_rule, tri6, tri6_gradients, triangle_rule
from rafr.fixation.fem.statics import solve


def bent(nodes):
    x, y, z = nodes.T
    return np.stack([x + 0.02 * y * z, y + 0.01 * x * x, z + 0.3 * np.sin(0.3 * x)], axis=1)


def shaken(mesh, size, amount, rng):
    """Corners inside the box moved, so that no element is like another; sides stay straight."""
    corners = np.unique(mesh.elements[:, :4])
    nodes = mesh.nodes[corners].copy()
    inside = ((nodes > 1e-9) & (nodes < np.array(size) - 1e-9)).all(axis=1)
    nodes[inside] += rng.uniform(-amount, amount, (inside.sum(), 3))
    return quadratic(nodes, mesh.elements[:, :4])


@pytest.mark.parametrize(
    ("values", "gradients", "dimension"), [(tet10, tet10_gradients, 3), (tri6, tri6_gradients, 2)]
)
def test_shape_functions_sum_to_one_and_their_gradients_are_their_differences(values, gradients, dimension):
    points = np.random.default_rng(1).uniform(0, 0.4, (7, dimension))
    np.testing.assert_allclose(values(points).sum(axis=1), 1.0, atol=1e-14)
    for k in range(dimension):
        step = np.eye(dimension)[k] * 1e-6
        difference = (values(points + step) - values(points - step)) / 2e-6
        np.testing.assert_allclose(gradients(points)[:, :, k], difference, atol=1e-9)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5, 6])
def test_quadrature_is_exact_up_to_its_degree(degree):
    from math import factorial as f

    for rule, dimension in ((tet_rule, 3), (triangle_rule, 2)):
        points, weights = rule(degree)
        powers = np.stack(np.meshgrid(*[range(degree + 1)] * dimension), axis=-1).reshape(-1, dimension)
        for power in powers[powers.sum(axis=1) <= degree]:
            exact = np.prod([f(p) for p in power]) / f(int(power.sum()) + dimension)
            assert weights @ (points**power).prod(axis=1) == pytest.approx(exact, rel=1e-12)


def test_patch_of_irregular_elements_carries_a_uniform_strain_exactly():
    rng = np.random.default_rng(2)
    mesh = shaken(block((3, 3, 3), (9, 9, 9)), (9, 9, 9), 0.5, rng)
    H = rng.normal(size=(3, 3)) * 1e-3
    exact = mesh.nodes @ H.T
    skin = np.unique(boundary_faces(mesh).nodes)
    solution = solve(Problem(mesh, 2000.0, 0.3, fix(skin, value=exact[skin])), np.zeros_like(mesh.nodes))
    np.testing.assert_allclose(solution.displacement, exact, atol=1e-11)
    strain = (H + H.T) / 2
    expected = 2000 / 1.3 * (strain + 0.3 / 0.4 * np.trace(strain) * np.eye(3))
    at_points = stress(mesh, 2000.0, 0.3, solution.displacement)
    wanted = [expected[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))]
    np.testing.assert_allclose(at_points, np.broadcast_to(wanted, at_points.shape), atol=1e-7)
    np.testing.assert_allclose(
        to_nodes(mesh, at_points), np.broadcast_to(wanted, (len(mesh.nodes), 6)), atol=1e-7
    )
    np.testing.assert_allclose(solution.reaction.sum(axis=0), 0.0, atol=1e-8)
    assert np.abs(solution.reaction).max() > 1


def test_rigid_motions_store_no_energy_and_nothing_else_is_free():
    mesh = mapped(block((1, 1, 1), (4, 5, 6)), bent)
    K = stiffness(mesh, 1000.0, 0.3)
    values = np.linalg.eigvalsh(K.toarray())
    assert (np.abs(values[:6]) < 1e-8 * values[-1]).all()
    assert values[6] > 1e-4 * values[-1]
    assert abs(K - K.T).max() < 1e-14 * abs(K).max()


def test_energy_by_elements_is_the_matrix_form():
    mesh = mapped(block((2, 2, 2), (4, 5, 6)), bent)
    rng = np.random.default_rng(3)
    young, u = rng.uniform(100, 20_000, len(mesh.elements)), rng.normal(size=mesh.nodes.shape)
    energy = strain_energy(mesh, young, 0.25, u).sum()
    assert energy == pytest.approx(0.5 * u.ravel() @ (stiffness(mesh, young, 0.25) @ u.ravel()), rel=1e-12)


def test_stress_is_extrapolated_linearly_and_a_jump_between_materials_is_kept():
    mesh = block((4, 1, 1), (8, 2, 2))
    # pure bending: u_x = x z, u_z = -x^2/2 has eps_xx = z; nu = 0
    x, z = mesh.nodes[:, 0], mesh.nodes[:, 2]
    u = np.stack([x * z, 0 * x, -0.5 * x * x], axis=1) * 1e-3
    stiff = mesh.nodes[mesh.elements[:, :4], 0].mean(axis=1) > 4
    at_points = stress(mesh, np.where(stiff, 2000.0, 1000.0), 0.0, u)
    for chosen, young in ((~stiff, 1000.0), (stiff, 2000.0)):
        at_nodes = to_nodes(mesh, at_points, chosen)
        known = np.isfinite(at_nodes[:, 0])
        assert set(np.flatnonzero(known)) == set(np.unique(mesh.elements[chosen]))
        np.testing.assert_allclose(at_nodes[known, 0], young * 1e-3 * z[known], atol=1e-9)


def test_von_mises_of_pull_shear_and_pressure():
    states = np.array([[5.0, 0, 0, 0, 0, 0], [0, 0, 0, 2.0, 0, 0], [-3.0, -3.0, -3.0, 0, 0, 0]])
    np.testing.assert_allclose(von_mises(states), [5.0, 2.0 * np.sqrt(3), 0.0], atol=1e-12)


def test_boundary_is_closed_looks_outwards_and_encloses_the_volume():
    mesh = mapped(block((3, 2, 2), (9, 6, 6)), bent)
    faces = boundary_faces(mesh)
    at, normal, area, _ = face_points(mesh.nodes, faces.nodes)
    assert np.abs((normal * area[..., None]).sum(axis=(0, 1))).max() < 1e-9
    assert ((at * normal).sum(axis=2) * area).sum() / 3 == pytest.approx(volumes(mesh).sum(), rel=1e-4)
    two = merge([mesh, mesh])
    assert len(boundary_faces(two, two.region == 1)) == len(faces)
    assert mass(mesh, 2.0).sum() == pytest.approx(2 * volumes(mesh).sum())


def test_tractions_and_shared_loads_have_the_resultant_they_are_given():
    mesh = mapped(block((2, 2, 2), (6, 6, 6)), bent)
    faces = boundary_faces(mesh)
    _, _, area, _ = face_points(mesh.nodes, faces.nodes)
    np.testing.assert_allclose(
        traction(mesh, faces.nodes, [1, 2, 3]).sum(axis=0), area.sum() * np.array([1, 2, 3])
    )
    assert np.abs(pressure(mesh, faces.nodes, 2.0).sum(axis=0)).max() < 1e-9
    force, moment, about = np.array([10.0, -20, 5]), np.array([30.0, 10, -7]), np.array([1.0, 9, 2])
    carried = distribute(mesh, np.arange(20), force, moment, about, np.linspace(1, 2, 20))
    np.testing.assert_allclose(carried.sum(axis=0), force, atol=1e-9)
    np.testing.assert_allclose(np.cross(mesh.nodes - about, carried).sum(axis=0), moment, atol=1e-9)


def test_quality_is_one_for_the_regular_tetrahedron():
    nodes = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
    for order in ([0, 1, 2, 3], [1, 0, 2, 3]):
        mesh = quadratic(nodes, np.array([order]))
        assert quality(mesh)[0] == pytest.approx(1.0)
        assert volumes(mesh)[0] == pytest.approx(8.0 / 3.0)


def test_inverted_flat_and_folded_elements_are_refused_by_name():
    nodes = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.3, 0.3, 1e-9]])
    with pytest.raises(InputError, match="1 of 1 elements are inverted, folded or flat"):
        quadratic(nodes, np.array([[0, 1, 2, 3]]))
    mesh = block((2, 1, 1), (2, 1, 1))
    with pytest.raises(InputError, match="inverted"):
        mapped(mesh, lambda x: x * np.array([1, 1, -1]))
    folded = mesh.nodes.copy()
    folded[mesh.elements[0, 4]] += 5.0
    with pytest.raises(InputError, match="least Jacobian"):
        mapped(mesh, lambda x: folded)
    with pytest.raises(InputError, match="inverted"):
        stiffness(replace(mesh, nodes=mesh.nodes[:, [1, 0, 2]]), 1.0, 0.3)
    with pytest.raises(InputError, match="node 9"):
        quadratic(nodes, np.array([[0, 1, 2, 9]]))


@pytest.mark.parametrize(
    ("young", "poisson"), [(0.0, 0.3), (-5.0, 0.3), (1.0, 0.5), (1.0, -1.0), (np.ones(3), 0.3)]
)
def test_impossible_materials_are_refused(young, poisson):
    with pytest.raises(InputError, match="material"):
        stiffness(block((1, 1, 1), (1, 1, 1)), young, poisson)


def test_of_a_degree_of_freedom_held_twice_the_last_counts():
    held = join(fix(np.array([1, 2]), (0,), 1.0), fix(np.array([2]), (0, 1), 2.0))
    np.testing.assert_array_equal(held.dofs, [3, 6, 7])
    np.testing.assert_array_equal(held.values, [1, 2, 2])
