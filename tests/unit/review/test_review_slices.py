"""Slices with contours: on the edges that the image shows, the right way round, wherever a body stands."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.imaging.meshing import mesh_from_labels
from rafr.imaging.volume import Volume
from rafr.review import slices
from rafr.review.slices import CBCT, CT, PLANES, SliceViewer, short_name

SPACING = 1.5  # mm
CENTRES = {"reference": np.array([-18.0, 0.0, 0.0]), "left_hip": np.array([20.0, 6.0, 4.0])}
RADII = {"reference": 16.0, "left_hip": 13.0}
LABELS = {"reference": 1, "left_hip": 11}
NORMAL = {"axial": 2, "coronal": 1, "sagittal": 0}
MOVED = RigidTransform.from_rotvec([0.2, -0.1, 0.3], [5.0, -4.0, 3.0])


def grid(direction=None, half=(60, 45, 45), spacing=SPACING):
    """An empty volume centred on the origin, its index axes along the columns of a direction matrix."""
    direction = np.eye(3) if direction is None else np.array(direction, dtype=float)
    size = np.rint(2.0 * (np.abs(direction.T) @ half) / spacing).astype(int) + 1
    origin = -0.5 * direction @ (spacing * (size - 1))
    return Volume(np.zeros(size[::-1]), origin, np.full(3, spacing), direction)


def balls(on, poses=None, spots=()):
    """HU of two balls of bone in soft tissue, each at its pose, and of metal spots; labels."""
    points = on.index_to_lps(np.argwhere(on.array == on.array.flat[0])[:, ::-1])
    hu, labels = np.full(len(points), 0.0), np.zeros(len(points), np.uint8)
    for name, centre in CENTRES.items():
        place = (poses or {}).get(name, RigidTransform.identity()).apply(centre)
        depth = RADII[name] - np.linalg.norm(points - place, axis=1)
        hu += np.clip(0.5 + depth / SPACING, 0.0, 1.0) * 800.0
        labels[depth > 0] = LABELS[name]
    for spot in spots:
        hu[np.linalg.norm(points - spot, axis=1) < 4.0] = 3000.0
    shape = on.array.shape
    return on.with_array(np.rint(hu).astype(np.int16).reshape(shape)), on.with_array(labels.reshape(shape))


@pytest.fixture(scope="module")
def phantom():
    return balls(grid())


@pytest.fixture(scope="module")
def meshes(phantom):
    return {name: mesh_from_labels(phantom[1], (value,)) for name, value in LABELS.items()}


@pytest.fixture(scope="module")
def viewer(phantom, meshes):
    return SliceViewer(phantom[0], meshes, pixels=256)


def grey(picture):
    return picture.astype(float).mean(axis=2)


def in_mm(viewer, plane, position, pixels):
    """(n, 3) LPS mm of (column, row) pixels (n, 2)."""
    corner, step, _ = viewer._frame(plane)
    axes = [axis for axis in range(3) if axis != NORMAL[plane]]
    points = np.zeros((len(pixels), 3))
    points[:, axes] = corner + pixels * step
    points[:, NORMAL[plane]] = position
    return points


def pixel_of(viewer, plane, point):
    corner, step, _ = viewer._frame(plane)
    return (np.delete(point, NORMAL[plane]) - corner) / step


@pytest.mark.parametrize("plane", PLANES)
def test_contours_of_unmoved_bones_lie_on_the_edges_of_their_labels(viewer, phantom, plane):
    labels = phantom[1]
    for name, value in LABELS.items():
        inside = labels.array == value
        depth = distance_transform_edt(inside) - distance_transform_edt(~inside)  # voxels; edges at ±1
        position = CENTRES[name][NORMAL[plane]] + 5.3
        found = viewer.contours(plane, position, {})[name].reshape(-1, 2)
        assert len(found) > 50
        i, j, k = np.rint(labels.lps_to_index(in_mm(viewer, plane, position, found))).astype(int).T
        assert np.abs(depth[k, j, i]).max() <= 2.0
        distance = np.linalg.norm(in_mm(viewer, plane, position, found) - CENTRES[name], axis=1)
        assert distance == pytest.approx(RADII[name], abs=SPACING)


@pytest.mark.parametrize("plane", PLANES)
def test_coloured_pixels_lie_on_the_edge_too(viewer, plane):
    name, position = "left_hip", CENTRES["left_hip"][NORMAL[plane]]
    for poses in ({}, {name: MOVED}):
        place = poses.get(name, RigidTransform.identity()).apply(CENTRES[name])
        picture = viewer.picture(plane, position, poses).astype(int)
        coloured = picture[..., 0] - picture[..., 2] > 120  # orange is the only colour so far from grey
        points = in_mm(viewer, plane, position, np.argwhere(coloured)[:, ::-1].astype(float))
        near = points[np.linalg.norm(points - place, axis=1) < RADII[name] + 3.0]  # not those of its name
        assert len(near) > 60
        distance = np.linalg.norm(near - place, axis=1)
        assert distance == pytest.approx(RADII[name], abs=SPACING + viewer.pixel_mm)


@pytest.mark.parametrize("plane", PLANES)
def test_contours_are_closed(viewer, plane):
    position = MOVED.apply(CENTRES["left_hip"])[NORMAL[plane]]
    ends = viewer.contours(plane, position, {"left_hip": MOVED})["left_hip"].reshape(-1, 2)
    _, counts = np.unique(np.round(ends, 3), axis=0, return_counts=True)
    assert np.mean(counts % 2 == 0) > 0.99  # a few fall on either side of what is rounded


def test_a_body_moves_by_its_pose_and_the_other_stays(viewer):
    shift = np.array([3.0, 4.0, 0.0])
    before = viewer.contours("axial", 4.0, {})
    after = viewer.contours("axial", 4.0, {"left_hip": RigidTransform.from_translation(shift)})
    assert after["reference"] == pytest.approx(before["reference"])
    moved = after["left_hip"] - before["left_hip"]
    assert moved == pytest.approx(np.broadcast_to(shift[:2] / viewer.pixel_mm, moved.shape), abs=0.02)
    out_of_it = viewer.contours("axial", 4.0, {"left_hip": RigidTransform.from_translation([0, 0, 40.0])})
    assert len(out_of_it["left_hip"]) == 0


DIRECTIONS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "H": (2, 1), "F": (2, -1)}


@pytest.mark.parametrize("plane", PLANES)
def test_every_letter_stands_where_its_side_of_the_patient_is(meshes, monkeypatch, plane):
    """A metal spot on one side of the patient is seen on the side of that side's letter, and no other."""
    written = []
    monkeypatch.setattr(slices, "draw_text", lambda image, label: written.append(label))
    letters = [letter for letter, (axis, _) in DIRECTIONS.items() if axis != NORMAL[plane]]
    for letter in letters:
        axis, sign = DIRECTIONS[letter]
        spot = np.array([0.0, 3.0, 2.0])
        spot[axis] += 28.0 * sign
        seen = SliceViewer(balls(grid(), spots=[spot])[0], meshes, pixels=256)
        written.clear()
        picture = seen.picture(plane, spot[NORMAL[plane]], dict.fromkeys(meshes, FAR))
        rows, columns = np.nonzero(grey(picture)[:-30] > 250)  # the bar of 50 mm lies below
        h, w = picture.shape[:2]
        side = np.array([columns.mean() - 0.5 * w, rows.mean() - 0.5 * h])
        at = {label.text: np.array(label.at) - [0.5 * w, 0.5 * h] for label in written}
        assert max(letters, key=lambda other: at[other] @ side / np.linalg.norm(at[other])) == letter
    assert [n for n in at if n in DIRECTIONS] == list(slices._PLANES[plane].letters)


