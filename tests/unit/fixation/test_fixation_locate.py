"""Points in elements: fields are reproduced, points outside refused."""

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.fixation.fem.blocks import block, grid, mapped
from rafr.fixation.fem.locate import Locator


def bend(x):
    return x + np.stack([0.03 * x[:, 1] ** 2, 0 * x[:, 0], 0.4 * np.sin(0.4 * x[:, 0])], axis=1)


def test_a_quadratic_field_is_reproduced_in_straight_elements():
    mesh = block((4, 3, 5), (8, 6, 10))
    points = np.random.default_rng(1).uniform(0, 1, (500, 3)) * [8, 6, 10]

    def field(x):
        return x[:, 0] ** 2 - x[:, 1] * x[:, 2] + 3 * x[:, 2]

    found = Locator(mesh).locate(points)
    np.testing.assert_allclose(
        (found.weights * field(mesh.nodes)[found.nodes]).sum(axis=1), field(points), atol=1e-9
    )
    assert (found.outside == 0).all()


def test_places_are_reproduced_in_curved_elements():
    mesh = mapped(block((4, 3, 5), (8, 6, 10)), bend)
    points = bend(np.random.default_rng(2).uniform(0.1, 0.9, (300, 3)) * [8, 6, 10])
    found = Locator(mesh).locate(points)
    np.testing.assert_allclose(
        np.einsum("ka,kai->ki", found.weights, mesh.nodes[found.nodes]), points, atol=1e-8
    )


def test_a_large_element_beside_many_small_ones_is_found():
    x = np.concatenate([np.linspace(0, 1, 21), [30.0]])
    mesh = grid(x, np.linspace(0, 1, 9), np.linspace(0, 1, 9))
    found = Locator(mesh).locate(np.array([[1.5, 0.5, 0.5], [1.001, 0.02, 0.9], [29.0, 0.1, 0.3]]))
    assert (found.outside == 0).all()


def test_a_point_just_outside_is_taken_by_the_nearest_element_and_continues_it():
    mesh = block((2, 2, 2), (4, 4, 4))
    points = np.array([[2.0, 1.0, 4.3], [-0.1, 2.2, 2.9]])
    found = Locator(mesh).locate(points, tolerance=0.5)
    np.testing.assert_allclose(found.outside, [0.3, 0.1], atol=0.05)
    np.testing.assert_allclose(
        np.einsum("ka,kai->ki", found.weights, mesh.nodes[found.nodes]), points, atol=1e-9
    )
    with pytest.raises(InputError, match=r"1 of 2 points lie outside the mesh, \[2.0, 1.0, 4.3\] by 0.3"):
        Locator(mesh).locate(points, tolerance=0.2)


def test_only_the_chosen_elements_are_looked_in():
    mesh = block((4, 1, 1), (4, 1, 1))
    right = mesh.nodes[mesh.elements[:, :4], 0].mean(axis=1) > 2
    assert right[Locator(mesh, right).locate(np.array([[3.2, 0.4, 0.3]])).element].all()
    with pytest.raises(InputError, match="outside"):
        Locator(mesh, right).locate(np.array([[0.5, 0.5, 0.5]]))
    with pytest.raises(InputError, match="no elements"):
        Locator(mesh, np.zeros(len(right), dtype=bool))
