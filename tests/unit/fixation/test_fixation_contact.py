"""Contact through a layer: closed forms for layer, friction and Hertz; what cannot stand still is said."""

import numpy as np
import pytest

from rafr.errors import InfeasibleError, InputError
from rafr.fixation.fem.blocks import block, grid, mapped
from rafr.fixation.fem.constraints import fix, join
from rafr.fixation.fem.contact import ContactPair, Layer, pair_up
from rafr.fixation.fem.loads import traction
from rafr.fixation.fem.mesh import boundary_faces, merge
from rafr.fixation.fem.problem import Problem, Settings
from rafr.fixation.fem.solvers import Method
from rafr.fixation.fem.springs import ground
from rafr.fixation.fem.statics import solve

SIDE, HIGH = 20.0, 10.0


def at_height(mesh, faces, z):
    return faces[(np.abs(mesh.nodes[faces.nodes][:, :, 2] - z) < 1e-9).all(axis=1)]


def stacked(gap=0.0, cells=(3, 4)):
    """Two blocks of other mesh widths, one `gap` above the other; mesh, slave (upper), master, top faces."""
    n, m = cells
    mesh = merge(
        [block((n, n, 1), (SIDE, SIDE, HIGH)), block((m, m, 1), (SIDE, SIDE, HIGH), (0, 0, HIGH + gap))]
    )
    faces = boundary_faces(mesh)
    lower, upper = mesh.region[faces.element] == 0, mesh.region[faces.element] == 1
    slave, master = at_height(mesh, faces[upper], HIGH + gap), at_height(mesh, faces[lower], HIGH)
    return mesh, slave, master, at_height(mesh, faces, 2 * HIGH + gap)


def standing(mesh):
    return fix(np.flatnonzero(mesh.nodes[:, 2] == 0))


def slab(pair_layer, push, press=-1.0, young=1e5, spring=0.0, settings=None):
    """Two blocks pressed with `press` MPa and pushed sideways with `push` N at the interface."""
    mesh, slave, master, top = stacked()
    forces = traction(mesh, top.nodes, [0, 0, press])
    forces += traction(mesh, slave.nodes, [push / SIDE**2, 0, 0])
    springs = ()
    if spring:
        held = np.unique(slave.nodes)
        springs = (ground(mesh, held, np.array([1.0, 0, 0]), spring / len(held)),)
    pair = ContactPair(slave, master, pair_layer)
    return solve(
        Problem(mesh, young, 0.3, standing(mesh), springs=springs, contacts=(pair,)), forces, settings
    )


@pytest.mark.parametrize("offset", [0.0, -0.05])
def test_a_layer_between_blocks_is_compressed_by_pressure_over_stiffness_after_its_gap(offset):
    mesh, slave, master, top = stacked(gap=0.1)
    sides = fix(np.arange(len(mesh.nodes)), (0, 1))
    pair = ContactPair(slave, master, Layer(20.0), offset=offset)
    problem = Problem(mesh, 1000.0, 0.0, join(standing(mesh), sides), contacts=(pair,))
    solution = solve(problem, traction(mesh, top.nodes, [0, 0, -2.0]))
    contact = solution.contacts[0]
    # quadrature across the master's edges is not exact: 0.1 %
    np.testing.assert_allclose(contact.pressure, 2.0, rtol=2e-3)
    np.testing.assert_allclose(contact.gap, -0.1, rtol=2e-3)
    np.testing.assert_allclose(contact.force, [0, 0, 2.0 * SIDE**2], atol=1e-2)
    # both columns shorten by p h / E, the gap closes, the layer gives way
    expected = -(2 * 2.0 * HIGH / 1000 + 0.1 + offset + 2.0 / 20)
    np.testing.assert_allclose(solution.displacement[np.unique(top.nodes), 2], expected, rtol=2e-3)


