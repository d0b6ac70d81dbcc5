"""Meshes of implants: closed, round, sound and as large as the cylinders they stand for."""

import numpy as np
import pytest

from rafr.errors import RafrError
from rafr.fixation.fem.mesh import quality, volumes
from rafr.fixation.implants.implant import Rod, Screw
from rafr.fixation.implants.mesh import implant_mesh

SCREW = Screw("s", "iliac", np.array([10.0, -5.0, 3.0]), np.array([52.0, 51.0, 3.0]), 7.5, head_mm=10.0)
BENT = Rod("rod", np.array([[0.0, 0, 0], [30.0, 12.0, 0], [60.0, 0, 4.0]]), 6.0, ("a", "", "b"))


def faces_of(mesh):
    """(4m, 3) sorted corners of every face."""
    corners = mesh.elements[:, :4]
    return np.sort(
        np.concatenate([corners[:, list(f)] for f in ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3))])
    )


@pytest.mark.parametrize(("rings", "tolerance"), [(1, 0.004), (2, 0.001), (3, 0.001)])
def test_the_volume_is_the_cylinders(rings, tolerance):
    mesh = implant_mesh(SCREW, rings=rings).mesh

    assert volumes(mesh).sum() == pytest.approx(np.pi * 7.5**2 / 4 * 80.0, rel=tolerance)


@pytest.mark.parametrize("implant", [SCREW, BENT], ids=["screw", "bent rod"])
def test_elements_fit_to_each_other_and_none_is_flat(implant):
    mesh = implant_mesh(implant).mesh
    faces, count = np.unique(faces_of(mesh), axis=0, return_counts=True)
    edges = np.sort(
        np.concatenate([faces[count == 1][:, [i, j]] for i, j in ((0, 1), (1, 2), (0, 2))]), axis=1
    )

    assert set(count) == {1, 2}
    # the skin is closed: each of its edges has two triangles; Euler: a sphere
    unique, twice = np.unique(edges, axis=0, return_counts=True)
    assert set(twice) == {2}
    skin = np.unique(faces[count == 1])
    assert len(skin) - len(unique) + (count == 1).sum() == 2
    assert quality(mesh).min() > 0.45
    assert volumes(mesh).min() > 0.0


def test_middles_lie_between_their_corners_in_the_order_of_calculix():
    mesh = implant_mesh(SCREW, edge_mm=2.0).mesh
    p = mesh.nodes[mesh.elements]
    for number, (a, b) in enumerate(((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3))):
        middle = 0.5 * (p[:, a] + p[:, b])
        # straight inside, lifted to the round wall by at most a few tenths of a millimetre
        assert np.linalg.norm(p[:, 4 + number] - middle, axis=1).max() < 0.3


def test_the_wall_lies_on_the_cylinder_within_bone_and_the_first_end_is_the_head():
    made = implant_mesh(SCREW)
    offset = made.mesh.nodes[made.wall] - SCREW.entry
    along = offset @ SCREW.direction

    assert np.linalg.norm(offset - along[:, None] * SCREW.direction, axis=1) == pytest.approx(3.75)
    assert along.min() == pytest.approx(0.0, abs=1e-9)
    assert along.max() == pytest.approx(70.0)
    head = made.mesh.nodes[made.ends[0]]
    assert (head - SCREW.entry) @ SCREW.direction == pytest.approx(-10.0)
    assert head.mean(axis=0) == pytest.approx(SCREW.head)


def test_a_rod_keeps_its_thickness_round_a_bend_and_knows_where_it_is_held():
    made = implant_mesh(BENT)
    skin = made.mesh.nodes[made.wall]
    volume = volumes(made.mesh).sum()

    # an arc is shorter than its corner, by less than 5 % here
    length = volume / (np.pi * 9.0)
    straight = np.linalg.norm(np.diff(BENT.points, axis=0), axis=1).sum()
    assert 0.95 * straight < length < straight
    assert made.mesh.nodes[made.holds["b"]].mean(axis=0) == pytest.approx([60.0, 0.0, 4.0])
    assert np.linalg.norm(skin - [0, 0, 0], axis=1).min() == pytest.approx(3.0, abs=0.01)


def test_a_bend_too_sharp_is_refused():
    sharp = Rod("hook", np.array([[0.0, 0, 0], [12.0, 0, 0], [0.0, 3.0, 0]]), 6.0, ("", "", ""))

    with pytest.raises(RafrError, match="hook"):
        implant_mesh(sharp)
