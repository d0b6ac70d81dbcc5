import multiprocessing

import numpy as np
import pytest

from rafr.cases.case import Body
from rafr.cases.meshes import body_meshes
from rafr.errors import InputError
from rafr.imaging.readers import read_volume
from rafr.imaging.volume import Volume, write_volume


def cached(case):
    return sorted((case.folder.parent / "cache" / "rafr" / "meshes").glob("*"))


def same(a, b):
    return all(
        np.array_equal(a[n].mesh.vertices, b[n].mesh.vertices)
        and np.array_equal(a[n].mesh.faces, b[n].mesh.faces)
        for n in a
    )


def test_a_body_has_one_surface_and_one_per_label(case):
    meshes = body_meshes(case)
    assert list(meshes) == ["reference", "left_hip"]
    reference = meshes["reference"]
    assert set(reference.parts) == {1, 21}
    parts = sum(p.volume for p in reference.parts.values())
    assert reference.mesh.volume == pytest.approx(parts, rel=0.01)
    assert meshes["left_hip"].mesh is meshes["left_hip"].parts[11]
    assert {m.voxel_mm for m in meshes.values()} == {float(read_volume(case.labels).spacing.max())}


def test_the_second_call_reads_the_cache_and_gets_the_same(case, monkeypatch):
    first = body_meshes(case)
    monkeypatch.setattr("rafr.cases.meshes.mesh_from_labels", None)  # would fail if called
    assert same(first, body_meshes(case))


def test_a_damaged_cache_file_is_built_anew(case):
    first = body_meshes(case)
    for number, path in enumerate(cached(case)):
        content = path.read_bytes()
        path.write_bytes([b"", content[: len(content) // 2], b"PK garbage"][number % 3])
    assert same(first, body_meshes(case))


def test_other_content_gets_other_surfaces(case):
    before = body_meshes(case)["left_hip"].mesh
    labels = read_volume(case.labels)
    moved = Volume(labels.array, labels.origin + np.array([5.0, 0, 0]), labels.spacing, labels.direction)
    write_volume(case.labels, moved)
    ct = read_volume(case.ct)
    write_volume(case.ct, Volume(ct.array, moved.origin, ct.spacing, ct.direction))
    after = body_meshes(case)["left_hip"].mesh
    np.testing.assert_allclose(
        after.centroid - before.centroid, [5.0, 0, 0], atol=0.01
    )  # mm: float32 rounding


def test_a_cache_that_cannot_be_written_is_done_without(case, monkeypatch):
    blocked = case.folder.parent / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert body_meshes(case)["left_hip"].mesh.volume > 0


@pytest.mark.slow
def test_processes_that_build_at_once_agree_and_leave_whole_files(case):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        one, two = pool.map(body_meshes, [case, case])
    assert all(np.array_equal(one[name].mesh.vertices, two[name].mesh.vertices) for name in one)
    assert [p.suffix for p in cached(case)] == [".npz"] * 4  # 1, 21, 1+21, 11; nothing temporary


def test_a_body_without_voxels_is_an_input_error(case):
    with pytest.raises(InputError, match="label 14"):
        body_meshes(case.with_bodies((Body("reference", (1, 21)), Body("left_hip", (14,)))))
