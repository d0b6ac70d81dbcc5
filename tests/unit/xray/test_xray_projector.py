"""Line integrals against shapes with known chords, and against plain sampling along rays."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation

from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume
from rafr.planning.pins import PatientAxes
from rafr.xray.projector import Absorber, project, project_window
from rafr.xray.view import DEVICES, VIEWS, Device, standard_view

SUPINE = PatientAxes(np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
SMALL = Device(detector_mm=200.0, pixels=64)
WATER = 0.02  # 1/mm


def a_view(name="ap", device=SMALL, centre=(0.0, 0.0, 0.0)):
    return standard_view(name, SUPINE, np.array(centre), device)


def grid_of(size, spacing, rotation=None):
    """An empty volume centred on the origin."""
    direction = np.eye(3) if rotation is None else Rotation.from_rotvec(rotation).as_matrix()
    spacing = np.broadcast_to(np.asarray(spacing, float), 3)
    origin = -direction @ (0.5 * spacing * (np.array(size) - 1))
    return Volume(np.zeros(size[::-1], np.float32), origin, spacing, direction)


def points_of(grid):
    return grid.index_to_lps(np.argwhere(np.ones(grid.array.shape, bool))[:, ::-1])


def unit_rays(view):
    u, v = np.meshgrid(np.arange(view.width), np.arange(view.height))
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ view.rays.T
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True)


def chord_in_box(view, half):
    """(h, w) mm inside a box around the origin: slabs, Kay & Kajiya 1986."""
    with np.errstate(divide="ignore"):
        ends = np.sort([(s * half - view.source) / unit_rays(view) for s in (-1, 1)], axis=0)
    return np.maximum(ends[1].min(axis=-1) - ends[0].max(axis=-1), 0.0)


def chord_in_sphere(view, radius):
    rays = unit_rays(view)
    nearest = np.linalg.norm(np.cross(rays, -view.source), axis=-1)
    return 2.0 * np.sqrt(np.maximum(radius**2 - nearest**2, 0.0))


@pytest.mark.parametrize("name", VIEWS)
def test_a_box_of_water_is_as_thick_as_its_chords(name):
    size, spacing = (60, 50, 40), np.array([1.0, 1.2, 1.5])
    grid = grid_of(size, spacing)
    view = a_view(name, Device(detector_mm=160.0, pixels=200))
    chords = chord_in_box(view, 0.5 * spacing * size)
    found = project(Absorber(grid.with_array(np.full_like(grid.array, WATER))), view)
    # interpolation rounds edges by a voxel: only rays a voxel and more away from any of them can be exact
    inner = chord_in_box(view, 0.5 * spacing * size - 2.0) > 0
    cut = [chord_in_box(view, 0.5 * spacing * size + d) for d in (-1.6, 1.6)]
    smooth = inner & (np.abs(cut[1] + cut[0] - 2 * chords) < 1e-6)
    assert smooth.sum() > 200
    # mm of water; at 45 degrees a ray enters through faces between slices, a part of a voxel early or late
    tolerance = 0.4 if name in ("inlet", "outlet") else 0.005
    assert np.abs(found[smooth] / WATER - chords[smooth]).max() < tolerance
    assert np.abs((found[smooth] / WATER - chords[smooth]).mean()) < 0.05
    # and nothing is lost at the edges
    assert found.sum() == pytest.approx(WATER * chords.sum(), rel=5e-3)
    assert (found[chord_in_box(view, 0.5 * spacing * size + 2.0) == 0] == 0).all()


@pytest.mark.parametrize("name", VIEWS)
def test_a_ball_of_water_is_as_thick_as_its_chords(name):
    radius, spacing = 24.0, 0.8
    grid = grid_of((70, 70, 70), spacing, rotation=[0.1, -0.2, 0.15])
    depth = radius - np.linalg.norm(points_of(grid), axis=1)
    share = np.clip(0.5 + depth / spacing, 0, 1).reshape(grid.array.shape)
    view = a_view(name)
    error = project(Absorber(grid.with_array(WATER * share)), view) / WATER - chord_in_sphere(view, radius)
    assert np.abs(error).mean() < 0.03  # mm of water
    assert np.abs(error[chord_in_sphere(view, radius) > 20.0]).max() < 0.5
    assert np.abs(error).max() < 4.0  # tangents


@pytest.mark.parametrize("name", VIEWS)
def test_it_agrees_with_sampling_along_rays(name):
    rng = np.random.default_rng(3)
    grid = grid_of((44, 52, 40), [1.1, 1.0, 1.3], rotation=[0.2, 0.1, -0.3])
    fading = np.einsum("k,j,i->kji", *(np.hanning(n) for n in grid.array.shape))
    volume = grid.with_array(fading * np.abs(gaussian_filter(rng.standard_normal(grid.array.shape), 2.0)))
    view = a_view(name, Device(detector_mm=110.0, pixels=24), centre=(3.0, -4.0, 5.0))
    steps = np.arange(850.0, 1100.0, 0.1)
    points = view.source + unit_rays(view)[..., None, :] * steps[:, None]
    values = map_coordinates(
        volume.array, volume.lps_to_index(points)[..., ::-1].transpose(3, 0, 1, 2), order=1
    )
    expected = 0.1 * values.sum(axis=-1)
    found = project(Absorber(volume), view)
    assert expected.max() > 1.0
    assert np.abs(found - expected).max() < 0.01 * expected.max()
    assert np.abs(found - expected).mean() < 0.001 * expected.max()


def test_the_standard_views_look_from_where_radiographers_stand():
    """In front; from the head down (inlet), from the feet up (outlet); right hip left; head up."""
    for name in ("ap", "inlet", "outlet"):
        view = a_view(name)
        centre, left, head, front = view.pixels_of(
            np.vstack([np.zeros(3), 20.0 * np.diag([1, -1, 1])[[0, 2, 1]]])
        )
        assert centre == pytest.approx([31.5, 31.5])
        assert left[0] > centre[0] + 4
        assert left[1] == pytest.approx(centre[1], abs=1e-6)
        assert head[1] < centre[1] - 3
        assert view.source[1] < -600.0
        assert front[0] == pytest.approx(centre[0], abs=1e-6)
    assert a_view("ap").source[2] == pytest.approx(0.0)
    # the inlet's source stands above the pelvis: what is in front is seen lower down
    assert a_view("inlet").source[2] == pytest.approx(970.0 * np.sin(np.radians(45)))
    assert a_view("outlet").source[2] == pytest.approx(-970.0 * np.sin(np.radians(45)))
    in_front = [0.0, -20.0, 0.0]
    assert a_view("inlet").pixels_of(in_front)[1] > 33.0
    assert a_view("outlet").pixels_of(in_front)[1] < 30.0
    lateral = a_view("lateral")
    assert lateral.letters == ("P", "A")
    assert lateral.source == pytest.approx([-970.0, 0.0, 0.0])
    assert lateral.pixels_of(in_front)[0] > 33.0


def test_the_magnification_is_that_of_the_distances():
    for device in DEVICES.values():
        view = a_view(device=device)
        a, b = view.pixels_of([[0.0, 0.0, 0.0], [10.0, 0.0, 0.0]])
        on_detector = (b[0] - a[0]) * device.detector_mm / device.pixels
        assert on_detector == pytest.approx(10.0 * device.source_detector_mm / device.source_patient_mm)
        assert (b[0] - a[0]) * view.pixel_mm == pytest.approx(10.0)


def test_moving_source_and_detector_back_is_moving_the_body():
    rng = np.random.default_rng(5)
    grid = grid_of((40, 40, 40), 1.5)
    body = grid.with_array(gaussian_filter(rng.random(grid.array.shape), 2.0))
    T = RigidTransform.from_rotvec([0.2, -0.1, 0.3], [6.0, -9.0, 4.0])
    moved = Volume(body.array, T.apply(body.origin), body.spacing, T.rotation @ body.direction)
    for name in VIEWS:
        there = project(Absorber(moved), a_view(name))
        assert project(Absorber(body), a_view(name).moved(T.inverse())) == pytest.approx(there, abs=1e-4)


def test_coarser_voxels_keep_the_integral():
    rng = np.random.default_rng(7)
    grid = grid_of((61, 50, 57), 0.9)
    fading = np.einsum("k,j,i->kji", *(np.hanning(n) for n in grid.array.shape))
    smooth = fading * gaussian_filter(rng.random(grid.array.shape), 4.0) * WATER
    fine = Absorber(grid.with_array(smooth))
    view = a_view(device=Device(detector_mm=120.0, pixels=48))
    assert fine.at(0.9) is fine
    assert fine.at(1.8).volume.spacing == pytest.approx(1.8)
    exact = project(fine, view)
    assert project(fine.at(1.8), view) == pytest.approx(exact, abs=0.01 * float(exact.max()))


def test_an_endless_trunk_goes_on_above_and_below():
    grid = grid_of((40, 30, 20), 2.0)
    trunk = grid.with_array(np.full_like(grid.array, WATER))
    view = a_view(device=Device(detector_mm=100.0, pixels=32))
    for name in ("ap", "inlet", "outlet"):
        view = a_view(name, Device(detector_mm=100.0, pixels=32))
        # an endless slab: of 30 slices of 2 mm along the beam's y all but the outermost
        expected = 56.0 * WATER / np.abs(unit_rays(view)[..., 1])
        middle = np.s_[:, 8:24]
        found = project(Absorber(trunk, endless=2), view)
        np.testing.assert_allclose(found[middle], expected[middle], rtol=1e-4)


def test_a_window_is_no_larger_than_the_shadow():
    grid = grid_of((10, 10, 10), 1.0)
    body = Absorber(grid.with_array(np.ones_like(grid.array)))
    window = project_window(body, a_view())
    assert max(window.values.shape) < 12
    assert project(body, a_view()).sum() == pytest.approx(window.values.sum())
    aside = project_window(body, a_view(centre=(500.0, 0.0, 0.0)))
    assert aside.values.size == 0


def test_a_source_inside_the_body_is_refused():
    grid = grid_of((10, 10, 10), 1.0)
    with pytest.raises(RafrError, match="source"):
        project(Absorber(grid), a_view(centre=(0.0, 970.0, 0.0)))


def test_an_unknown_view_is_refused():
    with pytest.raises(RafrError, match="judet"):
        a_view("judet")