FAR = RigidTransform.from_translation([0.0, 0.0, 1000.0])


def assert_edge(viewer, picture, plane, position, centre, radius):
    """Bright just inside a ball's edge, dark just outside."""
    r = np.sqrt(radius**2 - (position - centre[NORMAL[plane]]) ** 2)
    turns = np.linspace(0.0, 2.0 * np.pi, 60, endpoint=False)
    ring = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    middle = pixel_of(viewer, plane, centre)
    value = {}
    for beyond in (-3.0, 3.0):
        at = np.rint(middle + ring * (r + beyond) / viewer.pixel_mm).astype(int)
        value[beyond] = np.median(grey(picture)[at[:, 1], at[:, 0]])
    assert value[-3.0] > value[3.0] + 60


@pytest.mark.parametrize("plane", PLANES)
def test_a_cbct_is_shown_where_the_reference_was_registered(phantom, meshes, plane):
    """A CBCT with axes, grey values and poses of its own: contours at registered poses lie on its edges."""
    T_cbct_reference = RigidTransform.from_rotvec([0.3, -0.2, 0.5], [30.0, -20.0, 50.0])
    T = {"reference": T_cbct_reference, "left_hip": T_cbct_reference @ MOVED}
    turned = RigidTransform.from_rotvec([0.1, 0.2, 0.0]).rotation
    on = grid(turned, half=(70, 65, 65))
    on = Volume(on.array, on.origin + T_cbct_reference.translation, on.spacing, on.direction)
    hu = balls(on, T)[0]
    cbct = hu.with_array((0.4 + 1e-4 * hu.array).astype(np.float32))
    viewer = SliceViewer(phantom[0], meshes, cbct, T, pixels=256)
    assert viewer.images == (CT, CBCT)
    poses = viewer.natural_poses(CBCT)
    assert poses["left_hip"].matrix == pytest.approx(MOVED.matrix)
    for name in T:
        centre = poses[name].apply(CENTRES[name])
        position = centre[NORMAL[plane]] + 2.0
        picture = viewer.picture(plane, position, image=CBCT)
        assert_edge(viewer, picture, plane, position, centre, RADII[name])
        segments = viewer.contours(plane, position, poses)[name].reshape(-1, 2)
        distance = np.linalg.norm(in_mm(viewer, plane, position, segments) - centre, axis=1)
        assert distance == pytest.approx(RADII[name], abs=SPACING)