def test_surfaces_that_are_pulled_apart_do_not_hold():
    mesh, slave, master, top = stacked()
    hold = ground(mesh, np.unique(top.nodes), np.array([0, 0, 1.0]), 1.0)
    pair = ContactPair(slave, master, Layer(100.0, 0.3))
    sides = fix(np.unique(top.nodes), (0, 1))
    problem = Problem(mesh, 1000.0, 0.3, join(standing(mesh), sides), springs=(hold,), contacts=(pair,))
    solution = solve(problem, traction(mesh, top.nodes, [0, 0, 0.01]))
    assert solution.contacts[0].pressure.max() == 0.0
    assert np.abs(solution.contacts[0].traction).max() < 1e-9
    assert solution.springs[0].sum() == pytest.approx(0.01 * SIDE**2, rel=1e-5)


@pytest.mark.parametrize("friction", [0.3, 0.015])
def test_a_block_sticks_below_the_friction_limit(friction):
    normal = SIDE**2
    push = 0.5 * friction * normal
    solution = slab(Layer(100.0, friction), push, young=1e7)
    contact = solution.contacts[0]
    assert not contact.slipping.any()
    np.testing.assert_allclose(contact.force, [-push, 0, normal], atol=1e-3)
    # the shear stiffness is all that gives way: push / (k A)
    assert solution.displacement[:, 0].max() == pytest.approx(push / normal / 100.0, rel=0.05)


@pytest.mark.parametrize("friction", [0.3, 0.015])
def test_a_block_slips_above_it_and_a_spring_takes_the_rest(friction):
    normal, push, spring = SIDE**2, 200.0, 40.0
    solution = slab(Layer(1000.0, friction), push, spring=spring)
    contact = solution.contacts[0]
    assert contact.slipping.all()
    np.testing.assert_allclose(
        np.linalg.norm(contact.traction, axis=1), friction * contact.pressure, rtol=1e-4
    )
    assert -contact.force[0] == pytest.approx(friction * normal, rel=1e-4)
    assert solution.springs[0].sum() * -1 == pytest.approx(-(push - friction * normal), rel=1e-4)


def test_a_block_pushed_harder_than_friction_holds_is_said_to_slide():
    with pytest.raises(InfeasibleError, match=r"moves freely|slides away"):
        slab(Layer(1000.0, 0.3), 1.1 * 0.3 * SIDE**2, settings=Settings(most_limits=4))


def test_load_in_steps_ends_where_load_at_once_does_when_it_only_grows():
    at_once, stepwise = (
        slab(Layer(1000.0, 0.3), 110.0, young=1000.0, settings=Settings(steps=n, contact_tolerance=1e-7))
        for n in (1, 3)
    )
    largest = np.abs(at_once.displacement).max()
    assert 0 < at_once.contacts[0].slipping.mean() < 1
    assert np.abs(stepwise.displacement - at_once.displacement).max() < 0.02 * largest
    assert stepwise.newton > at_once.newton


def test_friction_never_exceeds_the_limit_and_works_against_the_slip():
    contact = slab(Layer(1000.0, 0.3), 110.0, young=1000.0).contacts[0]
    size = np.linalg.norm(contact.traction, axis=1)
    assert (size <= 0.3 * contact.pressure * (1 + 1e-4) + 1e-6).all()
    assert contact.traction[contact.slipping, 0].max() < 0
    np.testing.assert_allclose(
        np.einsum("qi,qi->q", contact.traction, contact.interface.normal), 0, atol=1e-12
    )


