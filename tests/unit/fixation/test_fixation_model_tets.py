"""Tetrahedra: quadratic nodes, boundary, points that ride on them, and what the mesher accepts and gives."""

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.fixation.fem.mesh import quadratic
from rafr.fixation.model import mesher
from rafr.fixation.model.mesher import MeshOptions, check_surface, quality, tetrahedralise
from rafr.fixation.model.tets import Boundary, Skin, Tets
from rafr.geometry import TriangleMesh

COARSE = MeshOptions(edge_mm=8.0, envelope_mm=0.5, surface_edge_mm=5.0)


def brick(size=(20.0, 10.0, 30.0), cells=(4, 2, 5), origin=(0.0, 0.0, 0.0)):
    """A box of cells of six tetrahedra each (Kuhn), right-handed."""
    grid = np.stack(np.meshgrid(*(np.arange(n + 1) for n in cells), indexing="ij"), axis=-1)
    nodes = grid.reshape(-1, 3) / np.array(cells) * size + origin
    number = np.arange(len(nodes)).reshape(grid.shape[:3])
    tets = []
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1), (1, 0, 2), (0, 2, 1), (2, 1, 0)):
        step, corners = np.zeros(3, int), []
        for axis in (None, *order):
            if axis is not None:
                step[axis] = 1
            corners.append(number[tuple(slice(s, s + n) for s, n in zip(step, cells, strict=True))].ravel())
        tets.append(np.stack(corners, axis=1))
    tets = np.concatenate(tets)
    volume = Tets(nodes, tets).volumes
    tets[volume < 0] = tets[volume < 0][:, [0, 2, 1, 3]]
    return Tets(nodes, tets)


def ball(radius=20.0):
    import open3d

    sphere = open3d.geometry.TriangleMesh.create_sphere(radius, 16)
    return TriangleMesh(np.asarray(sphere.vertices), np.asarray(sphere.triangles))


def test_quadratic_nodes_are_shared_and_lie_in_the_middle_of_edges():
    tets = brick()
    mesh = quadratic(tets.nodes, tets.elements, np.zeros(len(tets.elements), int))
    x = mesh.nodes[mesh.elements]
    for k, (i, j) in enumerate(((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3))):
        np.testing.assert_allclose(x[:, 4 + k], 0.5 * (x[:, i] + x[:, j]))
    assert len(np.unique(mesh.nodes.round(9), axis=0)) == len(mesh.nodes)


def test_the_boundary_has_the_area_of_the_box_and_looks_outward():
    tets = brick()
    surface = Boundary.of(tets.nodes, tets.elements).mesh
    assert surface.face_areas.sum() == pytest.approx(2 * (20 * 10 + 10 * 30 + 30 * 20))
    assert surface.volume == pytest.approx(6000.0)
    assert tets.volumes.sum() == pytest.approx(6000.0)


def test_points_on_the_skin_ride_with_a_quadratic_displacement_exactly():
    tets = brick()
    mesh = quadratic(tets.nodes, tets.elements, np.zeros(len(tets.elements), int))
    skin = Skin(Boundary.of(mesh.nodes, mesh.elements))
    rng = np.random.default_rng(1)
    queries = rng.uniform((-5, -5, -5), (25, 15, 35), (200, 3))
    at, normals = skin.closest(queries)
    x = mesh.nodes
    u = np.stack([x[:, 0] ** 2 + x[:, 1], x[:, 1] * x[:, 2], 3 - x[:, 2] + x[:, 0] * x[:, 1]], axis=1)
    p = at.points
    expected = np.stack([p[:, 0] ** 2 + p[:, 1], p[:, 1] * p[:, 2], 3 - p[:, 2] + p[:, 0] * p[:, 1]], axis=1)
    np.testing.assert_allclose(at.interpolate(mesh, u), expected, atol=1e-9)
    np.testing.assert_allclose(at.interpolate(mesh, x), p, atol=1e-9)
    clamped = np.clip(queries, 0, (20, 10, 30))
    outside = (clamped != queries).any(axis=1)
    np.testing.assert_allclose(p[outside], clamped[outside], atol=1e-4)  # float32 queries
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-6)


def test_the_mesher_fills_a_ball(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    surface = ball()
    tets = tetrahedralise("ball 1", surface, COARSE)
    found = quality(tets, surface)
    assert abs(found.volume_change) < 0.02
    assert found.worst > 0.05
    assert (tets.volumes > 0).all()
    distance = np.linalg.norm(Boundary.of(tets.nodes, tets.elements).mesh.vertices, axis=1)
    assert np.abs(distance - 20.0).max() < 0.5 + 0.3  # the envelope; the ball's own facets


def test_a_surface_meshed_before_comes_from_the_cache_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = tetrahedralise("ball 1", ball(), COARSE)
    monkeypatch.setattr(mesher, "_run", lambda *_: pytest.fail("meshed again"))
    second = tetrahedralise("ball 1", ball(), COARSE)
    np.testing.assert_array_equal(first.nodes, second.nodes)
    np.testing.assert_array_equal(first.elements, second.elements)


def test_other_options_or_a_damaged_file_are_meshed_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    calls = []

    def run(_name, surface, options):
        calls.append(options)
        centre = len(surface.vertices)
        faces = surface.faces[:, [0, 2, 1]]
        tets = np.column_stack([faces, np.full(len(faces), centre)])
        return mesher._right_handed(np.vstack([surface.vertices, [[0, 0, 0]]]), tets)

    monkeypatch.setattr(mesher, "_run", run)
    tetrahedralise("ball 1", ball(), COARSE)
    tetrahedralise("ball 1", ball(), MeshOptions(edge_mm=9.0))
    assert len(calls) == 2
    for path in (tmp_path / "rafr" / "tets").glob("*.npz"):
        path.write_bytes(b"not an archive")
    tetrahedralise("ball 1", ball(), COARSE)
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda m: TriangleMesh(m.vertices, m.faces[1:]), "open along 3 edges"),
        (lambda m: TriangleMesh(m.vertices, m.faces[:, ::-1]), "inside out"),
        (lambda m: TriangleMesh(m.vertices, np.vstack([m.faces, m.faces[:1]])), "more than two triangles"),
        (lambda m: TriangleMesh(m.vertices, m.faces[:2]), "2 triangles"),
    ],
)
def test_a_surface_that_encloses_nothing_is_refused_by_name(spoil, problem):
    with pytest.raises(InputError, match=rf"left_hip 11: .*{problem}"):
        check_surface("left_hip 11", spoil(ball()))


def test_tetrahedra_of_another_volume_or_flat_ones_are_refused():
    surface = ball()
    small = tuple(0.9 * v for v in (20.0, 20.0, 20.0))
    with pytest.raises(InputError, match="sacrum 1: meshing changes its volume by"):
        mesher.check_tets("sacrum 1", brick(small), surface, MeshOptions())
    flat = brick((1e-3, 300.0, 300.0), (1, 1, 1))
    with pytest.raises(InputError, match=r"sacrum 1: its worst tetrahedron has quality 0\.0"):
        mesher.check_tets("sacrum 1", flat, surface, MeshOptions())


def test_options_out_of_bounds_are_refused():
    with pytest.raises(InputError, match="edge_mm"):
        tetrahedralise("ball 1", ball(), MeshOptions(edge_mm=0.1))