def test_a_second_cbct_makes_another_viewer(phantom, meshes, viewer):
    other = viewer.with_cbct(phantom[0], {"reference": RigidTransform.identity(), "left_hip": MOVED})
    assert viewer.images == (CT,)
    assert other.images == (CT, CBCT)
    assert other.natural_poses(CT)["left_hip"].matrix == pytest.approx(np.eye(4))


ALONG_THE_AXES = ([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], [[-1, 0, 0], [0, -1, 0], [0, 0, 1]])


@pytest.mark.parametrize("direction", ALONG_THE_AXES)
def test_a_ct_stored_the_other_way_round_gives_the_same_pictures(viewer, meshes, direction):
    other = SliceViewer(balls(grid(direction))[0], meshes, pixels=256)
    for plane in PLANES:
        np.testing.assert_array_equal(other.picture(plane, 3.1), viewer.picture(plane, 3.1))


def test_a_ct_with_oblique_axes_gives_the_same_pictures_but_for_blur(viewer, meshes):
    oblique = RigidTransform.from_rotvec([0.2, 0.3, -0.4]).rotation
    other = SliceViewer(balls(grid(oblique, half=(70, 70, 70)))[0], meshes, pixels=256)
    for plane in PLANES:
        difference = np.abs(grey(other.picture(plane, 3.1)) - grey(viewer.picture(plane, 3.1)))
        h, w = difference.shape
        assert difference[h // 4 : -h // 4, w // 4 : -w // 4].mean() < 3.0


def test_the_ct_is_not_copied_where_it_need_not_be(viewer, phantom):
    assert np.shares_memory(viewer._images[CT].volume.array, phantom[0].array)


@pytest.mark.parametrize("plane", PLANES)
def test_a_plane_beyond_the_ct_is_black_and_the_range_holds_the_bones(viewer, meshes, plane):
    low, high = viewer.range_mm(plane)
    heights = np.concatenate([m.vertices[:, NORMAL[plane]] for m in meshes.values()])
    assert low < heights.min() < heights.max() < high
    picture = viewer.picture(plane, 500.0)
    assert np.median(picture) == 0
    assert picture.shape == viewer.picture(plane, 0.0).shape


def test_all_planes_have_one_scale_and_the_longest_side_asked_for(viewer):
    assert max(max(viewer.picture(plane, 0.0).shape) for plane in PLANES) == 256
    across = viewer.contours("axial", 4.0, {})["left_hip"][..., 0]
    assert np.ptp(across) * viewer.pixel_mm == pytest.approx(2.0 * RADII["left_hip"], abs=SPACING)


def test_names_do_not_cover_each_other(viewer, monkeypatch):
    written = []
    monkeypatch.setattr(slices, "draw_text", lambda image, label: written.append(label))
    viewer.picture("coronal", 3.0)
    assert {"ref", "L hip"} <= {label.text for label in written}
    assert not any(a.touches(b) for n, a in enumerate(written) for b in written[:n] if b.text != "50 mm")


def test_short_names_tell_bodies_apart():
    assert short_name("left_hip_2") == "L hip 2"
    assert short_name("right_hemipelvis") == "R hemipelvis"


def test_what_there_is_not_is_refused(phantom, meshes, viewer):
    with pytest.raises(RafrError, match="no plane 'oblique'; there are axial, coronal, sagittal"):
        viewer.picture("oblique", 0.0)
    with pytest.raises(RafrError, match="no image 'CBCT'"):
        viewer.picture("axial", 0.0, image=CBCT)
    with pytest.raises(RafrError, match="reference"):
        viewer.with_cbct(phantom[0], {"left_hip": MOVED})
