"""Intact pelves: what is read, what is refused, and the one made from code."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from rafr.cases.fracture import find_anatomy
from rafr.cases.pelvis import IntactPelvis, read_pelvis
from rafr.cases.reference_marker import place_reference_marker
from rafr.cases.virtual import VariationConfig, virtual_pelvis
from rafr.errors import InputError
from rafr.geometry import RigidTransform, TriangleMesh, exact_signed_distance, fit_rigid, write_mesh
from rafr.geometry.mesh import merge_meshes
from rafr.imaging.fiducials import FIDUCIALS_MM

COARSE = VariationConfig(spacing_mm=2.5)
DATA = Path(os.environ.get("RAFR_DATA", Path(__file__).resolve().parents[3] / ".." / "shared" / "data"))
needs_data = pytest.mark.skipif(not (DATA / "vsd").is_dir(), reason="needs RAFR_DATA or ../shared/data")


@pytest.fixture(scope="module")
def pelvis():
    return virtual_pelvis(np.random.default_rng(1), COARSE)


def save(folder, pelvis, names=("left_hip.stl", "right_hip.ply", "sacrum.stl")):
    folder.mkdir(exist_ok=True)
    for name, mesh in zip(names, pelvis.bones.values(), strict=True):
        write_mesh(folder / name, mesh)
    return folder


def closed(mesh):
    edges = np.sort(
        np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]), axis=1
    )
    return (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_the_virtual_bones_are_closed_and_face_outward(pelvis):
    for mesh in pelvis.bones.values():
        assert closed(mesh)
        assert mesh.volume > 0


def test_the_virtual_pelvis_has_the_proportions_of_people():
    # mean ± 3 standard deviations of 18 adults (VSD data set), mm
    for seed in range(3):
        person = virtual_pelvis(np.random.default_rng(seed), COARSE)
        anatomy = find_anatomy(person)
        inverse = anatomy.T_ct_pelvis.inverse()
        mark = {name: inverse.apply(p) for name, p in anatomy.landmarks().items()}
        spines = mark["left_asis"][0] - mark["right_asis"][0]
        hips = np.concatenate([person.left_hip.vertices, person.right_hip.vertices])
        assert 175 < spines < 290
        assert 220 < np.ptp(hips[:, 0]) < 340
        assert 175 < np.ptp(person.left_hip.vertices[:, 2]) < 255
        assert 50 < anatomy.sacrum_half_width < 69
        assert 20 < anatomy.hips["left"].acetabulum_radius < 31
        assert 90 < np.linalg.norm(mark["sacrum_top"] - mark["left_symphysis"]) < 210
        assert 0.22e6 < person.left_hip.volume < 0.52e6
        assert 0.14e6 < person.sacrum.volume < 0.30e6


def test_joints_of_the_virtual_pelvis_are_gaps_of_their_usual_width():
    for seed in range(2):
        person = virtual_pelvis(np.random.default_rng(seed), COARSE)
        for hip in (person.left_hip, person.right_hip):
            assert 0.8 < exact_signed_distance(person.sacrum, hip.vertices).min() < 3.5  # mm, sacroiliac
        symphysis = exact_signed_distance(person.right_hip, person.left_hip.vertices).min()
        assert 2.5 < symphysis < 7.0


def test_the_obturator_foramen_is_open(pelvis):
    hip = find_anatomy(pelvis).hips["left"]
    centre = hip.obturator
    assert exact_signed_distance(pelvis.left_hip, centre[None])[0] > 6.0  # mm of free space at its centre
    axis = np.array([[0.0, t, 0.0] for t in (-40.0, 40.0)]) + centre
    assert (exact_signed_distance(pelvis.left_hip, axis) > 0).all()


def mirrored_difference(pelvis):
    """Distances (n,) of the mirrored left hip, matched by trimmed ICP, from the right hip; mm."""
    left = pelvis.left_hip.vertices[::3] * [-1, 1, 1]
    right = pelvis.right_hip.vertices
    tree = cKDTree(right)
    T = RigidTransform.from_translation(right.mean(axis=0) - left.mean(axis=0))
    for _ in range(25):
        distance, nearest = tree.query(T.apply(left))
        kept = distance <= np.quantile(distance, 0.9)
        T = fit_rigid(left[kept], right[nearest[kept]])
    return np.abs(exact_signed_distance(pelvis.right_hip, T.apply(left)))


@pytest.mark.slow
def test_left_and_right_differ_as_much_as_in_people():
    rms = [
        np.sqrt((mirrored_difference(virtual_pelvis(np.random.default_rng(s), COARSE)) ** 2).mean())
        for s in range(8)
    ]
    # 19 real pelves: mean rms 1.28 mm; eight draws leave some scatter
    assert 0.9 < np.mean(rms) < 1.7


def test_without_asymmetry_left_and_right_are_mirror_images():
    person = virtual_pelvis(np.random.default_rng(0), VariationConfig(spacing_mm=2.5, asymmetry_mm=0.0))
    assert np.allclose(person.left_hip.vertices * [-1, 1, 1], person.right_hip.vertices, atol=1e-9)


@pytest.mark.parametrize(
    "change", [{"scale": 0.0}, {"shape_mm": 0.0}, {"asymmetry_mm": 0.0}, {"wavelength_mm": 150.0}]
)
def test_every_setting_of_the_variation_changes_the_bones(pelvis, change):
    other = virtual_pelvis(np.random.default_rng(1), VariationConfig(spacing_mm=2.5, **change))
    assert np.abs(other.left_hip.vertices - pelvis.left_hip.vertices).max() > 0.5


def test_the_seed_decides_who_it_is(pelvis):
    same, other = (virtual_pelvis(np.random.default_rng(s), COARSE) for s in (1, 2))
    assert np.array_equal(same.sacrum.vertices, pelvis.sacrum.vertices)
    assert not np.allclose(other.sacrum.vertices, pelvis.sacrum.vertices, atol=0.5)


def test_a_folder_of_meshes_is_read(pelvis, tmp_path):
    read = read_pelvis(save(tmp_path / "meshes", pelvis))
    for name, mesh in pelvis.bones.items():
        assert read.bones[name].volume == pytest.approx(mesh.volume, rel=1e-3)
    again = read_pelvis(save(tmp_path / "short", pelvis, ("001_LI.stl", "001_RI.stl", "001_SA.stl")))
    assert again.left_hip.volume == pytest.approx(read.left_hip.volume, rel=1e-3)


@pytest.mark.slow
def test_a_labelled_volume_is_read(pelvis, tmp_path):
    from rafr.cases.fracture.solid import grid_around
    from rafr.imaging.volume import write_volume
    from rafr.imaging.voxelise import occupancy

    grid = grid_around(merge_meshes(list(pelvis.bones.values())).vertices, 2.0, 6.0)
    labels = np.zeros(grid.array.shape, np.uint8)
    for value, name in ((1, "sacrum"), (11, "left_hip"), (21, "right_hip")):
        labels[occupancy(pelvis.bones[name], grid).array] = value
    write_volume(tmp_path / "labels.nii.gz", grid.with_array(labels))
    read = read_pelvis(tmp_path / "labels.nii.gz")
    assert read.left_hip.volume == pytest.approx(pelvis.left_hip.volume, rel=0.08)
    labels[labels == 21] = 0
    write_volume(tmp_path / "half.nii.gz", grid.with_array(labels))
    with pytest.raises(InputError, match="no right_hip"):
        read_pelvis(tmp_path / "half.nii.gz")


@needs_data
@pytest.mark.data
def test_vsd_pelves_are_read_in_lps():
    read = read_pelvis(DATA / "vsd" / "z001.mat")
    assert read.left_hip.centroid[0] > read.sacrum.centroid[0] > read.right_hip.centroid[0]
    anatomy = find_anatomy(read)
    assert anatomy.sacrum_top[2] > anatomy.sacrum_tip[2]
    assert anatomy.hips["left"].asis[1] < anatomy.hips["left"].psis[1]  # y is posterior


def broken_copy(pelvis, what):
    if what == "hole":
        return IntactPelvis(
            TriangleMesh(pelvis.left_hip.vertices, pelvis.left_hip.faces[5:]), pelvis.right_hip, pelvis.sacrum
        )
    if what == "metres":
        return IntactPelvis(*(m.scaled(1e-3) for m in pelvis.bones.values()))
    if what == "swapped":
        return IntactPelvis(pelvis.right_hip, pelvis.left_hip, pelvis.sacrum)
    return IntactPelvis(
        TriangleMesh(pelvis.left_hip.vertices, pelvis.left_hip.faces[:, ::-1]),
        pelvis.right_hip,
        pelvis.sacrum,
    )


@pytest.mark.parametrize(
    ("what", "said"),
    [("hole", "has holes"), ("metres", "wide"), ("swapped", "along \\+x"), ("inside-out", "inwards")],
)
def test_meshes_that_are_no_pelvis_are_refused(pelvis, tmp_path, what, said):
    folder = save(
        tmp_path / "meshes", broken_copy(pelvis, what), ("left_hip.ply", "right_hip.ply", "sacrum.ply")
    )
    with pytest.raises(InputError, match=said):
        read_pelvis(folder)


def test_files_that_are_no_pelvis_are_named(pelvis, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_pelvis(tmp_path / "nothing.mat")
    (tmp_path / "text.mat").write_text("hello")
    with pytest.raises(InputError, match="not a VSD pelvis"):
        read_pelvis(tmp_path / "text.mat")
    (tmp_path / "scan.dat").write_text("hello")
    with pytest.raises(InputError, match="not known"):
        read_pelvis(tmp_path / "scan.dat")
    folder = save(tmp_path / "meshes", pelvis)
    (folder / "sacrum.stl").unlink()
    with pytest.raises(InputError, match="no sacrum"):
        read_pelvis(folder)
    (folder / "sacrum.stl").write_text("not a mesh")
    with pytest.raises(InputError, match="sacrum"):
        read_pelvis(folder)


def test_the_reference_tool_stands_in_front_of_the_patient_on_the_reference_side(pelvis):
    whole = merge_meshes(list(pelvis.bones.values()))
    for reference, sign in ((pelvis.left_hip, 1), (pelvis.right_hip, -1)):
        T = place_reference_marker(reference, whole)
        spheres = T.apply(FIDUCIALS_MM)
        assert spheres[:, 1].max() < whole.vertices[:, 1].min() - 35.0  # mm: skin and air between
        assert sign * (spheres[:, 0].mean() - whole.vertices[:, 0].mean()) > 5.0
        assert np.array_equal(T.matrix, place_reference_marker(reference, whole).matrix)
