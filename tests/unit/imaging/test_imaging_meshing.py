import numpy as np
import pytest
import trimesh

from rafr.errors import RafrError
from rafr.geometry import TriangleMesh, exact_signed_distance
from rafr.imaging.meshing import mesh_from_labels
from rafr.imaging.segmentation import bone_of
from rafr.imaging.volume import Volume
from rafr.imaging.voxelise import occupancy

CENTRE = np.array([5.0, -12.0, 40.0])


def grid(spacing=(1.0, 1.0, 1.0), direction=None, half=30.0):
    """A zero volume of `half` mm about CENTRE, axes as in `direction`."""
    spacing = np.array(spacing)
    direction = np.eye(3) if direction is None else direction
    size = np.ceil(2 * half / spacing).astype(int)
    array = np.zeros(size[::-1], np.uint8)
    origin = CENTRE - direction @ (0.5 * (size - 1) * spacing)
    return Volume(array, origin, spacing, direction)


def points(volume):
    nk, nj, ni = volume.array.shape
    k, j, i = np.meshgrid(np.arange(nk), np.arange(nj), np.arange(ni), indexing="ij")
    return volume.index_to_lps(np.stack([i, j, k], axis=-1))


def ball(volume, radius, label=1, shift=(0.0, 0.0, 0.0)):
    inside = np.linalg.norm(points(volume) - CENTRE - np.array(shift), axis=-1) <= radius
    array = volume.array.copy()
    array[inside] = label
    return volume.with_array(array)


def closed(mesh):
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    return solid.is_watertight and solid.is_winding_consistent


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 0.8, 1.25), (0.7, 0.7, 3.0)])
def test_a_ball_keeps_its_size_and_place(spacing):
    mesh = mesh_from_labels(ball(grid(spacing), 20.0), [1])
    assert closed(mesh)
    radius = np.linalg.norm(mesh.vertices - CENTRE, axis=1)
    # mm: 0.1 on average is a tenth of a voxel; single voxel steps of less than half a slice remain
    assert abs(radius.mean() - 20.0) < 0.1
    assert np.abs(radius - 20.0).max() < 0.2 + 0.4 * max(spacing)
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.02)
    np.testing.assert_allclose(mesh.centroid, CENTRE, atol=0.1)


def test_smoothing_takes_the_voxel_steps_off():
    mesh = mesh_from_labels(ball(grid(), 20.0), [1])
    outward = (mesh.face_centres - CENTRE) / np.linalg.norm(mesh.face_centres - CENTRE, axis=1, keepdims=True)
    angle = np.degrees(np.arccos(np.clip((mesh.face_normals * outward).sum(axis=1), -1, 1)))
    # bare voxel faces would stand 30 to 50 degrees off
    assert np.average(angle, weights=mesh.face_areas) < 6.0


def test_only_the_wanted_labels_are_meshed():
    labels = ball(ball(grid(), 8.0, 11, (-14, 0, 0)), 8.0, 21, (14, 0, 0))
    one = 4 / 3 * np.pi * 8**3
    assert mesh_from_labels(labels, [11]).volume == pytest.approx(one, rel=0.03)
    both = mesh_from_labels(labels, [11, 21])
    assert both.volume == pytest.approx(2 * one, rel=0.03)
    assert closed(both)


def test_cavities_and_specks_leave_no_surface():
    labels = ball(grid(), 20.0)
    array = labels.array.copy()
    array[np.linalg.norm(points(labels) - CENTRE, axis=-1) < 6.0] = 0  # marrow
    array[2, 2, 2] = 1  # a stray voxel
    mesh = mesh_from_labels(labels.with_array(array), [1])
    assert np.linalg.norm(mesh.vertices - CENTRE, axis=1).min() > 19.0


def test_a_bone_at_the_border_of_the_volume_is_closed():
    mesh = mesh_from_labels(ball(grid(half=15.0), 20.0), [1])
    assert closed(mesh)
    assert mesh.volume > 0


def test_a_plate_one_voxel_thick_is_not_lost():
    labels = grid()
    labels.array[30, 10:50, 10:50] = 1
    mesh = mesh_from_labels(labels, [1])
    assert closed(mesh)
    assert mesh.volume == pytest.approx(1600.0, rel=0.35)  # mm³


def test_an_absent_label_is_named():
    with pytest.raises(RafrError, match="label 12"):
        mesh_from_labels(ball(grid(), 8.0), [12])


@pytest.mark.parametrize("direction", [np.eye(3), np.diag([-1.0, -1, 1]), np.diag([1.0, -1, 1])])
def test_occupancy_undoes_meshing(direction):
    labels = ball(grid((0.9, 0.9, 1.2), direction), 17.0)
    mesh = mesh_from_labels(labels, [1])
    inside, wanted = occupancy(mesh, labels).array, labels.array > 0
    assert 2 * (inside & wanted).sum() / (inside.sum() + wanted.sum()) > 0.99


def test_occupancy_agrees_with_signed_distance_point_by_point():
    mesh = mesh_from_labels(ball(ball(grid(), 12.0, shift=(6, 0, 0)), 9.0, shift=(-8, 5, 3)), [1])
    coarse = grid((2.3, 2.3, 2.3))
    expected = exact_signed_distance(mesh, points(coarse).reshape(-1, 3)).reshape(coarse.array.shape) < 0
    assert (occupancy(mesh, coarse).array != expected).sum() == 0


def test_occupancy_unites_overlapping_pieces():
    one = trimesh.creation.box((10, 10, 10))
    two = trimesh.creation.box((10, 10, 10), trimesh.transformations.translation_matrix([4, 3, 2]))
    both = trimesh.util.concatenate([one, two])
    mesh = TriangleMesh(np.asarray(both.vertices) + CENTRE, np.asarray(both.faces))
    inside = occupancy(mesh, grid((0.5, 0.5, 0.5), half=12.0)).array
    volume = inside.sum() * 0.125
    assert volume == pytest.approx(2000 - 6 * 7 * 8, rel=0.01)  # mm³


def test_occupancy_of_a_mesh_outside_or_across_the_border_is_what_is_inside():
    mesh = mesh_from_labels(ball(grid(), 10.0), [1])
    away = grid()
    far = Volume(away.array, away.origin + 500.0, away.spacing, away.direction)
    assert not occupancy(mesh, far).array.any()
    half = Volume(away.array, away.origin + np.array([30.0, 0, 0]), away.spacing, away.direction)
    expected = 0.5 * 4 / 3 * np.pi * 10**3
    assert occupancy(mesh, half).array.sum() == pytest.approx(expected, rel=0.05)


def test_every_label_value_has_its_bone():
    assert [bone_of(v) for v in (1, 10, 11, 20, 21, 30)] == ["sacrum"] * 2 + ["left_hip"] * 2 + [
        "right_hip"
    ] * 2
    for value in (0, 31, -1):
        with pytest.raises(RafrError):
            bone_of(value)
