"""Where things are does not depend on how a volume is stored."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from rafr.imaging.meshing import mesh_from_labels
from rafr.imaging.readers import read_volume
from rafr.imaging.volume import Volume, write_volume
from rafr.imaging.voxelise import occupancy

directions = st.builds(
    lambda seed, mirrored: (
        Rotation.random(random_state=seed).as_matrix() @ np.diag([-1.0 if mirrored else 1.0, 1, 1])
    ),
    st.integers(0, 2**31 - 1),
    st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(direction=directions, suffix=st.sampled_from([".nii.gz", ".nrrd", ".mha"]))
def test_any_direction_matrix_survives_a_file(tmp_path_factory, direction, suffix):
    array = np.arange(5 * 4 * 3, dtype=np.int16).reshape(5, 4, 3)
    volume = Volume(array, np.array([11.0, -7.0, 300.0]), np.array([0.7, 1.1, 2.5]), direction)
    path = tmp_path_factory.mktemp("volumes") / f"image{suffix}"
    write_volume(path, volume)
    back = read_volume(path)
    for corner in ([0, 0, 0], [2, 0, 0], [0, 3, 0], [0, 0, 4], [2, 3, 4]):
        i, j, k = np.rint(back.lps_to_index(volume.index_to_lps(corner))).astype(int)
        assert back.array[k, j, i] == array[corner[2], corner[1], corner[0]]
        # mm: NIfTI keeps the orientation as a float32 quaternion
        np.testing.assert_allclose(back.index_to_lps(corner), volume.index_to_lps(corner), atol=1e-3)
    assert back.same_grid(volume)


@settings(max_examples=12, deadline=None)
@given(direction=directions)
def test_a_surface_lies_where_its_labels_are_in_any_orientation(direction):
    array = np.zeros((30, 26, 22), np.uint8)
    array[6:24, 5:20, 4:12] = 11
    volume = Volume(array, np.array([40.0, -3.0, 12.0]), np.array([0.9, 1.0, 1.3]), direction)
    mesh = mesh_from_labels(volume, [11])
    voxels = np.argwhere(array)[:, ::-1]
    assert mesh.volume > 0
    # rounded edges take a few per cent off so small a box
    np.testing.assert_allclose(mesh.volume, len(voxels) * 0.9 * 1.3, rtol=0.06)
    middle = 0.5 * (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0))
    np.testing.assert_allclose(middle, volume.index_to_lps(voxels).mean(axis=0), atol=0.3)  # mm
    inside = occupancy(mesh, volume).array
    wanted = array > 0
    assert 2 * (inside & wanted).sum() / (inside.sum() + wanted.sum()) > 0.97
