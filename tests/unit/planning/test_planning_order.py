"""A body waits while another lies where it belongs."""

import pytest
import trimesh

from rafr.cases.meshes import BodyMesh
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.planning.order import reduction_order

HERE = RigidTransform.identity()


def shift(x):
    return RigidTransform.from_translation([x, 0.0, 0.0])


@pytest.fixture
def meshes():
    """Two cubes of 20 mm, 5 mm apart along x."""
    cube = trimesh.creation.box((20.0, 20.0, 20.0)).subdivide().subdivide()
    first = TriangleMesh(cube.vertices, cube.faces)
    cubes = {"first": first, "second": first.transformed(shift(25.0))}
    return {name: BodyMesh(name, mesh, {11: mesh}) for name, mesh in cubes.items()}


@pytest.mark.parametrize(
    ("first_goes", "second_goes", "expected"),
    [
        (3.0, 0.0, ("first", "second")),
        (15.0, 30.0, ("second", "first")),
        (-15.0, -20.0, ("first", "second")),
        (20.0, -8.0, ("second", "first")),  # each lies where the other belongs: the lesser overlap
    ],
    ids=["free", "taken", "makes-room", "swapped"],
)
def test_the_order_of_two_bodies(meshes, first_goes, second_goes, expected):
    targets = {"first": shift(first_goes), "second": shift(second_goes)}
    start = {"first": HERE, "second": HERE}
    assert reduction_order(["first", "second"], meshes, targets, start) == expected


def test_a_body_that_has_already_made_room_is_not_waited_for(meshes):
    targets = {"first": shift(15.0), "second": shift(30.0)}
    start = {"first": HERE, "second": shift(30.0)}
    assert reduction_order(["first", "second"], meshes, targets, start) == ("first", "second")