@pytest.mark.slow
def test_a_ball_on_a_block_is_hertz():
    """A quarter of it; the ball is a paraboloid of the same curvature, which quadratic elements represent."""
    radius, young, poisson, load, size = 20.0, 1000.0, 0.3, 4.0 * 8.0, 12.0
    modulus = young / (1 - poisson**2) / 2
    width = (3 * load * radius / (4 * modulus)) ** (1 / 3)
    peak = 3 * load / (2 * np.pi * width**2)
    flat = np.concatenate(
        [np.linspace(0, 1.4 * width, 7), 1.4 * width + (size - 1.4 * width) * np.array([0.15, 0.45, 1])]
    )
    deep = np.concatenate([[0, 0.25, 0.7], [1.5, 4.0, size / width]]) * width
    below = grid(flat, flat, -deep[::-1])
    ball = mapped(
        grid(flat, flat, deep), lambda x: x + np.outer((x[:, :2] ** 2).sum(axis=1) / 2 / radius, [0, 0, 1])
    )
    mesh = merge([below, ball])
    faces = boundary_faces(mesh)
    upper = mesh.region[faces.element] == 1
    height = (mesh.nodes[:, :2] ** 2).sum(axis=1) / 2 / radius
    on_ball = (np.abs(mesh.nodes[:, 2] - height)[faces.nodes] < 1e-9).all(axis=1) & upper
    top = faces[(np.abs(mesh.nodes[:, 2] - height - size)[faces.nodes] < 1e-9).all(axis=1) & upper]
    pair = ContactPair(faces[on_ball], at_height(mesh, faces[~upper], 0.0), Layer(20 * young / width))
    symmetry = join(
        fix(np.flatnonzero(mesh.nodes[:, 0] == 0), (0,)), fix(np.flatnonzero(mesh.nodes[:, 1] == 0), (1,))
    )
    held = join(symmetry, fix(np.flatnonzero(np.abs(mesh.nodes[:, 2] + size) < 1e-9)))
    forces = traction(mesh, top.nodes, [0, 0, -load / 4 / size**2])
    forces *= load / 4 / -forces[:, 2].sum()  # the top is curved, and a little larger than its shadow
    contact = solve(
        Problem(mesh, young, poisson, held, contacts=(pair,)), forces, Settings(Method.MULTIGRID)
    ).contacts[0]
    assert 4 * contact.force[2] == pytest.approx(load, rel=1e-3)
    r = np.linalg.norm(contact.interface.place[:, :2], axis=1)
    touched = 4 * contact.interface.area[contact.pressure > 0].sum()
    assert np.sqrt(touched / np.pi) == pytest.approx(width, rel=0.04)
    hertz = peak * np.sqrt(np.maximum(1 - (r / width) ** 2, 0))
    inner = r < 0.8 * width
    assert np.abs(contact.pressure - hertz)[inner].max() < 0.12 * peak
    assert np.abs((contact.pressure - hertz)[inner].mean()) < 0.03 * peak


def test_pairs_are_found_across_a_gap_and_on_curved_surfaces():
    lower = mapped(
        block((3, 3, 1), (SIDE, SIDE, 4)), lambda x: x + np.outer(0.01 * (x[:, 0] - 10) ** 2, [0, 0, 1])
    )
    upper = mapped(
        block((4, 4, 1), (SIDE, SIDE, 4), (0, 0, 4.25)),
        lambda x: x + np.outer(0.01 * (x[:, 0] - 10) ** 2, [0, 0, 1]),
    )
    mesh = merge([lower, upper])
    faces = boundary_faces(mesh)
    rise = 0.01 * (mesh.nodes[:, 0] - 10) ** 2
    flat = mesh.nodes[:, 2] - rise
    slave = faces[(np.abs(flat - 4.25)[faces.nodes] < 1e-9).all(axis=1)]
    master = faces[(np.abs(flat - 4.0)[faces.nodes] < 1e-9).all(axis=1)]
    interface = pair_up(mesh, ContactPair(slave, master, Layer(1.0), reach=1.0))
    slope = 0.02 * (interface.place[:, 0] - 10)
    assert len(interface.gap) >= 0.9 * 16 * len(slave)  # rays of the outermost points pass by
    np.testing.assert_allclose(interface.gap, 0.25 / np.sqrt(1 + slope**2), rtol=0.02)
    # a rigid motion changes no gap but by its normal component
    moved = interface.rows @ np.tile([0.3, -0.2, 0.1], len(mesh.nodes))
    np.testing.assert_allclose(moved, 0.0, atol=1e-10)


def test_surfaces_that_never_meet_are_refused():
    mesh, slave, master, _ = stacked(gap=5.0)
    with pytest.raises(InputError, match=r"no two points of the surfaces within 3.0 mm"):
        pair_up(mesh, ContactPair(slave, master, Layer(1.0)))
    with pytest.raises(InputError, match="without faces"):
        pair_up(mesh, ContactPair(slave[:0], master, Layer(1.0)))
    with pytest.raises(InputError, match="positive stiffness"):
        pair_up(mesh, ContactPair(slave, master, Layer(0.0)))
